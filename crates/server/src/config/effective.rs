//! The output of `check-config`.
use std::fmt::Write;

use clap::ArgMatches;
use yaml_serde::Value;

use super::{Structures, mask};

/// Returns every option and its effective value.
pub(super) fn list(command: &clap::Command, matches: &ArgMatches) -> Vec<(String, String)> {
    let named = command
        .get_arguments()
        .filter_map(|argument| argument.get_long().map(|_| argument.get_id().as_str()));
    named
        .filter(|name| !matches!(*name, "help" | "version" | "config"))
        .map(|name| {
            let values = matches.get_raw(name).into_iter().flatten();
            let values: Vec<String> = values.map(|value| mask::text(&value.to_string_lossy())).collect();
            (name.to_owned(), values.join(","))
        })
        .collect()
}

/// Formats the options and the structured sections as a valid configuration file.
pub fn print(effective: &[(String, String)], structures: &Structures) -> String {
    let mut text = String::new();
    for (name, value) in effective.iter().filter(|(_, value)| !value.is_empty()) {
        let value = yaml_serde::to_string(value).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}: {}", value.trim_end());
    }
    let mut rest = Value::Mapping(structures.0.clone());
    mask::structure(&mut rest);
    if !structures.0.is_empty() {
        text.push_str(&yaml_serde::to_string(&rest).unwrap_or_default());
    }
    text
}

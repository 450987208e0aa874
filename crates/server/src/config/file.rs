//! The configuration file. Its keys become flags, unless the command line or the environment sets them.
use std::ffi::OsString;
use std::path::Path;

use clap::ArgMatches;
use clap::parser::ValueSource;
use yaml_serde::{Mapping, Value};

use super::{ConfigError, Structures};

/// Reads the file. Keys in the section with the service's name override top-level keys.
pub(super) fn read(path: &Path, service: &str) -> Result<Mapping, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| ConfigError(format!("{}: {error}", path.display())))?;
    let invalid = |error: yaml_serde::Error| ConfigError(format!("{}: {error}", path.display()));
    let file: Option<Mapping> = yaml_serde::from_str(&text).map_err(invalid)?;
    let mut keys = Mapping::new();
    let mut own = Mapping::new();
    for (key, value) in file.unwrap_or_default() {
        match (key.as_str(), value) {
            (Some(name), Value::Mapping(section)) if name == service => own = section,
            // A section of another service is ignored.
            (Some(name), Value::Mapping(_)) if name.ends_with("-api") => {}
            (_, value) => drop(keys.insert(key, value)),
        }
    }
    keys.extend(own);
    Ok(keys)
}

/// Splits the keys into arguments that are not set yet, and structured sections.
pub(super) fn arguments(
    command: &clap::Command,
    given: &ArgMatches,
    structures: &[&str],
    keys: Mapping,
) -> Result<(Vec<OsString>, Structures), ConfigError> {
    let mut arguments = Vec::new();
    let mut rest = Mapping::new();
    for (key, value) in keys {
        let name =
            key.as_str().ok_or_else(|| ConfigError("a key of the file is not a name".to_owned()))?.to_owned();
        if structures.contains(&name.as_str()) {
            rest.insert(key, value);
            continue;
        }
        let argument = command.get_arguments().find(|argument| argument.get_id() == name.as_str());
        let Some(flag) = argument.and_then(clap::Arg::get_long).filter(|flag| *flag != "config") else {
            return Err(ConfigError(format!("unknown configuration key `{name}`")));
        };
        let source = given.value_source(&name);
        if matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable)) {
            continue;
        }
        for text in texts(&name, value)? {
            arguments.push(format!("--{flag}={text}").into());
        }
    }
    Ok((arguments, Structures(rest)))
}

fn texts(name: &str, value: Value) -> Result<Vec<String>, ConfigError> {
    Ok(match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text],
        Value::Bool(yes) => vec![yes.to_string()],
        Value::Number(number) => vec![number.to_string()],
        Value::Sequence(list) => {
            let texts: Result<Vec<_>, _> = list.into_iter().map(|item| texts(name, item)).collect();
            texts?.concat()
        }
        Value::Mapping(_) | Value::Tagged(_) => {
            return Err(ConfigError(format!("{name} is not a plain value")));
        }
    })
}

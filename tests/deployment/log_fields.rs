//! The dictionary of log fields: in the documentation and in the code, each name in both.
use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;
use telemetry::dictionary::{self, FIELDS};

use crate::services::{read, root};

/// The macros of `tracing` that write a line or begin a span.
const MACROS: &str = r"tracing::(?:\$level|trace|debug|info|warn|error)(?:_span)?!\(";

/// The text of all programs, without tests.
fn sources() -> String {
    let mut text = String::new();
    for directory in ["crates", "services"] {
        collect(&root().join(directory), &mut text);
    }
    text
}

fn collect(directory: &Path, text: &mut String) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            if !["tests", "testkit", "target", "benches", "examples"].contains(&name.as_str()) {
                collect(&path, text);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && name != "tests.rs"
            && name != "dictionary.rs"
        {
            let source = std::fs::read_to_string(&path).unwrap();
            text.push_str(source.split("#[cfg(test)]\nmod tests {").next().unwrap());
        }
    }
}

/// The arguments of a macro, split at commas that are not in brackets or strings.
fn arguments(source: &str) -> Vec<String> {
    let (mut arguments, mut current, mut depth) = (Vec::new(), String::new(), 1);
    let mut letters = source.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                current.push(letter);
                while let Some(letter) = letters.next() {
                    current.push(letter);
                    match letter {
                        '\\' => current.extend(letters.next()),
                        '"' => break,
                        _ => {}
                    }
                }
                continue;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 1 => {
                arguments.push(std::mem::take(&mut current));
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
        current.push(letter);
    }
    arguments.push(current);
    arguments.into_iter().map(|argument| argument.trim().to_owned()).collect()
}

/// The names of the fields in the code. Names with a dot are attributes of spans, which are not logged.
fn names(sources: &str) -> BTreeSet<String> {
    let argument = Regex::new(r"^(?:json\.)?([a-z_][a-z0-9_]*)(?:\s*=[^=]|$)").unwrap();
    let call = Regex::new(
        r#"(?:log_field|log_optional_field|\.fields\.set|\blog\.set|\bfields\.insert)\(\s*"([a-z_]+)""#,
    )
    .unwrap();
    let mut names: BTreeSet<String> =
        call.captures_iter(sources).map(|found| found.extract::<1>().1[0].to_owned()).collect();
    for found in Regex::new(MACROS).unwrap().find_iter(sources) {
        for text in arguments(&sources[found.end()..]) {
            if let Some(name) = argument.captures(&text) {
                names.insert(name.extract::<1>().1[0].to_owned());
            }
        }
    }
    // `error` is logged as `error_message`, and `fields` contains the fields of the request.
    names.remove("error");
    names.remove("fields");
    names
}

#[test]
fn every_field_in_the_code_is_in_the_dictionary() {
    let names = names(&sources());
    assert!(names.len() >= 80, "{names:?}");
    let unknown: Vec<&String> = names.iter().filter(|name| !dictionary::contains(name)).collect();
    assert!(unknown.is_empty(), "add to telemetry::dictionary and docs/observability.md: {unknown:?}");
}

#[test]
fn every_field_of_the_dictionary_is_in_the_code() {
    let sources = sources();
    let names = names(&sources);
    let is_used = |name: &str| names.contains(name) || sources.contains(&format!("\"{name}\""));
    let unused: Vec<&str> = FIELDS.iter().map(|field| field.name).filter(|name| !is_used(name)).collect();
    assert!(unused.is_empty(), "nothing logs {unused:?}");
}

#[test]
fn documentation_has_the_fields_of_the_dictionary() {
    let page = read("docs/observability.md");
    let section = page.split("\n## ").find(|section| section.starts_with("Log fields\n")).unwrap();
    let row = Regex::new(r"(?m)^\| `([a-z_]+)` \| ([a-z]+) \| .{5,} \|$").unwrap();
    let documented: Vec<(String, String)> = row
        .captures_iter(section)
        .map(|found| found.extract::<2>().1.map(ToOwned::to_owned))
        .map(|[name, kind]| (name, kind))
        .collect();
    let expected: Vec<(String, String)> = FIELDS
        .iter()
        .map(|field| (field.name.to_owned(), format!("{:?}", field.kind).to_lowercase()))
        .collect();
    assert_eq!(documented, expected);
}

/// Lines are read by programs, so no value is in Rust's debug format.
#[test]
fn no_value_is_logged_in_debug_format() {
    let sources = sources();
    let debug = Regex::new(r"^(?:[a-z_.]+\s*=\s*)?\?[a-z]").unwrap();
    for found in Regex::new(MACROS).unwrap().find_iter(&sources) {
        for argument in arguments(&sources[found.end()..]) {
            assert!(!debug.is_match(&argument), "{argument}");
        }
    }
}

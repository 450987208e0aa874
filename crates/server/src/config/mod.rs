//! Configuration. The order of precedence is: flag, environment variable, file, default.
//!
//! An option is one field of a clap struct. Its flag also determines the environment variable
//! (`IAPI_DATABASE_URL`) and the key in the file (`database_url`). Structured sections exist only in the
//! file; the service defines their keys.
mod effective;
mod file;
mod key_base;
pub mod mask;
pub(crate) mod options;
pub(crate) mod redis;
mod types;

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};
use yaml_serde::Value;

use crate::core::VERSION;

pub use effective::print;
pub use key_base::KeyBaseOptions;
pub use options::{Options, ProxyOptions, StorageOptions};
pub use redis::RedisOptions;
pub use types::{Seconds, read_url, web_url};

/// The configuration or a secret is invalid. The process exits with status 78 before it binds a port.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl ConfigError {
    pub fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// The configuration that a service starts with.
#[derive(Debug)]
pub struct Loaded<O> {
    pub options: O,
    /// The structured sections of the file.
    pub structures: Structures,
    /// The name and value of every option, for `check-config`.
    pub effective: Vec<(String, String)>,
}

/// Sections of the file that have no command-line flag.
#[derive(Debug, Default)]
pub struct Structures(yaml_serde::Mapping);

impl Structures {
    /// Deserializes a section. A missing section is the default.
    pub fn get<T: serde::de::DeserializeOwned + Default>(&self, name: &str) -> Result<T, ConfigError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(T::default()),
            Some(value) => {
                let masked = |error: yaml_serde::Error| {
                    ConfigError(format!("{name}: {}", without_values(&error.to_string())))
                };
                T::deserialize(value.clone()).map_err(masked)
            }
        }
    }
}

/// Masks the strings that an error of the parser quotes: a structure may hold tokens and URLs with passwords.
/// Names and keywords, which the parser puts into backticks, stay.
fn without_values(error: &str) -> String {
    let (mut masked, mut rest) = (String::with_capacity(error.len()), error);
    while let Some((before, quoted)) = rest.split_once('"') {
        let mut is_escaped = false;
        let end = quoted.find(|character| {
            let ends = character == '"' && !is_escaped;
            is_escaped = character == '\\' && !is_escaped;
            ends
        });
        masked.push_str(before);
        masked.push('\u{2026}');
        rest = end.map_or("", |end| &quoted[end + 1..]);
    }
    masked + rest
}

/// Masks the value that an error quotes, which may be a URL with a password.
fn masked(mut error: clap::Error) -> clap::Error {
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg] {
        if let Some(ContextValue::String(value)) = error.get(kind) {
            let value = mask::text(value);
            error.insert(kind, ContextValue::String(value));
        }
    }
    error
}

/// Loads the command line, the environment and the file. `structures` lists the names of the structured
/// sections.
///
/// # Errors
///
/// Returns a [`clap::Error`] that can print itself. `--help` is one too.
pub fn load<O: CommandFactory + FromArgMatches>(
    service: &str,
    structures: &[&str],
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Loaded<O>, clap::Error> {
    let mut command = O::command().version(VERSION.as_str());
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let first = command.clone().try_get_matches_from(&arguments).map_err(masked)?;
    let mut found = Structures::default();
    if let Some(path) = first.get_one::<std::path::PathBuf>("config") {
        let invalid = |error: ConfigError| command.clone().error(ErrorKind::ValueValidation, error);
        let file = file::read(path, service).map_err(invalid)?;
        let (extra, rest) = file::arguments(&command, &first, structures, file).map_err(invalid)?;
        arguments.extend(extra);
        found = rest;
    }
    let matches = command.try_get_matches_from_mut(arguments).map_err(masked)?;
    let options = O::from_arg_matches(&matches).map_err(masked)?;
    Ok(Loaded { options, structures: found, effective: effective::list(&command, &matches) })
}

/// Loads the configuration file of a service for another program. Ignores the options that `O` lacks, and the
/// environment, which is not that of the service.
///
/// # Errors
///
/// Returns an error if the file cannot be read, or a value is invalid.
pub fn load_file<O: CommandFactory + FromArgMatches>(
    service: &str,
    path: &Path,
) -> Result<(O, Structures), ConfigError> {
    let command = O::command().mut_args(|argument| argument.env(None::<&'static str>));
    let keys = file::read(path, service)?;
    let is_option = |name: &str| command.get_arguments().any(|argument| argument.get_id() == name);
    let names: Vec<String> = keys.keys().filter_map(Value::as_str).map(ToOwned::to_owned).collect();
    let others: Vec<&str> = names.iter().map(String::as_str).filter(|name| !is_option(name)).collect();
    let invalid = |error: clap::Error| {
        let text = masked(error).to_string();
        let reason = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        ConfigError(format!("{}: {reason}", path.display()))
    };
    let none = command.clone().try_get_matches_from([service]).map_err(invalid)?;
    let (arguments, structures) = file::arguments(&command, &none, &others, keys)?;
    let arguments = std::iter::once(OsString::from(service)).chain(arguments);
    let matches = command.try_get_matches_from(arguments).map_err(invalid)?;
    Ok((O::from_arg_matches(&matches).map_err(invalid)?, structures))
}

#[cfg(test)]
mod tests;

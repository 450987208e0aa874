//! Configuration: flag, before environment, before file, before default.
//!
//! An option is a field of a clap struct, and nothing else: its flag names the environment variable
//! (`IAPI_DATABASE_URL`) and the key of the file (`database_url`) too. What has a structure of its own is in the
//! file only, and its keys are named by the service.
mod effective;
mod file;
pub mod mask;
pub(crate) mod options;
mod types;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use yaml_serde::Value;

pub use effective::print;
pub use options::{Options, ProxyOptions, RedisOptions, StorageOptions};
pub use types::{Seconds, read_url};

/// Something in the configuration, or a secret, is not usable: the process ends with 78 before a port is bound.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl ConfigError {
    pub fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// What a service is started with.
#[derive(Debug)]
pub struct Loaded<O> {
    pub options: O,
    /// Sections of the file that are structures.
    pub structures: Structures,
    /// Every option's name and value, for `check-config`.
    pub effective: Vec<(String, String)>,
}

/// Sections of the file that no flag can say.
#[derive(Debug, Default)]
pub struct Structures(yaml_serde::Mapping);

impl Structures {
    /// Reads one of them; one that is not there is the default.
    pub fn get<T: serde::de::DeserializeOwned + Default>(&self, name: &str) -> Result<T, ConfigError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(T::default()),
            Some(value) => {
                T::deserialize(value.clone()).map_err(|error| ConfigError(format!("{name}: {error}")))
            }
        }
    }
}

/// Reads the command line, the environment and the file. `structures` names the sections that are structures.
///
/// # Errors
/// A [`clap::Error`] prints itself; `--help` is one too.
pub fn load<O: CommandFactory + FromArgMatches>(
    service: &str,
    structures: &[&str],
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Loaded<O>, clap::Error> {
    let mut command = O::command();
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let first = command.clone().try_get_matches_from(&arguments)?;
    let mut found = Structures::default();
    if let Some(path) = first.get_one::<std::path::PathBuf>("config") {
        let invalid = |error: ConfigError| command.clone().error(ErrorKind::ValueValidation, error);
        let file = file::read(path, service).map_err(invalid)?;
        let (extra, rest) = file::arguments(&command, &first, structures, file).map_err(invalid)?;
        arguments.extend(extra);
        found = rest;
    }
    let matches = command.try_get_matches_from_mut(arguments)?;
    let options = O::from_arg_matches(&matches)?;
    Ok(Loaded { options, structures: found, effective: effective::list(&command, &matches) })
}

#[cfg(test)]
mod tests;

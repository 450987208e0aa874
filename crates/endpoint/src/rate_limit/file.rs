//! The file of rate limits: YAML with an entry for each consumer, and one for failed authentications.
use std::collections::BTreeMap;
use std::path::Path;

use super::failures::FailureLimit;
use super::{Buckets, DEFAULTS, Limit};

/// The entries of the file, by name.
pub(super) type File = BTreeMap<String, yaml_serde::Value>;

/// Why the file is invalid.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error(transparent)]
    Unreadable(#[from] std::io::Error),
    #[error(transparent)]
    Yaml(#[from] yaml_serde::Error),
    #[error("the file is empty")]
    Empty,
    #[error("unknown name {name} (expected {} or failures)", DEFAULTS.map(|(consumer, _)| consumer).join(", "))]
    UnknownName { name: String },
    #[error("{name}: {source}")]
    Entry { name: String, source: yaml_serde::Error },
    #[error("{name}: {range}")]
    OutOfRange { name: String, range: &'static str },
}

/// Reads and validates the file.
pub(super) fn read(path: &Path) -> Result<File, Problem> {
    parse(&std::fs::read_to_string(path)?)
}

/// Validates every entry, including those of other services, because services share the file.
pub(super) fn parse(text: &str) -> Result<File, Problem> {
    // An empty file is probably half written.
    let file: File = yaml_serde::from_str::<Option<File>>(text)?.ok_or(Problem::Empty)?;
    for name in file.keys() {
        match DEFAULTS.iter().find(|(consumer, _)| consumer == name) {
            Some((consumer, default)) => drop(buckets(&file, consumer, *default)?),
            None if name == "failures" => drop(failure_limit(&file)?),
            None => return Err(Problem::UnknownName { name: name.clone() }),
        }
    }
    Ok(file)
}

/// The request limit of a consumer. `None` if it is unlimited.
pub(super) fn buckets(file: &File, consumer: &str, default: Limit) -> Result<Option<Buckets>, Problem> {
    let limit = setting(file, consumer, default)?;
    let out_of_range = |range| Problem::OutOfRange { name: consumer.to_owned(), range };
    limit.map(Buckets::new).transpose().map_err(out_of_range)
}

/// The limit for failed authentications. `None` if they are unlimited.
pub(super) fn failure_limit(file: &File) -> Result<Option<FailureLimit>, Problem> {
    let limit = setting(file, "failures", FailureLimit::default())?;
    let out_of_range = |range| Problem::OutOfRange { name: "failures".to_owned(), range };
    limit.map(FailureLimit::checked).transpose().map_err(out_of_range)
}

/// Returns the limit with this name, or `None` for `unlimited`.
fn setting<T: serde::de::DeserializeOwned>(
    file: &File,
    name: &str,
    default: T,
) -> Result<Option<T>, Problem> {
    let Some(value) = file.get(name) else { return Ok(Some(default)) };
    if value.as_str() == Some("unlimited") {
        return Ok(None);
    }
    let entry = |source| Problem::Entry { name: name.to_owned(), source };
    T::deserialize(value.clone()).map(Some).map_err(entry)
}

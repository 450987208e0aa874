//! Storages: where repositories are kept, by name, and how this service reads them.
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use crate::gitaly::{Gitaly, InvalidAddress, ServerInfo};
use crate::local::{self, Processes};
use crate::repository::{BackEnd, Repository};
use crate::usage::{Observer, Usage};
use crate::{CallContext, Quarantine, Result};

/// The configured storages, by name. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Storages(Arc<BTreeMap<String, (Storage, Inspector)>>);

/// What reads the repositories of a storage.
#[derive(Debug)]
enum Inspector {
    Gitaly(Box<Gitaly>),
    Local(PathBuf, Processes),
    None,
}

/// A storage that cannot be read as its configuration says.
#[derive(Debug, thiserror::Error)]
pub enum InvalidStorage {
    /// `inspect: local` without a `path`.
    #[error("{0} is inspected locally but has no path")]
    NoPath(String),
    /// `inspect: gitaly` with an address that cannot be used.
    #[error("{0} is inspected by Gitaly but its address {1}")]
    Address(String, #[source] InvalidAddress),
}

/// Identifies a repository, and the request that reads it.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    /// The storage, as the configuration names it.
    pub storage_name: &'a str,
    /// The project's own path below the storage, with the suffix: not the path that a hook sends.
    pub relative_path: &'a str,
    /// E.g. `project-3`.
    pub gl_repository: String,
    /// E.g. `group/project`.
    pub gl_project_path: &'a str,
    /// The request.
    pub context: CallContext,
}

/// One section of `storages` in the configuration.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// Where clients reach Gitaly: `unix:/path`, `tcp://host:port`, `tls://host:port` or `dns:host:port`.
    pub address: String,
    /// The secret that clients share with Gitaly.
    #[serde(default)]
    pub token: Option<String>,
    /// How this service reads the repositories: `local` if there is a `path`, else `gitaly`.
    #[serde(default)]
    pub inspect: Option<Inspect>,
    /// The directory that holds the repositories, for `inspect: local`.
    #[serde(default)]
    pub path: Option<PathBuf>,
}

/// How the repositories of a storage are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Inspect {
    /// By calls to the Gitaly at `address`.
    Gitaly,
    /// On the local disk, below `path`.
    Local,
    /// Not at all. Every fact about a repository is unknown to decisions.
    None,
}

impl Storages {
    /// Prepares the storages for one process, without connecting to Gitaly. `client_name` names the process in
    /// Gitaly's log. `observe` receives the cost of each call and each `git` process. Must be called within the event
    /// loop.
    pub fn new(
        client_name: &'static str,
        storages: BTreeMap<String, Storage>,
        observe: impl Fn(Usage) + Send + Sync + 'static,
    ) -> Result<Self, InvalidStorage> {
        let observer = Observer::new(observe);
        // One limit for all local storages: they share this machine's memory.
        let processes = Processes::new(observer.clone());
        let with_inspector = storages.into_iter().map(|(name, storage)| {
            let inspector = match (storage.inspect(), &storage.path) {
                (Inspect::Gitaly, _) => Gitaly::new(client_name, &storage, observer.clone())
                    .map(|gitaly| Inspector::Gitaly(Box::new(gitaly)))
                    .map_err(|error| InvalidStorage::Address(name.clone(), error))?,
                (Inspect::Local, Some(path)) => Inspector::Local(path.clone(), processes.clone()),
                (Inspect::Local, None) => return Err(InvalidStorage::NoPath(name)),
                (Inspect::None, _) => Inspector::None,
            };
            Ok((name, (storage, inspector)))
        });
        Ok(Self(Arc::new(with_inspector.collect::<Result<_, _>>()?)))
    }

    /// The configuration of a storage.
    pub fn get(&self, name: &str) -> Option<&Storage> {
        self.0.get(name).map(|(storage, _)| storage)
    }

    /// The names of all storages, sorted.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// The repository at a place, with the objects of a push in `quarantine`. `None` if the storage is not
    /// configured.
    pub fn repository(&self, place: &Place<'_>, quarantine: Quarantine) -> Option<Repository> {
        let (_, inspector) = self.0.get(place.storage_name)?;
        Some(Repository(match inspector {
            Inspector::Gitaly(gitaly) => BackEnd::Gitaly(Box::new(gitaly.repository(place, quarantine))),
            Inspector::Local(path, processes) => {
                BackEnd::Local(Box::new(local::Repository::new(path, place, &quarantine, processes.clone())))
            }
            Inspector::None => BackEnd::None,
        }))
    }

    /// Asks the Gitaly of a storage for its version and its storages. `None` if the storage is not configured, or is
    /// not read through Gitaly.
    pub async fn server_info(&self, name: &str, context: &CallContext) -> Option<Result<ServerInfo>> {
        match self.0.get(name)? {
            (_, Inspector::Gitaly(gitaly)) => Some(gitaly.server_info(context).await),
            _ => None,
        }
    }
}

impl Storage {
    /// How this service reads the repositories.
    pub fn inspect(&self) -> Inspect {
        self.inspect.unwrap_or(if self.path.is_some() { Inspect::Local } else { Inspect::Gitaly })
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, token, inspect, path } = self;
        let token = token.as_ref().map(|_| "[FILTERED]");
        let mut fields = formatter.debug_struct("Storage");
        fields.field("address", address).field("token", &token).field("inspect", inspect);
        fields.field("path", path).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage(path: Option<&str>) -> Storage {
        let (address, token) = ("tcp://gitaly:8075".to_owned(), Some("s3cret".to_owned()));
        Storage { address, token, inspect: None, path: path.map(Into::into) }
    }

    #[test]
    fn storages_without_a_path_are_read_through_gitaly() {
        assert_eq!(storage(None).inspect(), Inspect::Gitaly);
        assert_eq!(storage(Some("/srv")).inspect(), Inspect::Local);
        assert_eq!(
            Storage { inspect: Some(Inspect::None), ..storage(Some("/srv")) }.inspect(),
            Inspect::None
        );
    }

    #[tokio::test]
    async fn tokens_are_hidden_in_debug_output() {
        let storages = BTreeMap::from([("default".to_owned(), storage(None))]);
        let storages = Storages::new("test", storages, drop).unwrap();
        let shown = format!("{storages:?}");
        assert!(shown.contains("tcp://gitaly:8075") && !shown.contains("s3cret"), "{shown}");
    }
}

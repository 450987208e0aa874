//! Storages: where repositories lie, by name, and how this service looks into them.
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use domain::access::push::{Answers, Question, RepositoryState, StateNeeds};
use futures_util::{StreamExt, TryStreamExt};
use serde::Deserialize;

use crate::gitaly::{self, Gitaly, InvalidAddress};
use crate::local::{self, Answer};
use crate::{Blob, ChangedPath, Commit, Error, LfsPointer, Quarantine, Result};

/// Questions about one push that are asked at the same time.
const AT_ONCE: usize = 4;

/// The storages of the configuration, by name; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Storages(Arc<BTreeMap<String, (Storage, Inspector)>>);

/// What looks into the repositories of a storage.
#[derive(Debug)]
enum Inspector {
    Gitaly(Gitaly),
    Local(PathBuf),
    None,
}

/// A storage that cannot be looked into as its configuration says.
#[derive(Debug, thiserror::Error)]
pub enum InvalidStorage {
    #[error("{0} is inspected locally but has no path")]
    NoPath(String),
    #[error("{0} is inspected by Gitaly but its address {1}")]
    Address(String, #[source] InvalidAddress),
}

/// Which repository.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    pub storage_name: &'a str,
    /// To the storage, with the suffix.
    pub relative_path: &'a str,
    pub gl_repository: String,
    pub gl_project_path: &'a str,
    /// Of the request that leads there, for Gitaly's log.
    pub correlation_id: Option<&'a str>,
}

/// One section of `storages`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// Where clients reach Gitaly: `unix:/path`, `tcp://host:port`, `tls://host:port` or `dns:host:port`.
    pub address: String,
    /// What clients show to Gitaly.
    #[serde(default)]
    pub token: Option<String>,
    /// How this service looks into the repositories: where there is a `path`, `local`, else `gitaly`.
    #[serde(default)]
    pub inspect: Option<Inspect>,
    /// The directory that holds the repositories, for `inspect: local`.
    #[serde(default)]
    pub path: Option<PathBuf>,
}

/// How repositories of a storage are looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Inspect {
    /// By asking the Gitaly at `address`.
    Gitaly,
    /// On this machine's disk, below `path`.
    Local,
    /// Not at all: what must be known to allow a push is not known.
    None,
}

impl Storages {
    /// Belongs to the event loop that it is made in. No Gitaly is connected to yet.
    pub fn new(storages: BTreeMap<String, Storage>) -> Result<Self, InvalidStorage> {
        let with_inspector = storages.into_iter().map(|(name, storage)| {
            let inspector = Inspector::new(&name, &storage)?;
            Ok((name, (storage, inspector)))
        });
        Ok(Self(Arc::new(with_inspector.collect::<Result<_, _>>()?)))
    }

    pub fn get(&self, name: &str) -> Option<&Storage> {
        self.0.get(name).map(|(storage, _)| storage)
    }

    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// The repository at a place; `None` where its storage is not known.
    pub fn repository(&self, place: &Place<'_>, quarantine: Quarantine) -> Option<Repository> {
        let (_, inspector) = self.0.get(place.storage_name)?;
        Some(Repository(match inspector {
            Inspector::Gitaly(gitaly) => BackEnd::Gitaly(Box::new(gitaly.repository(place, quarantine))),
            Inspector::Local(path) => {
                BackEnd::Local(local::Repository::new(path, place.relative_path, quarantine))
            }
            Inspector::None => BackEnd::None,
        }))
    }
}

impl Storage {
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

impl Inspector {
    fn new(name: &str, storage: &Storage) -> Result<Self, InvalidStorage> {
        match (storage.inspect(), &storage.path) {
            (Inspect::Gitaly, _) => Gitaly::new(storage)
                .map(Self::Gitaly)
                .map_err(|error| InvalidStorage::Address(name.to_owned(), error)),
            (Inspect::Local, Some(path)) => Ok(Self::Local(path.clone())),
            (Inspect::Local, None) => Err(InvalidStorage::NoPath(name.to_owned())),
            (Inspect::None, _) => Ok(Self::None),
        }
    }
}

/// One repository, as far as it can be looked into.
#[derive(Debug, Clone)]
pub struct Repository(BackEnd);

#[derive(Debug, Clone)]
enum BackEnd {
    Gitaly(Box<gitaly::Repository>),
    Local(local::Repository),
    None,
}

impl Repository {
    /// Whether it can be looked into at all.
    pub fn is_inspected(&self) -> bool {
        !matches!(self.0, BackEnd::None)
    }

    /// Whether it is there. One that cannot be looked into is believed to be.
    pub async fn exists(&self) -> Result<bool> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => gitaly.exists().await,
            BackEnd::Local(local) => local.exists().await,
            BackEnd::None => Ok(true),
        }
    }

    /// Makes it, empty, where this service can; elsewhere Gitaly's own word is all there is.
    pub async fn create(&self, default_branch: &str) -> Result<()> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => gitaly.create(default_branch).await,
            BackEnd::Local(local) => local.create(default_branch).await,
            BackEnd::None => Ok(()),
        }
    }

    /// Whether it has this branch; `None` where it cannot be looked into.
    pub async fn has_branch(&self, name: &str) -> Result<Option<bool>> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => gitaly.has_branch(name).await.map(Some),
            BackEnd::Local(local) => local.has_branch(name).await.map(Some),
            BackEnd::None => Ok(None),
        }
    }

    /// What bears on a push; `None` where it cannot be looked into.
    pub async fn state(&self, bearing: StateNeeds) -> Result<Option<RepositoryState>> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => gitaly.state(bearing).await.map(Some),
            BackEnd::Local(local) => local.state(bearing).await.map(Some),
            BackEnd::None => Ok(None),
        }
    }

    async fn answer_one(&self, question: Question) -> Result<Option<Answer>> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => gitaly.answer(question).await.map(Some),
            BackEnd::Local(local) => local.answer(question).await.map(Some),
            BackEnd::None => Ok(None),
        }
    }

    /// Answers what can be answered. `asking` hears of each question before it is asked.
    pub async fn answer(&self, questions: Vec<Question>, asking: impl Fn(&Question)) -> Result<Answers> {
        let mut fast_forward = HashMap::new();
        let mut branches_with = HashMap::new();
        let asked = futures_util::stream::iter(questions).map(|question| {
            asking(&question);
            self.answer_one(question)
        });
        let mut answered = asked.buffered(AT_ONCE);
        while let Some(answer) = answered.try_next().await? {
            match answer {
                Some(Answer::FastForward(revisions, yes)) => drop(fast_forward.insert(revisions, yes)),
                Some(Answer::BranchesWith(commit, branches)) => drop(branches_with.insert(commit, branches)),
                None => {}
            }
        }
        Ok(Answers { fast_forward, branches_with })
    }

    /// Commits that `revisions` lead to and no branch or tag does. `None` where it cannot be looked into, here and below.
    pub async fn new_commits(&self, revisions: &[String]) -> Result<Option<Vec<Commit>>> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => found(gitaly.new_commits(revisions).await).map(Some),
            BackEnd::Local(local) => local.new_commits(revisions).await.map(Some),
            BackEnd::None => Ok(None),
        }
    }

    /// Paths that these commits change, each as often as commits change it.
    pub async fn changed_paths(&self, commits: &[String]) -> Result<Option<Vec<ChangedPath>>> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => found(gitaly.changed_paths(commits).await).map(Some),
            BackEnd::Local(local) => local.changed_paths(commits).await.map(Some),
            BackEnd::None => Ok(None),
        }
    }

    /// Contents of files that `revisions` lead to and no branch or tag does.
    pub async fn new_blobs(&self, revisions: &[String]) -> Result<Option<Vec<Blob>>> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => found(gitaly.new_blobs(revisions).await).map(Some),
            BackEnd::Local(local) => local.new_blobs(revisions).await.map(Some),
            BackEnd::None => Ok(None),
        }
    }

    /// Pointers to Git LFS among the new contents, each object once.
    pub async fn new_lfs_pointers(&self, revisions: &[String]) -> Result<Option<Vec<LfsPointer>>> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => found(gitaly.new_lfs_pointers(revisions).await).map(Some),
            BackEnd::Local(local) => local.new_lfs_pointers(revisions).await.map(Some),
            BackEnd::None => Ok(None),
        }
    }

    /// How many files the tree of a revision has.
    pub async fn file_count(&self, revision: &str) -> Result<Option<u64>> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => found(gitaly.file_count(revision).await).map(Some),
            BackEnd::Local(local) => local.file_count(revision).await.map(Some),
            BackEnd::None => Ok(None),
        }
    }
}

/// What Gitaly does not find of a push is an object that is not there.
fn found<T>(answer: Result<T>) -> Result<T> {
    answer.map_err(|error| if matches!(error, Error::NotFound(_)) { Error::NoSuchObject } else { error })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage(path: Option<&str>) -> Storage {
        let (address, token) = ("tcp://gitaly:8075".to_owned(), Some("s3cret".to_owned()));
        Storage { address, token, inspect: None, path: path.map(Into::into) }
    }

    #[test]
    fn a_storage_without_a_path_is_gitalys() {
        assert_eq!(storage(None).inspect(), Inspect::Gitaly);
        assert_eq!(storage(Some("/srv")).inspect(), Inspect::Local);
        assert_eq!(
            Storage { inspect: Some(Inspect::None), ..storage(Some("/srv")) }.inspect(),
            Inspect::None
        );
    }

    #[tokio::test]
    async fn tokens_are_not_shown() {
        let storages = Storages::new(BTreeMap::from([("default".to_owned(), storage(None))])).unwrap();
        let shown = format!("{storages:?}");
        assert!(shown.contains("tcp://gitaly:8075") && !shown.contains("s3cret"), "{shown}");
    }
}

//! One repository, whichever back end reads it.
use std::collections::HashMap;

use domain::access::push::{Answers, Question, RepositoryState, StateNeeds};
use futures_util::{StreamExt, TryStreamExt};

use crate::{Blob, ChangedPath, Commit, Error, LfsPointer, Result, gitaly, local};

/// The maximum number of concurrent questions about one push.
const MAX_CONCURRENT_QUESTIONS: usize = 4;

/// One repository. Cheap to clone.
///
/// Methods about a push see the objects in its quarantine. The others see only what was accepted before. If the
/// storage has `inspect: none`, every answer is `None`.
#[derive(Debug, Clone)]
pub struct Repository(pub(crate) BackEnd);

#[derive(Debug, Clone)]
pub(crate) enum BackEnd {
    Gitaly(Box<gitaly::Repository>),
    Local(Box<local::Repository>),
    None,
}

/// The answer to a [`Question`].
pub(crate) enum Answer {
    /// Whether the second revision descends from the first.
    FastForward((String, String), bool),
    /// The branches that contain the commit.
    BranchesWith(String, Vec<String>),
}

impl Repository {
    /// Whether the repository can be read at all.
    pub fn is_inspected(&self) -> bool {
        !matches!(self.0, BackEnd::None)
    }

    /// Checks that the paths of the quarantine stay inside the storage, symbolic links followed. Gitaly checks that
    /// itself.
    pub async fn check_quarantine(&self) -> Result<()> {
        match &self.0 {
            BackEnd::Local(local) => local.check_quarantine().await,
            BackEnd::Gitaly(_) | BackEnd::None => Ok(()),
        }
    }

    /// Whether the repository exists. One that cannot be read is taken to exist.
    pub async fn exists(&self) -> Result<bool> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => gitaly.exists().await,
            BackEnd::Local(local) => local.exists().await,
            BackEnd::None => Ok(true),
        }
    }

    /// Creates the repository, empty, unless it exists. Does nothing for one that cannot be read.
    pub async fn create(&self, default_branch: &str) -> Result<()> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => gitaly.create(default_branch).await,
            BackEnd::Local(local) => local.create(default_branch).await,
            BackEnd::None => Ok(()),
        }
    }

    /// Whether the repository has this branch.
    pub async fn has_branch(&self, name: &str) -> Result<Option<bool>> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => gitaly.has_branch(name).await.map(Some),
            BackEnd::Local(local) => local.has_branch(name).await.map(Some),
            BackEnd::None => Ok(None),
        }
    }

    /// The parts of the repository's state that `needs` names.
    pub async fn state(&self, needs: StateNeeds) -> Result<Option<RepositoryState>> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => gitaly.state(needs).await.map(Some),
            BackEnd::Local(local) => local.state(needs).await.map(Some),
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

    /// Answers questions about a push. Calls `on_start` for each question before it is asked.
    pub async fn answer(&self, questions: Vec<Question>, on_start: impl Fn(&Question)) -> Result<Answers> {
        let mut fast_forward = HashMap::new();
        let mut branches_with = HashMap::new();
        let answers = futures_util::stream::iter(questions).map(|question| {
            on_start(&question);
            self.answer_one(question)
        });
        let mut answers = answers.buffered(MAX_CONCURRENT_QUESTIONS);
        while let Some(answer) = answers.try_next().await? {
            match answer {
                Some(Answer::FastForward(revisions, yes)) => drop(fast_forward.insert(revisions, yes)),
                Some(Answer::BranchesWith(commit, branches)) => drop(branches_with.insert(commit, branches)),
                None => {}
            }
        }
        Ok(Answers { fast_forward, branches_with })
    }

    /// The commits that are reachable from `revisions`, but from no branch or tag.
    pub async fn new_commits(&self, revisions: &[String]) -> Result<Option<Vec<Commit>>> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => missing_object(gitaly.new_commits(revisions).await),
            BackEnd::Local(local) => missing_object(local.new_commits(revisions).await),
            BackEnd::None => Ok(None),
        }
    }

    /// The paths that these commits change, once for each commit that changes them.
    pub async fn changed_paths(&self, commits: &[Commit]) -> Result<Option<Vec<ChangedPath>>> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => missing_object(gitaly.changed_paths(commits).await),
            BackEnd::Local(local) => missing_object(local.changed_paths(commits).await),
            BackEnd::None => Ok(None),
        }
    }

    /// The files that are reachable from `revisions`, but from no branch or tag.
    pub async fn new_blobs(&self, revisions: &[String]) -> Result<Option<Vec<Blob>>> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => missing_object(gitaly.new_blobs(revisions).await),
            BackEnd::Local(local) => missing_object(local.new_blobs(revisions).await),
            BackEnd::None => Ok(None),
        }
    }

    /// The Git LFS pointers among the new files, once for each object.
    pub async fn new_lfs_pointers(&self, revisions: &[String]) -> Result<Option<Vec<LfsPointer>>> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => missing_object(gitaly.new_lfs_pointers(revisions).await),
            BackEnd::Local(local) => missing_object(local.new_lfs_pointers(revisions).await),
            BackEnd::None => Ok(None),
        }
    }

    /// The number of files in the tree of a revision.
    pub async fn file_count(&self, revision: &str) -> Result<Option<u64>> {
        match &self.0 {
            BackEnd::Gitaly(gitaly) => missing_object(gitaly.file_count(revision).await),
            BackEnd::Local(local) => missing_object(local.file_count(revision).await),
            BackEnd::None => Ok(None),
        }
    }
}

/// Turns "not found" into "no such object": Gitaly answers "not found" for a missing object as well as for a missing
/// repository.
fn missing_object<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Err(Error::NotFound(_)) => Err(Error::NoSuchObject),
        answer => answer.map(Some),
    }
}

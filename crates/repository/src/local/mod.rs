//! A repository on the local disk, read by `git` itself, which knows every format of repositories.
mod content;
mod process;
mod view;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use domain::access::push::{Question, RepositoryState, StateNeeds};

use self::view::View;
use crate::repository::Answer;
use crate::{CallContext, Error, Place, Quarantine, Result};

pub(crate) use self::process::Processes;

/// The timeout for a short answer, as for a call to Gitaly.
const FAST: Duration = Duration::from_secs(10);
/// The timeout for an answer that needs a walk through history, as for a call to Gitaly.
const MEDIUM: Duration = Duration::from_secs(30);

/// What `git` says about an object that does not exist.
const NO_SUCH_OBJECT: [&str; 7] = [
    "fatal: bad object",
    // In a repository of SHA-1, an id with 64 digits.
    "fatal: bad revision",
    "fatal: not a tree object",
    "fatal: Not a valid commit name",
    "fatal: Not a valid object name",
    "error: no such commit",
    "error: malformed object name",
];

#[derive(Debug, Clone)]
pub(crate) struct Repository {
    storage: PathBuf,
    /// The repository without the objects of the push.
    accepted: View,
    /// The repository with the objects of the push, where the hook sees it.
    pushed: View,
    processes: Processes,
    context: CallContext,
}

impl Repository {
    pub fn new(storage: &Path, place: &Place<'_>, quarantine: &Quarantine, processes: Processes) -> Self {
        Self {
            storage: storage.to_owned(),
            accepted: View::accepted(storage, place.relative_path),
            pushed: View::pushed(storage, place.relative_path, quarantine),
            processes,
            context: place.context.clone(),
        }
    }

    pub async fn check_quarantine(&self) -> Result<()> {
        self.pushed.resolve().await.map(drop)
    }

    /// Fails if the storage itself is missing: then its disk is not mounted.
    pub async fn exists(&self) -> Result<bool> {
        match tokio::fs::symlink_metadata(self.accepted.git_dir().join("HEAD")).await {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                tokio::fs::metadata(&self.storage).await.map_err(Error::Storage)?;
                Ok(false)
            }
            Err(error) => Err(Error::Storage(error)),
        }
    }

    /// A repository that exists stays as it is.
    pub async fn create(&self, default_branch: &str) -> Result<()> {
        if self.exists().await? {
            return Ok(());
        }
        // It is created next to its path and then renamed. So no reader sees an incomplete repository, and one of
        // several concurrent creators succeeds.
        let git_dir = self.accepted.git_dir();
        let name = format!("{}.new-{:016x}", git_dir.display(), RandomState::new().build_hasher().finish());
        let new = View::at(PathBuf::from(name));
        tokio::fs::create_dir_all(new.git_dir()).await.map_err(Error::Storage)?;
        let branch = format!("--initial-branch={default_branch}");
        // Without a template there are no sample hooks.
        let initialised = self.git(&new, FAST, "init", &["--quiet", "--bare", "--template=", &branch]).await;
        let moved = match initialised.and_then(succeeded) {
            Ok(_) => tokio::fs::rename(new.git_dir(), git_dir).await.map_err(Error::Storage),
            Err(error) => Err(error),
        };
        if moved.is_err() {
            if let Err(error) = tokio::fs::remove_dir_all(new.git_dir()).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "failed to remove a half-made repository"
                );
            }
            return if self.exists().await? { Ok(()) } else { moved };
        }
        Ok(())
    }

    pub async fn has_branch(&self, name: &str) -> Result<bool> {
        let name = format!("refs/heads/{name}");
        let arguments = ["--verify", "--quiet", "--", &name];
        let output = self.read(&self.accepted, FAST, "show-ref", &arguments).await?;
        Ok(answered(output)?.is_some())
    }

    pub async fn state(&self, needs: StateNeeds) -> Result<RepositoryState> {
        let empty = async { if needs.empty { self.is_empty().await } else { Ok(false) } };
        let default_branch =
            async { if needs.default_branch { self.default_branch().await } else { Ok(None) } };
        let (empty, default_branch) = tokio::try_join!(empty, default_branch)?;
        Ok(RepositoryState { empty, default_branch })
    }

    async fn is_empty(&self) -> Result<bool> {
        Ok(self.branches(&["--count=1"], &["refs/heads"]).await?.is_empty())
    }

    /// Follows Gitaly's rule: the only branch; else the branch that HEAD names, `main`, or `master`, if it exists; else
    /// the first branch by name.
    async fn default_branch(&self) -> Result<Option<String>> {
        let mut branches = self.branches(&["--count=2"], &["refs/heads"]).await?;
        if branches.len() < 2 {
            return Ok(branches.pop());
        }
        let first = branches.swap_remove(0);
        let head = answered(self.read(&self.accepted, FAST, "symbolic-ref", &["--quiet", "HEAD"]).await?)?;
        let head = head.map(|output| String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
        let head = head.as_deref().and_then(|name| name.strip_prefix("refs/heads/"));
        let candidates: Vec<&str> = head.into_iter().chain(["main", "master"]).collect();
        let patterns: Vec<String> = candidates.iter().map(|name| format!("refs/heads/{name}")).collect();
        // A pattern also matches the branches below it (`main/x`).
        let existing = self.branches(&[], &patterns.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let default = candidates.into_iter().find(|name| existing.iter().any(|branch| branch == name));
        Ok(Some(default.map_or(first, ToOwned::to_owned)))
    }

    /// Names of branches, sorted.
    async fn branches(&self, options: &[&str], patterns: &[&str]) -> Result<Vec<String>> {
        let format = ["--format=%(refname:lstrip=2)"];
        let arguments: Vec<&str> = options.iter().chain(&format).chain(patterns).copied().collect();
        let output = self.read(&self.accepted, FAST, "for-each-ref", &arguments).await?;
        Ok(lines(&succeeded(output)?.stdout))
    }

    pub async fn answer(&self, question: Question) -> Result<Answer> {
        match question {
            Question::FastForward { old, new, .. } => {
                let output =
                    self.read(&self.pushed, FAST, "merge-base", &["--is-ancestor", &old, &new]).await?;
                // A commit that does not exist proves nothing.
                let yes = !lacks_object(&output) && answered(output)?.is_some();
                Ok(Answer::FastForward((old, new), yes))
            }
            Question::BranchesWith { commit, .. } => {
                let contains = format!("--contains={commit}");
                let arguments = [&contains, "--format=%(refname:lstrip=2)", "refs/heads"];
                let output = self.read(&self.pushed, MEDIUM, "for-each-ref", &arguments).await?;
                let branches =
                    if lacks_object(&output) { Vec::new() } else { lines(&succeeded(output)?.stdout) };
                Ok(Answer::BranchesWith(commit, branches))
            }
        }
    }

    /// Runs `git` in a repository that must exist.
    async fn read(
        &self,
        view: &View,
        limit: Duration,
        command: &'static str,
        arguments: &[&str],
    ) -> Result<Output> {
        let output = self.git(view, limit, command, arguments).await?;
        self.check_exists(command, !matches!(output.status.code(), Some(0 | 1))).await?;
        Ok(output)
    }

    /// After `git` has failed: fails with [`Error::NotFound`] if the repository does not exist.
    async fn check_exists(&self, command: &'static str, failed: bool) -> Result<()> {
        if failed && !self.exists().await? { Err(Error::NotFound(command)) } else { Ok(()) }
    }

    async fn git(
        &self,
        view: &View,
        limit: Duration,
        command: &'static str,
        arguments: &[&str],
    ) -> Result<Output> {
        let resolved = view.resolve().await?;
        self.processes.output(self.context.timeout(limit), resolved.git(command, arguments)?).await
    }
}

fn lines(output: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(output).lines().map(ToOwned::to_owned).collect()
}

/// Reads the exit code of a question: `None` for 1, which is a plain no. Any other failure is an error.
fn answered(output: Output) -> Result<Option<Output>> {
    if output.status.code() == Some(1) { Ok(None) } else { succeeded(output).map(Some) }
}

fn succeeded(output: Output) -> Result<Output> {
    if output.status.success() {
        return Ok(output);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(Error::Git(format!("{}: {}", output.status, complaint.trim())))
}

/// Whether `git` failed because an object does not exist.
fn lacks_object(output: &Output) -> bool {
    !output.status.success() && is_about_missing_object(&String::from_utf8_lossy(&output.stderr))
}

/// Whether git complains about an object that does not exist.
pub(crate) fn is_about_missing_object(complaint: &str) -> bool {
    NO_SUCH_OBJECT.iter().any(|words| complaint.contains(words))
}

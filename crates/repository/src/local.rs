//! A repository on this machine's disk, read by `git` itself: it reads every format that there is.
mod content;
mod pipe;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use domain::access::push::{Question, RepositoryState, StateNeeds};
use tokio::process::Command;

use crate::{Error, Quarantine, Result};

#[derive(Debug, Clone)]
pub(crate) struct Repository {
    storage: PathBuf,
    git_dir: PathBuf,
    quarantine: Quarantine,
}

pub(crate) enum Answer {
    FastForward((String, String), bool),
    BranchesWith(String, Vec<String>),
}

impl Repository {
    pub(crate) fn new(storage: &Path, relative_path: &str, quarantine: Quarantine) -> Self {
        Self { storage: storage.to_owned(), git_dir: storage.join(relative_path), quarantine }
    }

    /// A storage that is not there itself is a disk that is not mounted: then nothing is known.
    pub(crate) async fn exists(&self) -> Result<bool> {
        match tokio::fs::symlink_metadata(self.git_dir.join("HEAD")).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                tokio::fs::metadata(&self.storage).await.map_err(Error::Storage)?;
                Ok(false)
            }
            Err(error) => Err(Error::Storage(error)),
        }
    }

    /// One that is there already stays as it is.
    pub(crate) async fn create(&self, default_branch: &str) -> Result<()> {
        if self.exists().await? {
            return Ok(());
        }
        // Made beside its place and then moved there, so that nobody meets half of it, and of several makers one wins.
        let name =
            format!("{}.new-{:016x}", self.git_dir.display(), RandomState::new().build_hasher().finish());
        let new = Self { git_dir: PathBuf::from(name), ..self.clone() };
        tokio::fs::create_dir_all(&new.git_dir).await.map_err(Error::Storage)?;
        let branch = format!("--initial-branch={default_branch}");
        // Without a template: no sample hooks.
        let made = succeeded(new.git(&["init", "--quiet", "--bare", "--template=", &branch]).await?);
        let moved = match made {
            Ok(_) => tokio::fs::rename(&new.git_dir, &self.git_dir).await.map_err(Error::Storage),
            Err(error) => Err(error),
        };
        if moved.is_err() {
            // What cannot be taken away is in nobody's way.
            let _ = tokio::fs::remove_dir_all(&new.git_dir).await;
            return if self.exists().await? { Ok(()) } else { moved };
        }
        Ok(())
    }

    pub(crate) async fn has_branch(&self, name: &str) -> Result<bool> {
        let name = format!("refs/heads/{name}");
        said(self.git(&["show-ref", "--verify", "--quiet", "--", &name]).await?).map(|yes| yes.is_some())
    }

    /// Of what has been accepted, and only what matters: the objects of the push do not.
    pub(crate) async fn state(&self, bearing: StateNeeds) -> Result<RepositoryState> {
        let accepted = Self { quarantine: Quarantine::default(), ..self.clone() };
        let empty = async { if bearing.empty { accepted.is_empty().await } else { Ok(false) } };
        let default_branch =
            async { if bearing.default_branch { accepted.default_branch().await } else { Ok(None) } };
        let (empty, default_branch) = tokio::try_join!(empty, default_branch)?;
        Ok(RepositoryState { empty, default_branch })
    }

    async fn is_empty(&self) -> Result<bool> {
        let first = self.git(&["for-each-ref", "--count=1", "--format=x", "refs/heads"]).await?;
        Ok(succeeded(first)?.stdout.is_empty())
    }

    async fn default_branch(&self) -> Result<Option<String>> {
        let Some(head) = said(self.git(&["symbolic-ref", "--quiet", "HEAD"]).await?)? else {
            return Ok(None);
        };
        let name = String::from_utf8_lossy(&head.stdout);
        Ok(name.trim_end().strip_prefix("refs/heads/").map(ToOwned::to_owned))
    }

    pub(crate) async fn answer(&self, question: Question) -> Result<Answer> {
        match question {
            Question::FastForward { old, new, .. } => {
                let output = self.git(&["merge-base", "--is-ancestor", &old, &new]).await?;
                // 1 is no. Whatever else, a commit that is not there among it, is no proof of a yes.
                let yes = output.status.success();
                Ok(Answer::FastForward((old, new), yes))
            }
            Question::BranchesWith { commit, .. } => {
                let contains = format!("--contains={commit}");
                let output = self
                    .git(&["for-each-ref", &contains, "--format=%(refname:lstrip=2)", "refs/heads"])
                    .await?;
                let names = String::from_utf8_lossy(&output.stdout).lines().map(ToOwned::to_owned).collect();
                Ok(Answer::BranchesWith(commit, if output.status.success() { names } else { Vec::new() }))
            }
        }
    }

    async fn git(&self, arguments: &[&str]) -> Result<Output> {
        self.command(arguments)?.output().await.map_err(Error::Spawn)
    }

    /// Git without a shell, in an environment of nothing but what is needed; it ends with the future.
    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new("git");
        command
            .arg("--git-dir")
            .arg(&self.git_dir)
            .args(arguments)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            // Whoever may push may also push refs/replace/…, which would make any commit an ancestor of any other.
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if let Some(objects) = &self.quarantine.object_directory {
            command.env("GIT_OBJECT_DIRECTORY", self.git_dir.join(objects));
        }
        if !self.quarantine.alternates.is_empty() {
            let paths = self.quarantine.alternates.iter().map(|path| self.git_dir.join(path));
            let joined = std::env::join_paths(paths).map_err(|error| Error::Git(error.to_string()))?;
            command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", joined);
        }
        Ok(command)
    }
}

/// What git says where there is something, `None` where it says no: quietly, with 1. Whatever else is no answer.
fn said(output: Output) -> Result<Option<Output>> {
    if output.status.code() == Some(1) { Ok(None) } else { succeeded(output).map(Some) }
}

fn succeeded(output: Output) -> Result<Output> {
    if output.status.success() {
        return Ok(output);
    }
    Err(Error::Git(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

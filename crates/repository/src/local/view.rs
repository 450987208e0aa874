//! How `git` sees a repository on the disk: with or without the objects of a push.
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::process::Program;
use crate::quarantine::normalise;
use crate::{Error, InvalidQuarantine, Quarantine, Result};

#[derive(Debug, Clone)]
pub(super) enum View {
    /// The repository at a path that the database or the configuration names.
    Own(PathBuf),
    /// The repository at a path that a hook names, with the objects of a push. Paths are relative to the storage.
    Pushed { storage: PathBuf, git_dir: PathBuf, objects: Option<PathBuf>, alternates: Vec<PathBuf> },
    /// A quarantine that leads out of the storage.
    Outside,
}

/// A view whose paths are known to be inside the storage.
#[derive(Debug)]
pub(super) struct Resolved {
    git_dir: PathBuf,
    objects: Option<PathBuf>,
    alternates: Vec<PathBuf>,
}

impl View {
    pub fn at(git_dir: PathBuf) -> Self {
        Self::Own(git_dir)
    }

    pub fn accepted(storage: &Path, own_path: &str) -> Self {
        Self::Own(storage.join(own_path))
    }

    pub fn pushed(storage: &Path, own_path: &str, quarantine: &Quarantine) -> Self {
        if *quarantine == Quarantine::default() {
            return Self::accepted(storage, own_path);
        }
        Self::inside(storage, own_path, quarantine).unwrap_or(Self::Outside)
    }

    fn inside(storage: &Path, own_path: &str, quarantine: &Quarantine) -> Option<Self> {
        let git_dir = Path::new(quarantine.relative_path.as_deref().unwrap_or(own_path));
        let join = |directory: &String| normalise(&git_dir.join(directory));
        Some(Self::Pushed {
            storage: storage.to_owned(),
            git_dir: normalise(git_dir)?,
            objects: match &quarantine.object_directory {
                Some(directory) => Some(join(directory)?),
                None => None,
            },
            alternates: quarantine.alternates.iter().map(join).collect::<Option<_>>()?,
        })
    }

    /// Where the repository is, for a view without a quarantine.
    pub fn git_dir(&self) -> &Path {
        match self {
            Self::Own(git_dir) | Self::Pushed { git_dir, .. } => git_dir,
            Self::Outside => Path::new(""),
        }
    }

    /// Follows the symbolic links of paths that a hook names. Fails if one leads out of the storage.
    pub async fn resolve(&self) -> Result<Resolved> {
        match self {
            Self::Own(git_dir) => {
                Ok(Resolved { git_dir: git_dir.clone(), objects: None, alternates: Vec::new() })
            }
            Self::Pushed { storage, git_dir, objects, alternates } => {
                let storage = tokio::fs::canonicalize(storage).await.map_err(Error::Storage)?;
                let mut resolved = Vec::new();
                for path in alternates {
                    resolved.push(resolve(&storage, path).await?);
                }
                Ok(Resolved {
                    git_dir: resolve(&storage, git_dir).await.map_err(|error| match error {
                        Error::Quarantine(_) => InvalidQuarantine::RelativePath.into(),
                        error => error,
                    })?,
                    objects: match objects {
                        Some(path) => existing(resolve(&storage, path).await?).await?,
                        None => None,
                    },
                    alternates: resolved,
                })
            }
            Self::Outside => Err(InvalidQuarantine::Env.into()),
        }
    }
}

/// Follows the symbolic links of a path, as far as it exists.
async fn resolve(storage: &Path, path: &Path) -> Result<PathBuf> {
    let mut existing = storage.join(path);
    let mut missing = Vec::new();
    loop {
        match tokio::fs::canonicalize(&existing).await {
            Ok(real) => {
                let real = real.join(missing.iter().rev().collect::<PathBuf>());
                let is_inside = real.starts_with(storage) && real != storage;
                return if is_inside { Ok(real) } else { Err(InvalidQuarantine::Env.into()) };
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // A link whose target does not exist may get one.
                if tokio::fs::symlink_metadata(&existing).await.is_ok() {
                    return Err(InvalidQuarantine::Env.into());
                }
                let Some(name) = existing.file_name().map(ToOwned::to_owned) else {
                    return Err(InvalidQuarantine::Env.into());
                };
                missing.push(name);
                existing.pop();
            }
            Err(error) => return Err(Error::Storage(error)),
        }
    }
}

/// Returns the directory of new objects if it exists. With a missing directory, git would report that the repository
/// does not exist, although only the new objects are missing.
async fn existing(path: PathBuf) -> Result<Option<PathBuf>> {
    match tokio::fs::try_exists(&path).await {
        Ok(true) => Ok(Some(path)),
        Ok(false) => Ok(None),
        Err(error) => Err(Error::Storage(error)),
    }
}

impl Resolved {
    /// `git` without a shell, in an environment that has nothing but what it needs. It ends with the future.
    pub fn git(&self, name: &'static str, arguments: &[&str]) -> Result<Program> {
        let mut command = Command::new("git");
        command
            .arg("--git-dir")
            .arg(&self.git_dir)
            .arg(name)
            .args(arguments)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            // A pusher may push refs/replace/…, which would make any commit an ancestor of any other.
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if let Some(objects) = &self.objects {
            command.env("GIT_OBJECT_DIRECTORY", objects);
        }
        if !self.alternates.is_empty() {
            let joined =
                std::env::join_paths(&self.alternates).map_err(|error| Error::Git(error.to_string()))?;
            command.env("GIT_ALTERNATE_OBJECT_DIRECTORIES", joined);
        }
        Ok(Program { name, command })
    }
}

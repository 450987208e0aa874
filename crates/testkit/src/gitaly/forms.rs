//! The three ways in which Gitaly stores repositories, and the parameters of its hook in each of them.
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use gitaly_proto as pb;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tonic::Status;

use super::{RecordedCall, State};

/// How Gitaly stores its repositories. The paths in the hook's parameters and the required metadata of calls
/// differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A single Gitaly.
    Plain,
    /// A Gitaly Cluster: Praefect in front of replicas. Only the primary has the quarantine.
    Cluster,
    /// A single Gitaly with transactions: a change is made in a snapshot of the repository.
    Transactions,
}

impl Form {
    /// All forms.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Cluster, Self::Transactions];
}

/// A change that the hook has not decided yet. Its objects are in a quarantine.
#[derive(Debug, Clone)]
pub struct PendingChange {
    /// The parameter `relative_path` of the hook.
    pub relative_path: String,
    /// The directory of the new objects, as the hook names it. Empty if no objects are written.
    pub object_directory: String,
    /// The alternate object directories, as the hook names them.
    pub alternates: Vec<String>,
    repository: PathBuf,
    quarantine: PathBuf,
}

impl PendingChange {
    /// Runs git in the repository. New objects are written to the quarantine.
    pub fn git(&self, arguments: &[&str]) -> String {
        let objects = self.repository.join("objects");
        crate::git::git_with(
            &self.repository,
            arguments,
            &[("GIT_OBJECT_DIRECTORY", &self.quarantine), ("GIT_ALTERNATE_OBJECT_DIRECTORIES", &objects)],
        )
    }

    /// Creates a commit with an empty tree in the quarantine. Returns its id.
    pub fn commit(&self, parents: &[&str], message: &str) -> String {
        let tree = self.git(&["hash-object", "-w", "-t", "tree", "/dev/null"]);
        self.commit_tree(&tree, parents, message)
    }

    /// Creates a commit with one file in the quarantine. Returns its id.
    pub fn commit_file(&self, parents: &[&str], path: &str, content: &str) -> String {
        let file = self.quarantine.join("content");
        std::fs::write(&file, content).expect("the file is written");
        let blob = self.git(&["hash-object", "-w", &file.to_string_lossy()]);
        let index = self.quarantine.join("index");
        let info = format!("100644,{blob},{path}");
        let objects = self.repository.join("objects");
        let run = |arguments: &[&str]| {
            let environment = [
                ("GIT_OBJECT_DIRECTORY", &self.quarantine),
                ("GIT_ALTERNATE_OBJECT_DIRECTORIES", &objects),
                ("GIT_INDEX_FILE", &index),
            ];
            crate::git::git_with(&self.repository, arguments, &environment)
        };
        run(&["update-index", "--add", "--cacheinfo", &info]);
        let tree = run(&["write-tree"]);
        for name in [file, index] {
            std::fs::remove_file(name).expect("the file is removed");
        }
        self.commit_tree(&tree, parents, path)
    }

    /// Creates an annotated tag in the quarantine. Returns its id.
    pub fn tag(&self, commit: &str, name: &str) -> String {
        let file = self.quarantine.join("tag");
        let tag =
            format!("object {commit}\ntype commit\ntag {name}\ntagger A <a@example.com> 0 +0000\n\n{name}\n");
        std::fs::write(&file, tag).expect("the file is written");
        let id = self.git(&["hash-object", "-w", "-t", "tag", &file.to_string_lossy()]);
        std::fs::remove_file(file).expect("the file is removed");
        id
    }

    fn commit_tree(&self, tree: &str, parents: &[&str], message: &str) -> String {
        let mut arguments = vec!["commit-tree", tree, "-m", message];
        for parent in parents {
            arguments.extend(["-p", *parent]);
        }
        self.git(&arguments)
    }

    /// The parameters `relative_path` and `env` of the hook.
    pub fn parameters(&self) -> Value {
        let alternates = if self.alternates.is_empty() { Value::Null } else { json!(self.alternates) };
        let env = json!({
            "GIT_OBJECT_DIRECTORY_RELATIVE": self.object_directory,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE": alternates,
        });
        json!({ "relative_path": self.relative_path, "env": env.to_string() })
    }
}

/// The directories in which git runs for one call.
#[derive(Debug)]
pub(super) struct Location {
    pub git_dir: PathBuf,
    pub objects: Option<PathBuf>,
    pub alternates: Vec<PathBuf>,
}

impl State {
    /// Starts a `git push` to the repository at its own path.
    pub fn begin_push(&self, own_path: &str) -> PendingChange {
        let seen_at = self.seen_by_hook(own_path);
        match self.form {
            Form::Plain | Form::Cluster => {
                let name = format!("objects/tmp_objdir-incoming-{}", unique());
                self.pending(own_path, seen_at, name, vec!["objects".to_owned()])
            }
            Form::Transactions => self.begin_transaction(own_path, seen_at),
        }
    }

    /// Starts a change by GitLab itself, such as a merge or a commit in the web editor.
    pub fn begin_operation(&self, own_path: &str) -> PendingChange {
        let seen_at = self.seen_by_hook(own_path);
        match self.form {
            Form::Plain | Form::Cluster => {
                let up = "../".repeat(seen_at.split('/').count());
                let name = format!("{up}{}{}", quarantine_prefix(&seen_at), unique());
                self.pending(own_path, seen_at, name, vec!["objects".to_owned()])
            }
            Form::Transactions => self.begin_transaction(own_path, seen_at),
        }
    }

    /// Starts a change that writes no objects, such as the removal of a branch in the web interface.
    pub fn begin_removal(&self, own_path: &str) -> PendingChange {
        PendingChange {
            relative_path: self.seen_by_hook(own_path),
            object_directory: String::new(),
            alternates: Vec::new(),
            repository: self.repositories.join(own_path),
            quarantine: PathBuf::new(),
        }
    }

    fn begin_transaction(&self, own_path: &str, seen_at: String) -> PendingChange {
        let up = "../".repeat(own_path.split('/').count() + 1);
        let alternates = vec!["objects".to_owned(), format!("{up}quarantine")];
        self.pending(
            own_path,
            seen_at,
            format!("{up}quarantine/tmp_objdir-incoming-{}", unique()),
            alternates,
        )
    }

    fn pending(
        &self,
        own_path: &str,
        relative_path: String,
        object_directory: String,
        alternates: Vec<String>,
    ) -> PendingChange {
        let path = normalise(&Path::new(&relative_path).join(&object_directory)).expect("inside the storage");
        let quarantine = self.on_disk(own_path, &relative_path, &path);
        std::fs::create_dir_all(&quarantine).expect("the quarantine is created");
        let change = PendingChange {
            repository: self.on_disk(own_path, &relative_path, Path::new(&relative_path)),
            relative_path,
            object_directory,
            alternates,
            quarantine,
        };
        self.pending.lock().expect("the changes").push(change.clone());
        change
    }

    /// The path of the repository in the hook's parameters. A transaction creates a snapshot of it.
    fn seen_by_hook(&self, own_path: &str) -> String {
        match self.form {
            Form::Plain => own_path.to_owned(),
            Form::Cluster => replica_path(own_path),
            Form::Transactions => {
                let snapshot = format!("staging/{}/{}/snapshot", std::process::id(), unique());
                self.take_snapshot(own_path, &snapshot);
                format!("{snapshot}/{own_path}")
            }
        }
    }

    /// Copies a repository and its object pool, because the paths between them are relative.
    fn take_snapshot(&self, own_path: &str, snapshot: &str) {
        let from = self.repositories.join(own_path);
        let to = self.repositories.join(snapshot).join(own_path);
        if to.exists() {
            return;
        }
        std::fs::create_dir_all(to.parent().expect("a parent")).expect("the directory is created");
        let status = Command::new("cp").arg("-r").args([&from, &to]).status().expect("cp runs");
        assert!(status.success(), "a snapshot of {}", from.display());
        let Ok(pool) = std::fs::read_to_string(from.join("objects/info/alternates")) else { return };
        let pool = normalise(&Path::new(own_path).join("objects").join(pool.trim())).expect("a pool");
        let pool = pool.parent().expect("the pool's repository").to_string_lossy().into_owned();
        self.take_snapshot(&pool, snapshot);
    }

    /// The path on disk of a path in the storage. This stand-in stores replicas at their repository's own
    /// path.
    fn on_disk(&self, own_path: &str, seen_at: &str, path: &Path) -> PathBuf {
        match (self.form, path.strip_prefix(seen_at)) {
            (Form::Cluster, Ok(below)) => self.repositories.join(own_path).join(below),
            _ => self.repositories.join(path),
        }
    }

    /// Finds the repository and the quarantine of a call. Refuses invalid ones as Gitaly and Praefect do.
    pub(super) fn locate(&self, call: &RecordedCall) -> Result<Location, Status> {
        let repository = &call.repository;
        let own_path = repository.relative_path.as_str();
        let is_own = normalise(Path::new(own_path)).is_some_and(|path| path == Path::new(own_path))
            && !["@cluster/", "staging/", "+gitaly/"].iter().any(|inner| own_path.starts_with(inner));
        if !is_own {
            return Err(Status::not_found(format!("repository {own_path:?} not found")));
        }
        let has_quarantine = !repository.git_object_directory.is_empty()
            || !repository.git_alternate_object_directories.is_empty();
        if !has_quarantine {
            let git_dir = self.repositories.join(own_path);
            return Ok(Location { git_dir, objects: None, alternates: Vec::new() });
        }
        let seen_at = match self.form {
            Form::Plain => own_path.to_owned(),
            Form::Cluster => {
                let policy = call.metadata.get("gitaly-route-repository-accessor-policy");
                if policy.is_none_or(|policy| policy != "primary-only") {
                    return Err(Status::not_found("object directory does not exist"));
                }
                replica_path(own_path)
            }
            Form::Transactions => call.metadata.get("relative-path-bin").cloned().ok_or_else(|| {
                Status::internal("quarantined request did not contain snapshot relative path")
            })?,
        };
        self.check_named_by_hook(repository, &seen_at)?;
        let find = |directory: &String| self.find_directory(own_path, &seen_at, directory);
        let alternates = repository.git_alternate_object_directories.iter().map(find);
        Ok(Location {
            git_dir: self.on_disk(own_path, &seen_at, Path::new(&seen_at)),
            objects: Some(&repository.git_object_directory)
                .filter(|directory| !directory.is_empty())
                .map(find)
                .transpose()?,
            alternates: alternates.collect::<Result<_, _>>()?,
        })
    }

    /// Checks that the directories of a quarantine are exactly those that the hook named.
    fn check_named_by_hook(&self, repository: &pb::Repository, seen_at: &str) -> Result<(), Status> {
        let pending = self.pending.lock().expect("the changes");
        let mut here = pending.iter().filter(|change| change.relative_path == seen_at).peekable();
        let is_named = here.peek().is_none()
            || here.any(|change| {
                change.object_directory == repository.git_object_directory
                    && change.alternates == repository.git_alternate_object_directories
            });
        if is_named { Ok(()) } else { Err(Status::not_found("no hook named these object directories")) }
    }

    fn find_directory(&self, own_path: &str, seen_at: &str, directory: &str) -> Result<PathBuf, Status> {
        let outside = || Status::invalid_argument(format!("not a valid relative path: {directory:?}"));
        let path = normalise(&Path::new(seen_at).join(directory)).ok_or_else(outside)?;
        let transaction = Path::new(seen_at).ancestors().nth(own_path.split('/').count() + 1);
        let is_allowed = path.starts_with(seen_at)
            || match self.form {
                Form::Plain | Form::Cluster => {
                    path.to_string_lossy().starts_with(&quarantine_prefix(seen_at))
                }
                Form::Transactions => {
                    transaction.is_some_and(|root| path.starts_with(root.join("quarantine")))
                }
            };
        if !is_allowed {
            return Err(outside());
        }
        let on_disk = self.on_disk(own_path, seen_at, &path);
        if on_disk.is_dir() {
            Ok(on_disk)
        } else {
            Err(Status::not_found(format!("object directory does not exist: {directory:?}")))
        }
    }
}

/// Praefect's path for the replicas of a repository.
fn replica_path(own_path: &str) -> String {
    let hash = hex(own_path);
    let number = u32::from_str_radix(&hash[..6], 16).expect("digits");
    format!("@cluster/repositories/{}/{}/{number}", &hash[..2], &hash[2..4])
}

/// The directory prefix for quarantines of GitLab's own changes. It depends on the repository.
fn quarantine_prefix(seen_at: &str) -> String {
    format!("+gitaly/tmp/quarantine-{}-", &hex(seen_at)[..16])
}

fn hex(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unique() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("{}{:06}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Resolves `.` and `..`. Returns `None` if the path is absolute, leaves the storage or is the storage
/// itself.
fn normalise(path: &Path) -> Option<PathBuf> {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => parts.push(name),
            Component::CurDir => {}
            Component::ParentDir => drop(parts.pop()?),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    if parts.is_empty() { None } else { Some(parts.iter().collect()) }
}

//! Pushes whose objects are in a quarantine, made by the real `git`.
use std::cell::RefCell;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use domain::hashed_path;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::fixture::P;
use testkit::git;

use super::support::{Shell, Z, verdict};

/// A repository with an empty branch `main`, and a quarantine with the objects of a push.
pub struct Incoming {
    pub storage: TempDir,
    pub repository: PathBuf,
    pub main: String,
    gl_repository: String,
    draft: RefCell<Draft>,
}

/// The properties of the next commit.
#[derive(Clone)]
pub struct Draft {
    pub author: String,
    pub committer: String,
    pub message: String,
    pub headers: String,
    pub parents: Vec<String>,
}

const QUARANTINE: &str = "objects/incoming-1";

impl Incoming {
    /// The repository of project P.
    pub fn new() -> Self {
        Self::at(&format!("{}.git", hashed_path("@hashed", P)), &format!("project-{P}"))
    }

    pub fn at(relative_path: &str, gl_repository: &str) -> Self {
        let storage = TempDir::new().unwrap();
        let repository = storage.path().join(relative_path);
        git::init(&repository);
        let main = git::commit(&repository, &[], "first");
        git::git(&repository, &["update-ref", "refs/heads/main", &main]);
        std::fs::create_dir(repository.join(QUARANTINE)).unwrap();
        let person = "alice the user <alice@example.com> 0 +0000".to_owned();
        let draft = Draft {
            author: person.clone(),
            committer: person,
            message: "JIRA-1 all is well\n\nSigned-off-by: A <a@example.com>\n".to_owned(),
            headers: String::new(),
            parents: vec![main.clone()],
        };
        let gl_repository = gl_repository.to_owned();
        Self { storage, repository, main, gl_repository, draft: RefCell::new(draft) }
    }

    /// Runs git with the quarantine, and returns its output.
    pub fn git(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut child = Command::new("git")
            .arg("--git-dir")
            .arg(&self.repository)
            .args(arguments)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_OBJECT_DIRECTORY", self.repository.join(QUARANTINE))
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", self.repository.join("objects"))
            .env("GIT_INDEX_FILE", self.storage.path().join("index"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "git {arguments:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A commit on top of `main` that adds or changes these files; `None` removes a file.
    pub fn commit(&self, files: &[(&str, Option<&[u8]>)]) -> String {
        let draft = self.draft.borrow().clone();
        self.git(&["read-tree", &draft.parents[0]], b"");
        for (path, content) in files {
            let entry = match content {
                Some(content) => format!("100644 {}", self.git(&["hash-object", "-w", "--stdin"], content)),
                None => format!("0 {Z}"),
            };
            self.git(&["update-index", "-z", "--index-info"], format!("{entry}\t{path}\0").as_bytes());
        }
        let tree = self.git(&["write-tree"], b"");
        let parents: String = draft.parents.iter().map(|parent| format!("parent {parent}\n")).collect();
        let Draft { author, committer, message, headers, .. } = draft;
        let object =
            format!("tree {tree}\n{parents}author {author}\ncommitter {committer}\n{headers}\n{message}");
        self.git(&["hash-object", "-t", "commit", "-w", "--stdin"], object.as_bytes())
    }

    /// A commit with changed properties.
    pub fn commit_with(&self, change: impl FnOnce(&mut Draft), files: &[(&str, Option<&[u8]>)]) -> String {
        let usual = self.draft.borrow().clone();
        change(&mut self.draft.borrow_mut());
        let commit = self.commit(files);
        self.draft.replace(usual);
        commit
    }

    /// Moves the objects into the repository and sets the ref, as if a push had been accepted.
    pub fn accept(&self, name: &str, commit: &str) {
        let objects = self.repository.join("objects");
        copy(&self.repository.join(QUARANTINE), &objects);
        git::git(&self.repository, &["update-ref", name, commit]);
    }

    /// The body that Gitaly sends for these changes, without the actor.
    pub fn body(&self, changes: &str) -> Value {
        let env = json!({
            "GIT_OBJECT_DIRECTORY_RELATIVE": QUARANTINE,
                "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE": ["objects"]
        });
        json!({ "gl_repository": self.gl_repository, "action": "git-receive-pack", "protocol": "ssh",
            "changes": changes, "env": env.to_string() })
    }

    /// The response to a push of the commit to a new branch `feature` with this key.
    pub async fn push(&self, shell: &Shell, key: i64, commit: &str) -> (u16, String) {
        self.push_line(shell, key, &format!("{Z} {commit} refs/heads/feature")).await
    }

    pub async fn push_line(&self, shell: &Shell, key: i64, changes: &str) -> (u16, String) {
        self.push_with(shell, key, changes, json!({})).await
    }

    pub async fn push_with(&self, shell: &Shell, key: i64, changes: &str, further: Value) -> (u16, String) {
        let mut body = self.body(changes);
        body["key_id"] = json!(key.to_string());
        body["project"] = Value::Null;
        for (name, value) in further.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = shell.allowed(body).await;
        let (status, message) = verdict(&answer);
        (status, message.to_owned())
    }
}

pub fn allowed() -> (u16, String) {
    (200, String::new())
}

pub fn refused(message: impl Into<String>) -> (u16, String) {
    (401, message.into())
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

//! Repositories for tests, created once with `git`. Services only read them.
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use domain::hashed_path;
use tempfile::TempDir;

use crate::fixture::{E, I, P, Q};

/// The storage directory, and commits of [`P`]: `a` is an ancestor of `b`; `c` is unrelated to both.
#[derive(Debug)]
pub struct Repositories {
    pub path: PathBuf,
    pub a: String,
    pub b: String,
    pub c: String,
}

/// The repositories that all tests share. In [`P`], branch `main` is at `b`, `release/1` at `b`, `old` at
/// `a` and `apart` at `c`; tags `t` and `v1` are at `a`.
pub fn repositories() -> &'static Repositories {
    static MADE: OnceLock<Repositories> = OnceLock::new();
    MADE.get_or_init(|| {
        let path = TempDir::new().expect("a temporary directory").keep();
        for id in [P, Q, I] {
            init(&project(&path, id, ""));
        }
        init(&project(&path, P, ".wiki"));
        init(&project(&path, P, ".design"));
        init(&project(&path, E, ""));
        let p = project(&path, P, "");
        let a = commit(&p, &[], "a");
        let b = commit(&p, &[&a], "b");
        let c = commit(&p, &[], "c");
        for (name, id) in [
            ("heads/main", &b),
            ("heads/release/1", &b),
            ("heads/old", &a),
            ("heads/apart", &c),
            ("tags/t", &a),
            ("tags/v1", &a),
        ] {
            git(&p, &["update-ref", &format!("refs/{name}"), id]);
        }
        for id in [Q, I] {
            let repository = project(&path, id, "");
            let first = commit(&repository, &[], "first");
            git(&repository, &["update-ref", "refs/heads/main", &first]);
        }
        Repositories { path, a, b, c }
    })
}

/// The path of a project's repository in a storage. `suffix` is that of the kind of repository.
pub fn project(storage: &Path, id: i64, suffix: &str) -> PathBuf {
    storage.join(format!("{}{suffix}.git", hashed_path("@hashed", id)))
}

/// Creates a bare repository with the default branch `main`.
pub fn init(path: &Path) {
    std::fs::create_dir_all(path).expect("the directory is created");
    git(path, &["init", "--quiet", "--bare", "--initial-branch=main", "."]);
}

/// Makes a commit with an empty tree, and returns its id.
pub fn commit(repository: &Path, parents: &[&str], message: &str) -> String {
    let tree = git(repository, &["hash-object", "-w", "-t", "tree", "/dev/null"]);
    let mut arguments = vec!["commit-tree", tree.as_str(), "-m", message];
    for parent in parents {
        arguments.extend(["-p", *parent]);
    }
    git(repository, &arguments)
}

/// Runs git in a repository. Returns its output.
pub fn git(repository: &Path, arguments: &[&str]) -> String {
    git_with(repository, arguments, &[])
}

/// Like [`git`], with paths in environment variables.
pub(crate) fn git_with(repository: &Path, arguments: &[&str], environment: &[(&str, &PathBuf)]) -> String {
    let output = Command::new("git")
        .current_dir(repository)
        .args(arguments)
        .envs(environment.iter().copied())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs([
            ("GIT_AUTHOR_NAME", "A"),
            ("GIT_AUTHOR_EMAIL", "a@example.com"),
            ("GIT_AUTHOR_DATE", "@0 +0000"),
        ])
        .envs([
            ("GIT_COMMITTER_NAME", "A"),
            ("GIT_COMMITTER_EMAIL", "a@example.com"),
            ("GIT_COMMITTER_DATE", "@0 +0000"),
        ])
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("git prints text").trim().to_owned()
}

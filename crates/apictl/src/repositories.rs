//! Bare repositories on the local disk.
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::files::{absolute, make_dir, replace};

/// A repository for a project that has none.
pub struct NewRepository<'a> {
    pub repositories_dir: &'a Path,
    pub project_id: i64,
    pub default_branch: &'a str,
    /// Copied into the repository.
    pub hooks_dir: Option<&'a Path>,
    /// Base URL of the internal API for the hooks, without a trailing slash.
    pub base_url: &'a str,
    pub data_dir: &'a Path,
}

impl NewRepository<'_> {
    /// Creates the repository unless it exists, and installs its hooks.
    pub fn create(&self) -> Result<()> {
        make_dir(self.repositories_dir)?;
        let path = path(self.repositories_dir, self.project_id);
        if !path.join("HEAD").exists() {
            create(&path, self.default_branch, "")?;
        }
        if let Some(hooks_dir) = self.hooks_dir {
            copy_hooks(hooks_dir, &path.join("hooks"))?;
            configure(&path, self.project_id, self.base_url, &absolute(self.data_dir)?)?;
        }
        Ok(())
    }
}

/// The path of a project's repository in GitLab's hashed storage.
pub fn path(repositories_dir: &Path, project_id: i64) -> PathBuf {
    repositories_dir.join(format!("{}.git", domain::hashed_path("@hashed", project_id)))
}

/// Creates a repository with a history for `git fast-import`. It has a temporary name until it is complete, so
/// that an unfinished one is not mistaken for the real one.
pub fn create(path: &Path, default_branch: &str, history: &str) -> Result<()> {
    let parent = path.parent().context("the path has no parent directory")?;
    make_dir(parent)?;
    let unfinished = tempfile::Builder::new().prefix(".unfinished-").tempdir_in(parent)?;
    let git_dir = unfinished.path();
    let branch = format!("--initial-branch={default_branch}");
    git(git_dir, &["init", "--quiet", "--bare", &branch, "--template="], "")?;
    if !history.is_empty() {
        git(git_dir, &["fast-import", "--quiet"], history)?;
    }
    fs::rename(git_dir, path)?;
    // The directory has been renamed, so there is nothing to remove.
    let _ = unfinished.keep();
    Ok(())
}

/// Copies the files of a directory as executable hooks.
pub fn copy_hooks(from: &Path, to: &Path) -> Result<()> {
    make_dir(to)?;
    let read = || from.display().to_string();
    for entry in fs::read_dir(from).with_context(read)? {
        let entry = entry.with_context(read)?;
        if entry.path().is_file() {
            let hook = fs::read(entry.path()).with_context(|| entry.path().display().to_string())?;
            replace(&to.join(entry.file_name()), &hook, 0o755)?;
        }
    }
    Ok(())
}

/// Configures the values that the hooks read, and enables push options.
pub fn configure(path: &Path, project_id: i64, base_url: &str, data_dir: &Path) -> Result<()> {
    let program = std::env::current_exe().context("the path of this program is unknown")?;
    let settings = [
        ("internalapi.baseurl", base_url),
        ("internalapi.apictl", &program.to_string_lossy()),
        ("internalapi.datadir", &data_dir.to_string_lossy()),
        ("internalapi.glrepository", &format!("project-{project_id}")),
        ("receive.advertisePushOptions", "true"),
    ];
    for (name, value) in settings {
        git(path, &["config", name, value], "")?;
    }
    Ok(())
}

/// Runs git on a repository, without the caller's git environment variables.
fn git(git_dir: &Path, arguments: &[&str], input: &str) -> Result<()> {
    let variables = std::env::vars_os().map(|(name, _)| name);
    let mut command = Command::new("git");
    for name in variables.filter(|name| name.to_string_lossy().starts_with("GIT_")) {
        command.env_remove(name);
    }
    let mut child = command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_DIR", git_dir)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("failed to run git")?;
    let mut stdin = child.stdin.take().context("git has no standard input")?;
    // If git has ended early, its own error message is more useful.
    let written = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().context("failed to run git")?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        bail!("git {} failed: {}", arguments.first().unwrap_or(&""), message.trim());
    }
    written.context("git did not read its input")
}

//! The bare repositories of the demo.
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use database::seed::PROJECTS;

use super::files::Places;
use crate::files::{make_dir, replace};

/// The project that users push to.
const PUSHED_TO: i64 = 3;

/// The history of its branch `main`, as input for `git fast-import`.
const HISTORY: &str = include_str!("history.fast-import");

/// Creates missing repositories. Hooks and settings are updated every time.
pub fn make(places: &Places, hooks_dir: &Path) -> Result<()> {
    for id in PROJECTS {
        let path = path(&places.repositories_dir, id);
        if path.join("HEAD").exists() {
            continue;
        }
        let history = if id == PUSHED_TO { HISTORY } else { "" };
        create(&path, history).with_context(|| format!("repository {}", path.display()))?;
    }
    let path = path(&places.repositories_dir, PUSHED_TO);
    copy_hooks(hooks_dir, &path.join("hooks"))?;
    configure(&path, places).with_context(|| format!("repository {}", path.display()))
}

pub(super) fn path(repositories_dir: &Path, project_id: i64) -> PathBuf {
    repositories_dir.join(format!("{}.git", domain::hashed_path("@hashed", project_id)))
}

/// Creates a repository under a temporary name until it is complete, so that an unfinished one is not
/// mistaken for the real one.
fn create(path: &Path, history: &str) -> Result<()> {
    let parent = path.parent().context("it has no directory")?;
    make_dir(parent)?;
    let unfinished = tempfile::Builder::new().prefix(".unfinished-").tempdir_in(parent)?;
    let git_dir = unfinished.path();
    git(git_dir, &["init", "--quiet", "--bare", "--initial-branch=main", "--template="], "")?;
    if !history.is_empty() {
        git(git_dir, &["fast-import", "--quiet"], history)?;
    }
    fs::rename(git_dir, path)?;
    // The directory has been renamed, so there is nothing to remove.
    let _ = unfinished.keep();
    Ok(())
}

fn copy_hooks(from: &Path, to: &Path) -> Result<()> {
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
fn configure(path: &Path, places: &Places) -> Result<()> {
    let program = std::env::current_exe().context("this program does not know where it lies")?;
    let settings = [
        ("internalapi.baseurl", places.base_url.as_str()),
        ("internalapi.apictl", &program.to_string_lossy()),
        ("internalapi.datadir", &places.data_dir.to_string_lossy()),
        ("internalapi.glrepository", &format!("project-{PUSHED_TO}")),
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
        .context("git could not be run")?;
    let mut stdin = child.stdin.take().context("git takes no input")?;
    // If git has ended early, its own error message is more useful.
    let written = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().context("git could not be run")?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("git {} failed: {}", arguments.first().unwrap_or(&""), words.trim());
    }
    written.context("git took no input")
}

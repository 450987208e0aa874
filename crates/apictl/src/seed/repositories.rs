//! The demo's repositories.
use std::path::Path;

use anyhow::{Context, Result};
use database::seed::PROJECTS;

use super::files::Places;
use crate::repositories::{configure, copy_hooks, create, path};

/// The project that people push to.
const PUSHED_TO: i64 = 3;

/// The history of its branch `main`, in the format of `git fast-import`.
const HISTORY: &str = include_str!("history.fast-import");

/// Creates the missing repositories. Hooks and settings are written every time.
pub fn make(places: &Places, hooks_dir: &Path) -> Result<()> {
    for id in PROJECTS {
        let path = path(&places.repositories_dir, id);
        if path.join("HEAD").exists() {
            continue;
        }
        let history = if id == PUSHED_TO { HISTORY } else { "" };
        create(&path, "main", history).with_context(|| format!("repository {}", path.display()))?;
    }
    let path = path(&places.repositories_dir, PUSHED_TO);
    copy_hooks(hooks_dir, &path.join("hooks"))?;
    configure(&path, PUSHED_TO, &places.base_url, &places.data_dir)
        .with_context(|| format!("repository {}", path.display()))
}

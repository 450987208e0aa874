//! Writes files atomically and with private permissions.
use std::fs::{DirBuilder, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// Creates a directory and its parents with mode 0700. An existing directory is not changed.
pub fn make_dir(path: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("directory {} cannot be made", path.display()))
}

/// Writes a file with mode 0600, unless it exists. Returns whether it was written.
pub fn create(path: &Path, content: &[u8]) -> Result<bool> {
    let created = match prepare(path, content, 0o600).map(|file| file.persist_noclobber(path)) {
        Ok(Ok(_)) => Ok(true),
        Ok(Err(failed)) if failed.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Ok(Err(failed)) => Err(failed.error),
        Err(error) => Err(error),
    };
    created.with_context(|| format!("{} cannot be written", path.display()))
}

/// Writes a file with the given mode, replacing an existing one.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let replaced =
        prepare(path, content, mode).and_then(|file| file.persist(path).map_err(|failed| failed.error));
    replaced.with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(())
}

/// Writes a temporary file in the same directory.
fn prepare(path: &Path, content: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut file = NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Returns the absolute path, so that other programs find it from any directory.
pub fn absolute(path: &Path) -> Result<std::path::PathBuf> {
    path.canonicalize().with_context(|| path.display().to_string())
}

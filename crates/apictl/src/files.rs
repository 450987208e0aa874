//! Files that are there whole or not at all, and are nobody else's business.
use std::fs::{DirBuilder, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// Makes a directory, and those above it, for its owner alone; one that is there stays as it is.
pub fn make_dir(path: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("directory {} cannot be made", path.display()))
}

/// Writes a file with mode 0600, unless there is one already; whether it was written.
pub fn create(path: &Path, content: &[u8]) -> Result<bool> {
    let created = match prepare(path, content, 0o600).map(|file| file.persist_noclobber(path)) {
        Ok(Ok(_)) => Ok(true),
        Ok(Err(failed)) if failed.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Ok(Err(failed)) => Err(failed.error),
        Err(error) => Err(error),
    };
    created.with_context(|| format!("{} cannot be written", path.display()))
}

/// Writes a file with a mode, in place of the one that is there.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let replaced =
        prepare(path, content, mode).and_then(|file| file.persist(path).map_err(|failed| failed.error));
    replaced.with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(())
}

/// A file beside the one to be, with a name that nobody looks for.
fn prepare(path: &Path, content: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut file = NamedTempFile::new_in(directory.unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// The path from the root on, which other programs find from wherever they run.
pub fn absolute(path: &Path) -> Result<std::path::PathBuf> {
    path.canonicalize().with_context(|| path.display().to_string())
}

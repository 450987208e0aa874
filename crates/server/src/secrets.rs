//! Secrets in files. A file is read at start, when it changes, and on SIGHUP. An invalid new file keeps the
//! old secret.
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use auth::{KeyBase, Secret, SecretError, Secrets};
use telemetry::metrics::Metrics;

use crate::config::ConfigError;
use endpoint::Clock;

/// A value that is reloaded when its file changes.
pub trait Reload: Send + Sync + std::fmt::Debug {
    /// Reloads the files if one of them has changed, or unconditionally if `always`.
    fn reload(&self, always: bool);
}

/// A secret that is read from a file. During a rotation of a shared secret, the previous secret is read too.
#[derive(Debug)]
pub struct SecretFile<T = Secrets> {
    /// The name in metrics, such as `gitlab_shell`.
    name: &'static str,
    path: PathBuf,
    previous_path: Option<PathBuf>,
    parse: Parse<T>,
    secrets: ArcSwap<T>,
    seen: Mutex<Vec<Stamp>>,
    metrics: Metrics,
    clock: Clock,
}

/// Parses the text of the current file and of the previous file.
type Parse<T> = fn(&str, Option<&str>) -> Result<T, SecretError>;

/// Detects a changed file by inode, size or modification time. Kubernetes swaps a symbolic link, which
/// changes the inode. The size detects an editor that writes in place, even where the file system's
/// timestamps are coarse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl SecretFile {
    /// Reads the files of a plain-text secret for the first time.
    pub fn open(
        name: &'static str,
        path: &Path,
        previous_path: Option<&Path>,
        metrics: &Metrics,
        clock: Clock,
    ) -> Result<Arc<Self>, ConfigError> {
        Self::open_as(
            |now, before| pair(Secret::from_text, now, before),
            name,
            path,
            previous_path,
            metrics,
            clock,
        )
    }

    /// Like `open`, for a secret that is base64 of 32 bytes.
    pub fn open_base64(
        name: &'static str,
        path: &Path,
        previous_path: Option<&Path>,
        metrics: &Metrics,
        clock: Clock,
    ) -> Result<Arc<Self>, ConfigError> {
        Self::open_as(
            |now, before| pair(Secret::from_base64, now, before),
            name,
            path,
            previous_path,
            metrics,
            clock,
        )
    }
}

impl SecretFile<KeyBase> {
    /// Like `open`, for GitLab's `db_key_base`, whose earlier values are in the same file.
    pub fn open_key_base(
        name: &'static str,
        path: &Path,
        metrics: &Metrics,
        clock: Clock,
    ) -> Result<Arc<Self>, ConfigError> {
        Self::open_as(|text, _| KeyBase::from_text(text), name, path, None, metrics, clock)
    }
}

impl<T> SecretFile<T> {
    fn open_as(
        parse: Parse<T>,
        name: &'static str,
        path: &Path,
        previous_path: Option<&Path>,
        metrics: &Metrics,
        clock: Clock,
    ) -> Result<Arc<Self>, ConfigError> {
        let paths: Vec<&Path> = std::iter::once(path).chain(previous_path).collect();
        let seen = stamps(&paths);
        let secrets = read(parse, path, previous_path)?;
        for path in paths {
            warn_if_open_to_others(path);
        }
        metrics.secret_loaded(name, clock.unix_float());
        Ok(Arc::new(Self {
            name,
            path: path.to_owned(),
            previous_path: previous_path.map(ToOwned::to_owned),
            parse,
            secrets: ArcSwap::from_pointee(secrets),
            seen: Mutex::new(seen),
            metrics: metrics.clone(),
            clock,
        }))
    }

    /// The current secrets. A request that holds the guard keeps them until it ends.
    pub fn get(&self) -> arc_swap::Guard<Arc<T>> {
        self.secrets.load()
    }
}

impl<T: Send + Sync + std::fmt::Debug> Reload for SecretFile<T> {
    fn reload(&self, always: bool) {
        let paths: Vec<&Path> =
            std::iter::once(self.path.as_path()).chain(self.previous_path.as_deref()).collect();
        let now = stamps(&paths);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now && !always {
            return;
        }
        *seen = now;
        match read(self.parse, &self.path, self.previous_path.as_deref()) {
            Ok(secrets) => {
                self.secrets.store(Arc::new(secrets));
                self.metrics.secret_reload(self.name, true);
                self.metrics.secret_loaded(self.name, self.clock.unix_float());
                tracing::info!(secret = self.name, "read the secret again");
            }
            Err(error) => {
                self.metrics.secret_reload(self.name, false);
                tracing::error!(
                    secret = self.name,
                    error = &error as &dyn std::error::Error,
                    "kept the old secret"
                );
            }
        }
    }
}

/// Reads a secret file once.
pub fn read_once<T>(path: &Path, parse: impl Fn(&str) -> Result<T, SecretError>) -> Result<T, ConfigError> {
    let text = read_text(path)?;
    parse(&text).map_err(|error| ConfigError(format!("secret file {}: {error}", path.display())))
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|error| ConfigError(format!("secret file {}: {error}", path.display())))
}

fn read<T>(parse: Parse<T>, path: &Path, previous_path: Option<&Path>) -> Result<T, ConfigError> {
    // An empty previous file ends a rotation.
    let previous = previous_path.map(read_text).transpose()?.filter(|text| !text.trim().is_empty());
    read_once(path, |current| parse(current, previous.as_deref()))
}

fn pair(
    secret: fn(&str) -> Result<Secret, SecretError>,
    current: &str,
    previous: Option<&str>,
) -> Result<Secrets, SecretError> {
    Ok(Secrets::new(secret(current)?, previous.map(secret).transpose()?))
}

fn stamps(paths: &[&Path]) -> Vec<Stamp> {
    let stamp = |path: &&Path| {
        let metadata = std::fs::metadata(path).ok()?;
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Some(Stamp { inode: metadata.ino(), size: metadata.size(), modified })
    };
    paths.iter().filter_map(stamp).collect()
}

/// Removes the rights of other accounts from an SQLite database and the files that SQLite keeps beside it,
/// which get the mode of the database. Warns if another account owns a file.
pub(crate) fn close_to_others(database: &str) {
    for suffix in ["", "-wal", "-shm"] {
        let path = PathBuf::from(format!("{database}{suffix}"));
        let Ok(metadata) = std::fs::metadata(&path) else { continue };
        if metadata.permissions().mode() & 0o077 != 0 {
            // After a failure, the next line logs a warning.
            let _ = std::fs::set_permissions(&path, Permissions::from_mode(0o600));
            warn_if_open_to_others(&path);
        }
    }
}

/// Warns about a secret file or data directory that other accounts can read.
pub(crate) fn warn_if_open_to_others(path: &Path) {
    if std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o007 != 0) {
        tracing::warn!("other accounts can read {}", path.display());
    }
}

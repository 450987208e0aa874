//! The option for GitLab's `db_key_base`.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use auth::KeyBase;
use clap::Args;
use endpoint::Core;

use super::ConfigError;
use crate::SecretFile;
use crate::secrets;

/// Flattened into the command line of each program that reads GitLab's encrypted or digested columns.
#[derive(Debug, Clone, Args)]
pub struct KeyBaseOptions {
    /// GitLab's `db_key_base`, one value per line, the current one last [default: `.gitlab_db_key_base` in
    /// the data directory]
    #[arg(long, env = "IAPI_DB_KEY_BASE_FILE")]
    pub db_key_base_file: Option<PathBuf>,
}

impl KeyBaseOptions {
    /// The configured file, or the default one.
    pub fn path(&self, data_dir: &Path) -> PathBuf {
        self.db_key_base_file.clone().unwrap_or_else(|| data_dir.join(".gitlab_db_key_base"))
    }

    /// Reads the file once, for a program that ends soon.
    pub fn read(&self, data_dir: &Path) -> Result<KeyBase, ConfigError> {
        secrets::read_once(&self.path(data_dir), KeyBase::from_text).map_err(|ConfigError(error)| {
            let data_dir = data_dir.display();
            ConfigError(format!(
                "--db-key-base-file: {error} (run: internal-apictl secrets generate --data-dir {data_dir})"
            ))
        })
    }

    /// Reads the file. The service reloads it when it changes.
    pub fn open(&self, data_dir: &Path, core: &Core) -> Result<Arc<SecretFile<KeyBase>>, ConfigError> {
        let path = self.path(data_dir);
        SecretFile::open_key_base("gitlab_db_key_base", &path, &core.metrics, core.clock)
    }
}

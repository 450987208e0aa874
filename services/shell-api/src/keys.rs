//! What this service signs, digests and verifies with, beside the secret of GitLab Shell.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use auth::KeyBase;
use clap::Args;
use endpoint::Core;
use server::SecretFile;
use server::config::ConfigError;
use server::secrets::Reload;

#[derive(Debug, Clone, Args)]
pub struct KeyOptions {
    /// Secret shared with Workhorse, base64 of 32 bytes; without it Workhorse is nobody here
    #[arg(long, env = "IAPI_WORKHORSE_SECRET_FILE")]
    pub workhorse_secret_file: Option<PathBuf>,
    /// The secret before, while it is being changed: it verifies too
    #[arg(long, env = "IAPI_WORKHORSE_SECRET_PREVIOUS_FILE", requires = "workhorse_secret_file")]
    pub workhorse_secret_previous_file: Option<PathBuf>,
    /// GitLab's `db_key_base`, a value a line, the one in use last [default: `.gitlab_db_key_base` in the data directory]
    #[arg(long, env = "IAPI_DB_KEY_BASE_FILE")]
    pub db_key_base_file: Option<PathBuf>,
    /// GitLab's `otp_key_base`, as the other; needed by `--two-factor-for-cli`
    #[arg(long, env = "IAPI_OTP_KEY_BASE_FILE")]
    pub otp_key_base_file: Option<PathBuf>,
}

/// The secrets, each as it is now.
#[derive(Debug)]
pub struct Keys {
    pub workhorse: Option<Arc<SecretFile>>,
    pub db_key_base: Arc<SecretFile<KeyBase>>,
    pub otp_key_base: Option<Arc<SecretFile<KeyBase>>>,
}

impl KeyOptions {
    /// Reads the files for the first time.
    pub(crate) fn open(self, data_dir: &Path, core: &Core) -> Result<Keys, ConfigError> {
        let key_base =
            |name, path: PathBuf| SecretFile::open_key_base(name, &path, &core.metrics, core.clock);
        let previous = self.workhorse_secret_previous_file.as_deref();
        let workhorse = self.workhorse_secret_file.map(|path| {
            SecretFile::open_base64("gitlab_workhorse", &path, previous, &core.metrics, core.clock)
        });
        let db_key_base = self.db_key_base_file.unwrap_or_else(|| data_dir.join(".gitlab_db_key_base"));
        let otp_key_base = self.otp_key_base_file.map(|path| key_base("gitlab_otp_key_base", path));
        Ok(Keys {
            workhorse: workhorse.transpose()?,
            db_key_base: key_base("gitlab_db_key_base", db_key_base)?,
            otp_key_base: otp_key_base.transpose()?,
        })
    }
}

impl Keys {
    /// All of them, to be read again when they change.
    pub(crate) fn files(&self) -> Vec<Arc<dyn Reload>> {
        let mut files: Vec<Arc<dyn Reload>> = vec![Arc::clone(&self.db_key_base) as Arc<dyn Reload>];
        files.extend(self.otp_key_base.clone().map(|file| file as Arc<dyn Reload>));
        files.extend(self.workhorse.clone().map(|file| file as Arc<dyn Reload>));
        files
    }
}

//! The secrets of this service, except the one shared with GitLab Shell.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use auth::KeyBase;
use clap::Args;
use endpoint::Core;
use server::SecretFile;
use server::config::{ConfigError, KeyBaseOptions};
use server::secrets::Reload;

#[derive(Debug, Clone, Args)]
pub struct KeyOptions {
    /// Secret shared with Workhorse, base64 of 32 bytes. Without it requests from Workhorse are refused
    #[arg(long, env = "IAPI_WORKHORSE_SECRET_FILE")]
    pub workhorse_secret_file: Option<PathBuf>,
    /// The previous secret, accepted while it is being rotated
    #[arg(long, env = "IAPI_WORKHORSE_SECRET_PREVIOUS_FILE", requires = "workhorse_secret_file")]
    pub workhorse_secret_previous_file: Option<PathBuf>,
    #[command(flatten)]
    pub key_base: KeyBaseOptions,
    /// GitLab's `otp_key_base`, in the same form. Required by `--two-factor-for-cli`
    #[arg(long, env = "IAPI_OTP_KEY_BASE_FILE")]
    pub otp_key_base_file: Option<PathBuf>,
}

/// The current secrets.
#[derive(Debug)]
pub struct Keys {
    pub workhorse: Option<Arc<SecretFile>>,
    pub db_key_base: Arc<SecretFile<KeyBase>>,
    pub otp_key_base: Option<Arc<SecretFile<KeyBase>>>,
}

impl KeyOptions {
    /// Reads the files at start.
    pub(crate) fn open(self, data_dir: &Path, core: &Core) -> Result<Keys, ConfigError> {
        let previous = self.workhorse_secret_previous_file.as_deref();
        let workhorse = self.workhorse_secret_file.map(|path| {
            SecretFile::open_base64("gitlab_workhorse", &path, previous, &core.metrics, core.clock)
        });
        let otp_key_base = self
            .otp_key_base_file
            .map(|path| SecretFile::open_key_base("gitlab_otp_key_base", &path, &core.metrics, core.clock));
        Ok(Keys {
            workhorse: workhorse.transpose()?,
            db_key_base: self.key_base.open(data_dir, core)?,
            otp_key_base: otp_key_base.transpose()?,
        })
    }
}

impl Keys {
    /// All secret files, to reload them when they change.
    pub(crate) fn files(&self) -> Vec<Arc<dyn Reload>> {
        let mut files: Vec<Arc<dyn Reload>> = vec![Arc::clone(&self.db_key_base) as Arc<dyn Reload>];
        files.extend(self.otp_key_base.clone().map(|file| file as Arc<dyn Reload>));
        files.extend(self.workhorse.clone().map(|file| file as Arc<dyn Reload>));
        files
    }
}

//! `internal-apictl token`: prints a new token.
use std::path::{Path, PathBuf};

use anyhow::Result;
use auth::{Secret, SecretError, Secrets};
use clap::{Args, Subcommand};
use endpoint::Clock;
use server::config::ConfigError;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Token of GitLab Shell and Gitaly, for the header Gitlab-Shell-Api-Request
    Shell(Options),
    /// Token of kas, for the header Gitlab-Kas-Api-Request
    Kas(KasOptions),
}

#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Directory of the default secret files
    #[arg(long, env = "IAPI_DATA_DIR", default_value = ".data")]
    data_dir: PathBuf,
    /// Secret shared with GitLab Shell and Gitaly [default: `.gitlab_shell_secret` in the data directory]
    #[arg(long, env = "IAPI_SHELL_SECRET_FILE")]
    shell_secret_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct KasOptions {
    /// Directory of the default secret files
    #[arg(long, env = "IAPI_DATA_DIR", default_value = ".data")]
    data_dir: PathBuf,
    /// Secret shared with kas [default: `.gitlab_kas_secret` in the data directory]
    #[arg(long, env = "IAPI_KAS_SECRET_FILE")]
    kas_secret_file: Option<PathBuf>,
}

/// The secrets with which `check` signs its tokens.
#[derive(Debug, Clone, Args)]
pub struct CheckSecrets {
    #[command(flatten)]
    shell: Options,
    /// Secret shared with kas [default: `.gitlab_kas_secret` in the data directory]
    #[arg(long, env = "IAPI_KAS_SECRET_FILE")]
    kas_secret_file: Option<PathBuf>,
}

impl CheckSecrets {
    /// A token of GitLab Shell, and the file of its secret.
    pub fn issue_shell(&self) -> Result<(String, String)> {
        Ok((self.shell.issue()?, self.shell.path().display().to_string()))
    }

    /// A token of kas, and the file of its secret.
    pub fn issue_kas(&self) -> Result<(String, String)> {
        let (data_dir, kas_secret_file) = (self.shell.data_dir.clone(), self.kas_secret_file.clone());
        let kas = KasOptions { data_dir, kas_secret_file };
        Ok((kas.issue()?, kas.path().display().to_string()))
    }
}

pub fn shell(options: &Options) -> Result<()> {
    println!("{}", options.issue()?);
    Ok(())
}

pub fn kas(options: &KasOptions) -> Result<()> {
    println!("{}", options.issue()?);
    Ok(())
}

impl KasOptions {
    fn path(&self) -> PathBuf {
        self.kas_secret_file.clone().unwrap_or_else(|| self.data_dir.join(".gitlab_kas_secret"))
    }

    /// Issues a token that is valid for 30 seconds.
    fn issue(&self) -> Result<String> {
        Ok(auth::kas::issue(&read(&self.path(), Secret::from_base64)?, Clock::System.unix())?)
    }
}

impl Options {
    fn path(&self) -> PathBuf {
        self.shell_secret_file.clone().unwrap_or_else(|| self.data_dir.join(".gitlab_shell_secret"))
    }

    /// Issues a token that is valid for one minute.
    pub fn issue(&self) -> Result<String> {
        let secrets = read(&self.path(), Secret::from_text)?;
        Ok(auth::shell::issue(&secrets, Clock::System.unix())?)
    }
}

fn read(path: &Path, parse: fn(&str) -> Result<Secret, SecretError>) -> Result<Secrets, ConfigError> {
    Ok(Secrets::new(server::secrets::read_once(path, parse)?, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_api_accepts_a_new_token() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options { data_dir: directory.path().to_owned(), shell_secret_file: None };
        assert!(options.issue().unwrap_err().is::<ConfigError>());
        let path = directory.path().join(".gitlab_shell_secret");
        std::fs::write(&path, "s3cret\n").unwrap();
        let token = options.issue().unwrap();
        let verified =
            auth::shell::verify(&read(&path, Secret::from_text).unwrap(), &token, Clock::System.unix(), true);
        assert_eq!(verified, Ok(()));
    }

    #[test]
    fn kas_api_accepts_a_new_token() {
        let directory = tempfile::tempdir().unwrap();
        let options = KasOptions { data_dir: directory.path().to_owned(), kas_secret_file: None };
        assert!(options.issue().unwrap_err().is::<ConfigError>());
        let path = directory.path().join(".gitlab_kas_secret");
        std::fs::write(&path, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").unwrap();
        let secrets = read(&path, Secret::from_base64).unwrap();
        let rules = auth::kas::Rules { require_audience: true, leeway: 0 };
        let token = options.issue().unwrap();
        assert_eq!(auth::kas::verify(&secrets, &token, Clock::System.unix(), rules), Ok(()));
    }
}

//! `internal-apictl secrets generate`: generates missing secrets.
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clap::{Args, Subcommand};
use domain::tokens::personal_access_token;

use crate::files;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Generate missing secrets, each in a file with mode 0600; keep existing ones
    Generate(Options),
}

#[derive(Debug, Args)]
pub struct Options {
    /// Directory of the secret files; created with mode 0700
    #[arg(long, env = "IAPI_DATA_DIR", default_value = ".data")]
    data_dir: PathBuf,
}

pub fn generate(options: &Options) -> Result<()> {
    files::make_dir(&options.data_dir)?;
    // The formats in which GitLab's own programs write and read the secrets.
    let secrets = [
        (".gitlab_shell_secret", hex(&random::<16>()?)),
        (".gitlab_kas_secret", STANDARD.encode(random::<32>()?)),
        (".gitlab_db_key_base", hex(&random::<64>()?)),
    ];
    for (name, text) in secrets {
        let path = options.data_dir.join(name);
        say(&path, files::create(&path, text.as_bytes())?);
    }
    Ok(())
}

fn say(path: &Path, created: bool) {
    println!("{} {}", if created { "made" } else { "kept" }, path.display());
}

/// Generates cryptographically secure random bytes.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow!("the machine gives no randomness"))?;
    Ok(bytes)
}

/// Generates a personal access token.
pub fn access_token(prefix: &str) -> Result<String> {
    Ok(personal_access_token::token(prefix, &random()?))
}

/// Generates a token of an agent for Kubernetes.
pub fn agent_token() -> Result<String> {
    // Two more characters than GitLab's tokens have are cut off.
    Ok(format!("glagent-{}", &URL_SAFE_NO_PAD.encode(random::<39>()?)[..50]))
}

/// Generates a SCIM token.
pub fn scim_token() -> Result<String> {
    Ok(format!("glsoat-{}", URL_SAFE_NO_PAD.encode(random::<15>()?)))
}

/// Generates a password of 24 characters.
pub fn password() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random::<18>()?))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn makes_each_secret_once_in_its_form_for_its_owner_alone() {
        let parent = tempfile::tempdir().unwrap();
        let options = Options { data_dir: parent.path().join("a/data") };
        generate(&options).unwrap();
        assert_eq!(mode(&options.data_dir), 0o700);
        let read = |name: &str| {
            let path = options.data_dir.join(name);
            assert_eq!(mode(&path), 0o600, "{name}");
            fs::read_to_string(path).unwrap()
        };
        let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let all = || [".gitlab_shell_secret", ".gitlab_kas_secret", ".gitlab_db_key_base"].map(read);
        let made = all();
        assert!(made[0].len() == 32 && is_hex(&made[0]), "{}", made[0]);
        assert_eq!(STANDARD.decode(&made[1]).unwrap().len(), 32);
        assert!(made[2].len() == 128 && is_hex(&made[2]), "{}", made[2]);

        fs::remove_file(options.data_dir.join(".gitlab_kas_secret")).unwrap();
        generate(&options).unwrap();
        let again = all();
        assert_eq!((&again[0], &again[2]), (&made[0], &made[2]));
        assert_ne!(again[1], made[1]);
        // Nothing else is left in the directory.
        assert_eq!(fs::read_dir(&options.data_dir).unwrap().count(), 3);
    }
}

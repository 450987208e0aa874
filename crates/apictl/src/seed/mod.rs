//! `internal-apictl seed --demo`: creates the rows, keys, repositories and files of the demo.
//!
//! Existing demo data in the database and on disk is kept. Only missing parts are created.
mod files;
mod keys;
mod repositories;
#[cfg(test)]
mod tests;
mod tokens;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use database::seed::Credentials;
use endpoint::Clock;
use server::config::KeyBaseOptions;

use crate::files::{absolute, make_dir};
use crate::{connection, secrets};
use files::Places;
use tokens::Tokens;

#[derive(Debug, Args)]
pub struct Options {
    /// Add the demo data; required, because there is no other data
    #[arg(long, env = "IAPI_DEMO", required = true)]
    demo: bool,
    /// Base URL of the internal API for clients
    #[arg(long, env = "IAPI_BASE_URL", default_value = "http://127.0.0.1:8080")]
    base_url: String,
    /// Directory of the repositories
    #[arg(long, env = "IAPI_REPOSITORIES_DIR")]
    repositories_dir: PathBuf,
    /// Directory of the hooks for the demo's repository
    #[arg(long, env = "IAPI_HOOKS_DIR")]
    hooks_dir: PathBuf,
    #[command(flatten)]
    key_base: KeyBaseOptions,
    #[command(flatten)]
    database: connection::Options,
}

pub fn run(options: &Options) -> Result<()> {
    let (mut conn, name) = options.database.open()?;
    // Checked before anything is written, so that no files remain if the database cannot be used.
    database::seed::is_planted(&mut conn).context("no demo data can be put into this database")?;
    let key_base = options.key_base.read(&options.database.data_dir)?;
    make_dir(&options.repositories_dir)?;
    let places = Places {
        base_url: options.base_url.trim_end_matches('/').to_owned(),
        data_dir: absolute(&options.database.data_dir)?,
        repositories_dir: absolute(&options.repositories_dir)?,
    };

    let now = Clock::System.now();
    let tokens = Tokens::of(&places.data_dir)?;
    let root = keys::rsa(&places.ssh_key_file())?;
    let credentials = Credentials {
        password: password()?,
        root,
        rubi: keys::ed25519("rubi@example.com")?,
        mia: keys::ed25519("mia@example.com")?,
        dev: keys::ed25519("dev@example.com")?,
        blk: keys::ed25519("blk@example.com")?,
        certificate_authority: keys::ed25519("ca")?,
        agent_token: key_base.encrypt(&tokens.agent),
    };
    let new = database::seed::plant(&mut conn, &credentials, now)?;
    if !new && database::seed::set_root_key(&mut conn, &credentials.root, now)? {
        println!(
            "the key of root is another now: the private half of the old one is not in the data directory"
        );
    }
    if !new && database::seed::set_agent_token(&mut conn, &credentials.agent_token, now)? {
        println!("the token of agent1 is another now: the old one is not in the data directory");
    }
    tokens.keep(&mut conn, &key_base, now)?;
    let demo = database::seed::describe(&mut conn)?;

    repositories::make(&places, &options.hooks_dir)?;
    files::write(&places, &demo, &tokens)?;
    println!("{} the demo data on {name}", if new { "made" } else { "kept" });
    Ok(())
}

/// A string in the format of a bcrypt hash that matches no known password.
fn password() -> Result<String> {
    const ALPHABET: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let digits = secrets::random::<53>()?.map(|byte| char::from(ALPHABET[usize::from(byte % 64)]));
    Ok(format!("$2a$10${}", digits.iter().collect::<String>()))
}

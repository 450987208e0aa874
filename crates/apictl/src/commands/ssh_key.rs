//! `internal-apictl ssh-key`
use std::path::PathBuf;

use anyhow::Result;
use chrono::{NaiveDate, NaiveTime};
use clap::{Args, Subcommand, ValueEnum};
use database::standalone::{self, KeyRow, NewKey};
use serde_json::{Value, json};

use super::{
    Entity, Target, audit, check_public_key, find_user, fingerprint_text, now, parse_day, read_public_key,
};
use crate::output::{self, Cell};
use crate::refusal::Refusal;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a public key to a user
    Add(AddOptions),
    /// List keys
    List(ListOptions),
    /// Delete a key
    Delete(DeleteOptions),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Usage {
    Auth,
    Signing,
    AuthAndSigning,
}

impl Usage {
    fn number(self) -> i16 {
        match self {
            Self::AuthAndSigning => 0,
            Self::Auth => 1,
            Self::Signing => 2,
        }
    }
}

#[derive(Debug, Args)]
pub struct AddOptions {
    /// Username of the owner
    #[arg(long)]
    user: String,
    /// File with the public key; `-` is standard input
    #[arg(long)]
    file: PathBuf,
    /// Title [default: the comment of the key]
    #[arg(long)]
    title: Option<String>,
    /// Last day on which the key is valid
    #[arg(long, value_parser = parse_day)]
    expires_at: Option<NaiveDate>,
    /// What the key is for
    #[arg(long, value_enum, default_value = "auth-and-signing")]
    usage: Usage,
    /// Succeed if the user has the key
    #[arg(long)]
    if_not_exists: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct ListOptions {
    /// Only the keys of this user
    #[arg(long)]
    user: Option<String>,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct DeleteOptions {
    /// Id of the key
    id: i64,
    #[command(flatten)]
    target: Target,
}

pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Add(options) => add(options),
        Command::List(options) => list(options),
        Command::Delete(options) => delete(options),
    }
}

fn add(options: &AddOptions) -> Result<()> {
    let line = read_public_key(&options.file)?;
    let mut conn = options.target.open_to_change()?;
    let user = find_user(&mut conn, &options.user)?;
    let fingerprint_sha256 = check_public_key(&mut conn, &line)?;
    let same = standalone::list_keys(&mut conn, Some(user.id))?
        .into_iter()
        .find(|key| key.fingerprint_sha256.as_deref() == Some(&fingerprint_sha256));
    if let Some(known) = same.filter(|_| options.if_not_exists) {
        eprintln!("user `{}` has the key already", options.user);
        return print(options, &known);
    }
    let comment = line.splitn(3, ' ').nth(2).map(str::trim).filter(|comment| !comment.is_empty());
    let text = fingerprint_text(Some(&fingerprint_sha256));
    let title = options.title.as_deref().or(comment).unwrap_or(&text);
    let new = NewKey {
        user_id: user.id,
        title,
        key: &line,
        fingerprint_sha256,
        usage_type: options.usage.number(),
        expires_at: options.expires_at.map(|day| day.and_time(NaiveTime::MIN)),
    };
    let id = standalone::add_key(&mut conn, &new, now()).map_err(|error| match error {
        database::Error::Domain(domain::Error::Taken(_)) => {
            anyhow::Error::from(Refusal::exists("key", &text))
        }
        other => other.into(),
    })?;
    let keys = standalone::list_keys(&mut conn, Some(user.id))?;
    let key = keys.into_iter().find(|key| key.id == id).ok_or_else(|| Refusal::not_found("key", id))?;
    audit("ssh_key_added", &Entity::user(&user), ("Key", Some(id)), &Value::Null, &to_json(&key));
    print(options, &key)
}

fn print(options: &AddOptions, key: &KeyRow) -> Result<()> {
    if options.target.json {
        return output::json(&to_json(key));
    }
    eprintln!(
        "key {} of user `{}`: {}",
        key.id,
        options.user,
        fingerprint_text(key.fingerprint_sha256.as_deref())
    );
    Ok(())
}

fn list(options: &ListOptions) -> Result<()> {
    let mut conn = options.target.open()?;
    let user = options.user.as_deref().map(|name| find_user(&mut conn, name)).transpose()?;
    let keys = standalone::list_keys(&mut conn, user.map(|user| user.id))?;
    if options.target.json {
        return output::json(&keys.iter().map(to_json).collect());
    }
    let row = |key: &KeyRow| {
        [
            Cell::from(key.id),
            output::optional(key.username.as_deref()),
            output::optional(key.title.as_deref()),
            Cell::from(fingerprint_text(key.fingerprint_sha256.as_deref())),
            Cell::from(usage_name(key.usage_type)),
            output::time_cell(key.expires_at),
            output::time_cell(key.last_used_at),
        ]
    };
    let header = ["ID", "USER", "TITLE", "FINGERPRINT", "USAGE", "EXPIRES", "LAST USED"];
    output::table(header, keys.iter().map(row))
}

fn delete(options: &DeleteOptions) -> Result<()> {
    let mut conn = options.target.open_to_change()?;
    let keys = standalone::list_keys(&mut conn, None)?;
    let key = keys.into_iter().find(|key| key.id == options.id);
    let key = key.ok_or_else(|| Refusal::not_found("key", options.id))?;
    let user = find_user(&mut conn, key.username.as_deref().unwrap_or_default())?;
    standalone::delete_key(&mut conn, key.id)?;
    audit("ssh_key_deleted", &Entity::user(&user), ("Key", Some(key.id)), &to_json(&key), &Value::Null);
    eprintln!("deleted key {}", key.id);
    Ok(())
}

fn usage_name(number: i16) -> &'static str {
    match number {
        1 => "auth",
        2 => "signing",
        _ => "auth_and_signing",
    }
}

fn to_json(key: &KeyRow) -> Value {
    json!({
        "id": key.id,
        "user": key.username,
        "title": key.title,
        "fingerprint_sha256": fingerprint_text(key.fingerprint_sha256.as_deref()),
        "usage_type": usage_name(key.usage_type),
        "expires_at": output::time(key.expires_at),
        "last_used_at": output::time(key.last_used_at),
        "created_at": output::time(key.created_at),
    })
}

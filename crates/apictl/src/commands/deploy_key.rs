//! `internal-apictl deploy-key`
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use database::standalone::{self, DeployKeyRow, NewDeployKey};
use serde_json::{Value, json};

use super::{
    Entity, Target, audit, check_public_key, find_project, find_user, fingerprint_text, now, read_public_key,
};
use crate::output::{self, Cell};
use crate::refusal::Refusal;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a deploy key to a project
    Add(AddOptions),
    /// List the deploy keys of a project
    List(ListOptions),
    /// Remove a deploy key from a project
    Remove(RemoveOptions),
}

#[derive(Debug, Args)]
pub struct AddOptions {
    /// Full path of the project
    #[arg(long)]
    project: String,
    /// File with the public key; `-` is standard input
    #[arg(long)]
    file: PathBuf,
    /// Title [default: the comment of the key]
    #[arg(long)]
    title: Option<String>,
    /// Let the key push
    #[arg(long)]
    can_push: bool,
    /// Username of the user as whom the key acts
    #[arg(long)]
    owner: Option<String>,
    /// Succeed if the project has the key
    #[arg(long)]
    if_not_exists: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct ListOptions {
    /// Full path of the project
    #[arg(long)]
    project: String,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct RemoveOptions {
    /// Full path of the project
    #[arg(long)]
    project: String,
    /// Id of the key
    id: i64,
    #[command(flatten)]
    target: Target,
}

pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Add(options) => add(options),
        Command::List(options) => list(options),
        Command::Remove(options) => remove(options),
    }
}

fn add(options: &AddOptions) -> Result<()> {
    let line = read_public_key(&options.file)?;
    let mut conn = options.target.open_to_change()?;
    let project = find_project(&mut conn, &options.project)?;
    let owner = options.owner.as_deref().map(|name| find_user(&mut conn, name)).transpose()?;
    let fingerprint_sha256 = check_public_key(&mut conn, &line)?;
    let same = standalone::list_deploy_keys(&mut conn, project.id)?
        .into_iter()
        .find(|key| key.fingerprint_sha256.as_deref() == Some(&fingerprint_sha256));
    if let Some(known) = same.filter(|key| options.if_not_exists && key.can_push == options.can_push) {
        eprintln!("project `{}` has the key already", options.project);
        return print(options, &known);
    }
    let comment = line.splitn(3, ' ').nth(2).map(str::trim).filter(|comment| !comment.is_empty());
    let text = fingerprint_text(Some(&fingerprint_sha256));
    let new = NewDeployKey {
        project_id: project.id,
        title: options.title.as_deref().or(comment).unwrap_or(&text),
        key: &line,
        fingerprint_sha256,
        can_push: options.can_push,
        owner_id: owner.map(|owner| owner.id),
    };
    let id = standalone::add_deploy_key(&mut conn, &new, now()).map_err(|error| match error {
        database::Error::Domain(domain::Error::Taken(_)) => {
            anyhow::Error::from(Refusal::exists("key", &text))
        }
        other => other.into(),
    })?;
    let keys = standalone::list_deploy_keys(&mut conn, project.id)?;
    let key =
        keys.into_iter().find(|key| key.id == id).ok_or_else(|| Refusal::not_found("deploy key", id))?;
    let target = ("DeployKey", Some(id));
    audit("deploy_key_added", &Entity::project(&project), target, &Value::Null, &to_json(&key));
    print(options, &key)
}

fn print(options: &AddOptions, key: &DeployKeyRow) -> Result<()> {
    if options.target.json {
        return output::json(&to_json(key));
    }
    let fingerprint = fingerprint_text(key.fingerprint_sha256.as_deref());
    eprintln!("deploy key {} of project `{}`: {fingerprint}", key.id, options.project);
    Ok(())
}

fn list(options: &ListOptions) -> Result<()> {
    let mut conn = options.target.open()?;
    let project = find_project(&mut conn, &options.project)?;
    let keys = standalone::list_deploy_keys(&mut conn, project.id)?;
    if options.target.json {
        return output::json(&keys.iter().map(to_json).collect());
    }
    let row = |key: &DeployKeyRow| {
        [
            Cell::from(key.id),
            output::optional(key.title.as_deref()),
            Cell::from(fingerprint_text(key.fingerprint_sha256.as_deref())),
            Cell::from(if key.can_push { "yes" } else { "" }),
            output::optional(key.owner_id),
        ]
    };
    output::table(["ID", "TITLE", "FINGERPRINT", "CAN PUSH", "OWNER ID"], keys.iter().map(row))
}

fn remove(options: &RemoveOptions) -> Result<()> {
    let mut conn = options.target.open_to_change()?;
    let project = find_project(&mut conn, &options.project)?;
    let keys = standalone::list_deploy_keys(&mut conn, project.id)?;
    let key = keys.into_iter().find(|key| key.id == options.id);
    let key = key.ok_or_else(|| Refusal::not_found("deploy key", options.id))?;
    standalone::remove_deploy_key(&mut conn, project.id, key.id)?;
    let target = ("DeployKey", Some(key.id));
    audit("deploy_key_removed", &Entity::project(&project), target, &to_json(&key), &Value::Null);
    eprintln!("removed deploy key {}", key.id);
    Ok(())
}

fn to_json(key: &DeployKeyRow) -> Value {
    json!({
        "id": key.id,
        "title": key.title,
        "fingerprint_sha256": fingerprint_text(key.fingerprint_sha256.as_deref()),
        "can_push": key.can_push,
        "owner_id": key.owner_id,
        "created_at": output::time(key.created_at),
    })
}

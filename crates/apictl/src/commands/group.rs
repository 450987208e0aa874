//! `internal-apictl group`
use anyhow::Result;
use clap::{Args, Subcommand};
use database::standalone::{self, GroupRow, NewGroup};
use domain::Visibility;
use domain::namespace_path::NamespacePath;
use domain::path_name::Owner;
use serde_json::{Value, json};

use super::{Entity, Target, VisibilityOption, audit, find_group, find_user, now, visibility_name};
use crate::output::{self, Cell};
use crate::refusal::Refusal;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a group, or a subgroup of an existing group
    Create(CreateOptions),
    /// List groups
    List(ListOptions),
}

#[derive(Debug, Args)]
pub struct CreateOptions {
    /// Full path, e.g. `acme/tools`
    #[arg(long)]
    path: String,
    /// Name [default: the last part of the path]
    #[arg(long)]
    name: Option<String>,
    /// Who sees the group
    #[arg(long, value_enum, default_value = "private")]
    visibility: VisibilityOption,
    /// Username of the first owner
    #[arg(long)]
    owner: Option<String>,
    /// Succeed if the group exists with the same properties
    #[arg(long)]
    if_not_exists: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct ListOptions {
    /// Part of a path or name
    #[arg(long)]
    search: Option<String>,
    /// Only this group and its subgroups
    #[arg(long)]
    group: Option<String>,
    #[command(flatten)]
    target: Target,
}

pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Create(options) => create(options),
        Command::List(options) => list(options),
    }
}

fn create(options: &CreateOptions) -> Result<()> {
    let full_path = options.path.trim_matches('/');
    let (above, last) =
        full_path.rsplit_once('/').map_or((None, full_path), |(above, last)| (Some(above), last));
    let kind = if above.is_some() { Owner::Subgroup } else { Owner::TopLevelGroup };
    let path = NamespacePath::new(last, kind).map_err(|error| Refusal::failed(error.to_string()))?;
    let name = options.name.as_deref().unwrap_or(last);
    let mut conn = options.target.open_to_change()?;
    let parent = above.map(|above| find_group(&mut conn, above)).transpose()?;
    let owner = options.owner.as_deref().map(|owner| find_user(&mut conn, owner)).transpose()?;
    if let Some(known) = standalone::find_group(&mut conn, full_path)? {
        let is_same =
            known.name == name && Visibility::from_level(known.visibility_level) == options.visibility.into();
        if !(options.if_not_exists && is_same) {
            return Err(Refusal::exists("group", full_path).into());
        }
        eprintln!("group `{full_path}` exists already");
        return print(options, &known);
    }
    let new = NewGroup {
        parent: parent.as_ref(),
        path: &path,
        name,
        visibility: options.visibility.into(),
        owner_id: owner.map(|owner| owner.id),
    };
    standalone::create_group(&mut conn, &new, now()).map_err(|error| match error {
        database::Error::Domain(domain::Error::Taken(_)) => {
            anyhow::Error::from(Refusal::exists("path", full_path))
        }
        other => other.into(),
    })?;
    let group = find_group(&mut conn, full_path)?;
    audit("group_created", &Entity::group(&group), ("Group", Some(group.id)), &Value::Null, &to_json(&group));
    print(options, &group)
}

fn print(options: &CreateOptions, group: &GroupRow) -> Result<()> {
    if options.target.json {
        return output::json(&to_json(group));
    }
    eprintln!("group `{}` has id {}", group.full_path, group.id);
    Ok(())
}

fn list(options: &ListOptions) -> Result<()> {
    let mut conn = options.target.open()?;
    let groups = standalone::list_groups(&mut conn, options.search.as_deref(), options.group.as_deref())?;
    if options.target.json {
        return output::json(&groups.iter().map(to_json).collect());
    }
    let row = |group: &GroupRow| {
        [
            Cell::from(group.id),
            Cell::from(&group.full_path),
            Cell::from(&group.name),
            Cell::from(visibility_name(group.visibility_level)),
        ]
    };
    output::table(["ID", "PATH", "NAME", "VISIBILITY"], groups.iter().map(row))
}

fn to_json(group: &GroupRow) -> Value {
    json!({
        "id": group.id,
        "full_path": group.full_path,
        "name": group.name,
        "parent_id": group.parent_id,
        "visibility": visibility_name(group.visibility_level),
    })
}

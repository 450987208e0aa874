//! `internal-apictl protected-branch`
use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use database::standalone::{self, NewProtectedBranch, ProtectedBranchRow};
use serde_json::{Value, json};

use super::{Entity, Target, audit, find_project, now, role_name};
use crate::output::{self, Cell};
use crate::refusal::Refusal;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Protect a branch, or all branches of a pattern
    Add(AddOptions),
    /// List the protected branches of a project
    List(ListOptions),
    /// Remove a protection
    Remove(RemoveOptions),
}

/// The lowest role that a rule allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LowestRole {
    Nobody,
    Developer,
    Maintainer,
    Administrator,
}

impl LowestRole {
    fn level(self) -> i32 {
        match self {
            Self::Nobody => 0,
            Self::Developer => 30,
            Self::Maintainer => 40,
            Self::Administrator => 60,
        }
    }
}

#[derive(Debug, Args)]
pub struct AddOptions {
    /// Full path of the project
    #[arg(long)]
    project: String,
    /// Name of the branch, or a pattern with `*`
    #[arg(long)]
    name: String,
    /// Lowest role that may push
    #[arg(long, value_enum, default_value = "maintainer")]
    push_role: LowestRole,
    /// Lowest role that may merge
    #[arg(long, value_enum, default_value = "maintainer")]
    merge_role: LowestRole,
    /// Allow force pushes
    #[arg(long)]
    allow_force_push: bool,
    /// Succeed if the same rule exists
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
    /// Name or pattern of the rule
    #[arg(long)]
    name: String,
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

fn find(conn: &mut database::Conn, project_id: i64, name: &str) -> Result<Option<ProtectedBranchRow>> {
    let rules = standalone::list_protected_branches(conn, project_id)?;
    Ok(rules.into_iter().find(|rule| rule.name == name))
}

fn add(options: &AddOptions) -> Result<()> {
    if options.name.trim().is_empty() {
        return Err(Refusal::failed("--name is blank").into());
    }
    let mut conn = options.target.open_to_change()?;
    let project = find_project(&mut conn, &options.project)?;
    let (push_level, merge_level) = (options.push_role.level(), options.merge_role.level());
    if let Some(known) = find(&mut conn, project.id, &options.name)? {
        let is_same = known.push_levels == [push_level]
            && known.merge_levels == [merge_level]
            && known.allow_force_push == options.allow_force_push;
        if !(options.if_not_exists && is_same) {
            return Err(Refusal::exists("protected branch", &options.name).into());
        }
        eprintln!("branch `{}` is protected already", options.name);
        return print(options, &known);
    }
    let new = NewProtectedBranch {
        project_id: project.id,
        name: &options.name,
        push_level,
        merge_level,
        allow_force_push: options.allow_force_push,
    };
    let id = standalone::add_protected_branch(&mut conn, &new, now())?;
    let rule = find(&mut conn, project.id, &options.name)?;
    let rule = rule.ok_or_else(|| Refusal::not_found("protected branch", &options.name))?;
    let target = ("ProtectedBranch", Some(id));
    audit("protected_branch_created", &Entity::project(&project), target, &Value::Null, &to_json(&rule));
    print(options, &rule)
}

fn print(options: &AddOptions, rule: &ProtectedBranchRow) -> Result<()> {
    if options.target.json {
        return output::json(&to_json(rule));
    }
    eprintln!("branch `{}` of project `{}` is protected", rule.name, options.project);
    Ok(())
}

fn list(options: &ListOptions) -> Result<()> {
    let mut conn = options.target.open()?;
    let project = find_project(&mut conn, &options.project)?;
    let rules = standalone::list_protected_branches(&mut conn, project.id)?;
    if options.target.json {
        return output::json(&rules.iter().map(to_json).collect());
    }
    let row = |rule: &ProtectedBranchRow| {
        [
            Cell::from(&rule.name),
            Cell::from(roles(&rule.push_levels).join(",")),
            Cell::from(roles(&rule.merge_levels).join(",")),
            Cell::from(if rule.allow_force_push { "yes" } else { "" }),
        ]
    };
    output::table(["NAME", "PUSH", "MERGE", "FORCE PUSH"], rules.iter().map(row))
}

fn remove(options: &RemoveOptions) -> Result<()> {
    let mut conn = options.target.open_to_change()?;
    let project = find_project(&mut conn, &options.project)?;
    let rule = find(&mut conn, project.id, &options.name)?;
    let rule = rule.ok_or_else(|| Refusal::not_found("protected branch", &options.name))?;
    standalone::remove_protected_branch(&mut conn, project.id, &options.name)?;
    let target = ("ProtectedBranch", Some(rule.id));
    audit("protected_branch_removed", &Entity::project(&project), target, &to_json(&rule), &Value::Null);
    eprintln!("branch `{}` is not protected any more", options.name);
    Ok(())
}

fn roles(levels: &[i32]) -> Vec<String> {
    levels.iter().map(|level| role_name(*level)).collect()
}

fn to_json(rule: &ProtectedBranchRow) -> Value {
    json!({
        "id": rule.id,
        "name": rule.name,
        "push_roles": roles(&rule.push_levels),
        "merge_roles": roles(&rule.merge_levels),
        "allow_force_push": rule.allow_force_push,
    })
}

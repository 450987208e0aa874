//! `internal-apictl member`
use anyhow::Result;
use chrono::NaiveDate;
use clap::{Args, Subcommand};
use database::standalone::{self, MemberRow};
use domain::Role;
use serde_json::{Value, json};

use super::{RoleOption, SourceOptions, Target, audit, find_user, now, parse_day, role_name};
use crate::output::{self, Cell};
use crate::refusal::Refusal;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add a user to a group or project, or change a member's role
    Add(AddOptions),
    /// List the members of a group or project
    List(ListOptions),
    /// Remove a member; the last owner of a group cannot be removed
    Remove(RemoveOptions),
}

#[derive(Debug, Args)]
pub struct AddOptions {
    /// Username
    #[arg(long)]
    user: String,
    /// Role
    #[arg(long, value_enum)]
    role: RoleOption,
    #[command(flatten)]
    source: SourceOptions,
    /// Day on which the membership ends
    #[arg(long, value_parser = parse_day)]
    expires_at: Option<NaiveDate>,
    /// Succeed if the user is a member with the same role
    #[arg(long)]
    if_not_exists: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct ListOptions {
    #[command(flatten)]
    source: SourceOptions,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct RemoveOptions {
    /// Username
    #[arg(long)]
    user: String,
    #[command(flatten)]
    source: SourceOptions,
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
    let mut conn = options.target.open_to_change()?;
    let found = options.source.find(&mut conn)?;
    let user = find_user(&mut conn, &options.user)?;
    let members = standalone::list_members(&mut conn, found.source)?;
    let known = members.into_iter().find(|member| member.user_id == user.id);
    let role: Role = options.role.into();
    let is_same =
        |member: &MemberRow| member.access_level == role.0 && member.expires_at == options.expires_at;
    if let Some(member) = known.as_ref().filter(|member| options.if_not_exists || is_same(member)) {
        if !(options.if_not_exists && is_same(member)) {
            return Err(Refusal::exists("member", &options.user).into());
        }
        return print(options, member);
    }
    standalone::add_member(&mut conn, user.id, found.source, role, options.expires_at, now())?;
    let members = standalone::list_members(&mut conn, found.source)?;
    let member = members.into_iter().find(|member| member.user_id == user.id);
    let member = member.ok_or_else(|| Refusal::not_found("member", &options.user))?;
    let event = if known.is_some() { "member_updated" } else { "member_added" };
    let before = known.as_ref().map_or(Value::Null, to_json);
    audit(event, &found.entity, ("User", Some(user.id)), &before, &to_json(&member));
    print(options, &member)
}

fn print(options: &AddOptions, member: &MemberRow) -> Result<()> {
    if options.target.json {
        return output::json(&to_json(member));
    }
    eprintln!("user `{}` is {}", options.user, role_name(member.access_level));
    Ok(())
}

fn list(options: &ListOptions) -> Result<()> {
    let mut conn = options.target.open()?;
    let found = options.source.find(&mut conn)?;
    let members = standalone::list_members(&mut conn, found.source)?;
    if options.target.json {
        return output::json(&members.iter().map(to_json).collect());
    }
    let row = |member: &MemberRow| {
        [
            output::optional(member.username.as_deref()),
            Cell::from(role_name(member.access_level)),
            output::optional(member.expires_at),
        ]
    };
    output::table(["USER", "ROLE", "EXPIRES"], members.iter().map(row))
}

fn remove(options: &RemoveOptions) -> Result<()> {
    let mut conn = options.target.open_to_change()?;
    let found = options.source.find(&mut conn)?;
    let user = find_user(&mut conn, &options.user)?;
    let members = standalone::list_members(&mut conn, found.source)?;
    let member = members.into_iter().find(|member| member.user_id == user.id);
    let member = member.ok_or_else(|| Refusal::not_found("member", &options.user))?;
    standalone::remove_member(&mut conn, user.id, found.source, now())?;
    audit("member_removed", &found.entity, ("User", Some(user.id)), &to_json(&member), &Value::Null);
    eprintln!("removed `{}`", options.user);
    Ok(())
}

fn to_json(member: &MemberRow) -> Value {
    json!({
        "user": member.username,
        "user_id": member.user_id,
        "role": role_name(member.access_level),
        "expires_at": member.expires_at,
        "created_at": output::time(member.created_at),
    })
}

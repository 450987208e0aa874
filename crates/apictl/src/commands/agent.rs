//! `internal-apictl agent`
use anyhow::Result;
use clap::{Args, Subcommand};
use database::standalone::{self, AgentRow};
use domain::agents::agent_name::AgentName;
use serde_json::{Value, json};

use super::{Entity, Target, audit, find_project, find_user, now};
use crate::output::{self, Cell};
use crate::refusal::Refusal;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Register an agent for Kubernetes
    Create(CreateOptions),
    /// List the agents of a project
    List(ListOptions),
}

#[derive(Debug, Args)]
pub struct CreateOptions {
    /// Full path of the project with the agent's configuration
    #[arg(long)]
    project: String,
    /// Name of the agent
    #[arg(long)]
    name: String,
    /// Username of the user who registers the agent
    #[arg(long)]
    user: Option<String>,
    /// Succeed if the agent exists with the same user
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

pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Create(options) => create(options),
        Command::List(options) => list(options),
    }
}

fn create(options: &CreateOptions) -> Result<()> {
    let name: AgentName =
        options.name.parse().map_err(|error: domain::Error| Refusal::failed(error.to_string()))?;
    let mut conn = options.target.open_to_change()?;
    let project = find_project(&mut conn, &options.project)?;
    let user = options.user.as_deref().map(|name| find_user(&mut conn, name)).transpose()?;
    if let Some(known) = standalone::find_agent(&mut conn, project.id, name.as_str())? {
        let is_same = user.is_none_or(|user| known.created_by_user_id == Some(user.id));
        if !(options.if_not_exists && is_same) {
            return Err(Refusal::exists("agent", &options.name).into());
        }
        return print(options, &known);
    }
    let id = standalone::create_agent(&mut conn, project.id, &name, user.map(|user| user.id), now())?;
    let agent = standalone::find_agent(&mut conn, project.id, name.as_str())?;
    let agent = agent.ok_or_else(|| Refusal::not_found("agent", &options.name))?;
    let target = ("Clusters::Agent", Some(id));
    audit("cluster_agent_created", &Entity::project(&project), target, &Value::Null, &to_json(&agent));
    print(options, &agent)
}

fn print(options: &CreateOptions, agent: &AgentRow) -> Result<()> {
    if options.target.json {
        return output::json(&to_json(agent));
    }
    eprintln!("agent `{}` has id {}", agent.name, agent.id);
    Ok(())
}

fn list(options: &ListOptions) -> Result<()> {
    let mut conn = options.target.open()?;
    let project = find_project(&mut conn, &options.project)?;
    let agents = standalone::list_agents(&mut conn, project.id)?;
    if options.target.json {
        return output::json(&agents.iter().map(to_json).collect());
    }
    let row = |agent: &AgentRow| {
        [Cell::from(agent.id), Cell::from(&agent.name), output::time_cell(Some(agent.created_at))]
    };
    output::table(["ID", "NAME", "CREATED"], agents.iter().map(row))
}

fn to_json(agent: &AgentRow) -> Value {
    json!({
        "id": agent.id,
        "name": agent.name,
        "project_id": agent.project_id,
        "created_by_user_id": agent.created_by_user_id,
        "created_at": output::time(Some(agent.created_at)),
    })
}

//! `internal-apictl agent-token`
use anyhow::Result;
use clap::{Args, Subcommand};
use database::Conn;
use database::standalone::{self, AgentRow, AgentTokenRow, ProjectRow};
use serde_json::{Value, json};
use server::config::KeyBaseOptions;

use super::{Entity, Target, audit, find_project, now};
use crate::output::{self, Cell, Style};
use crate::refusal::Refusal;
use crate::secrets;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a token of an agent and print it; at most two are active
    Create(CreateOptions),
    /// List the tokens of an agent; their values are not shown
    List(ListOptions),
    /// Revoke a token
    Revoke(RevokeOptions),
}

/// An agent of a project.
#[derive(Debug, Args)]
pub struct AgentOptions {
    /// Full path of the project
    #[arg(long)]
    project: String,
    /// Name of the agent
    #[arg(long)]
    agent: String,
}

impl AgentOptions {
    fn find(&self, conn: &mut Conn) -> Result<(ProjectRow, AgentRow)> {
        let project = find_project(conn, &self.project)?;
        let agent = standalone::find_agent(conn, project.id, &self.agent)?;
        let agent = agent.ok_or_else(|| Refusal::not_found("agent", &self.agent))?;
        Ok((project, agent))
    }
}

#[derive(Debug, Args)]
pub struct CreateOptions {
    #[command(flatten)]
    agent: AgentOptions,
    /// Name of the token
    #[arg(long)]
    name: String,
    #[command(flatten)]
    key_base: KeyBaseOptions,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct ListOptions {
    #[command(flatten)]
    agent: AgentOptions,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct RevokeOptions {
    #[command(flatten)]
    agent: AgentOptions,
    /// Id of the token
    id: i64,
    #[command(flatten)]
    target: Target,
}

pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Create(options) => create(options),
        Command::List(options) => list(options),
        Command::Revoke(options) => revoke(options),
    }
}

fn create(options: &CreateOptions) -> Result<()> {
    let key_base = options.key_base.read(options.target.data_dir())?;
    let mut conn = options.target.open_to_change()?;
    let (project, agent) = options.agent.find(&mut conn)?;
    let token = secrets::agent_token()?;
    standalone::create_agent_token(&mut conn, &agent, &options.name, &key_base.encrypt(&token), now())?;
    let row = standalone::list_agent_tokens(&mut conn, agent.id)?.pop();
    let row = row.ok_or_else(|| Refusal::not_found("token", &options.name))?;
    let target = ("Clusters::AgentToken", Some(row.id));
    audit("cluster_agent_token_created", &Entity::project(&project), target, &Value::Null, &to_json(&row));
    if options.target.json {
        let mut row = to_json(&row);
        row["token"] = token.into();
        return output::json(&row);
    }
    println!("{token}");
    Ok(())
}

fn list(options: &ListOptions) -> Result<()> {
    let mut conn = options.target.open()?;
    let (_, agent) = options.agent.find(&mut conn)?;
    let tokens = standalone::list_agent_tokens(&mut conn, agent.id)?;
    if options.target.json {
        return output::json(&tokens.iter().map(to_json).collect());
    }
    let row = |token: &AgentTokenRow| {
        let (state, style) = if token.is_active { ("active", Style::Good) } else { ("revoked", Style::Bad) };
        [
            Cell::from(token.id),
            Cell::from(&token.name),
            Cell::styled(state, style),
            output::time_cell(token.last_used_at),
        ]
    };
    output::table(["ID", "NAME", "STATE", "LAST USED"], tokens.iter().map(row))
}

fn revoke(options: &RevokeOptions) -> Result<()> {
    let mut conn = options.target.open_to_change()?;
    let (project, agent) = options.agent.find(&mut conn)?;
    if !standalone::revoke_agent_token(&mut conn, agent.id, options.id, now())? {
        return Err(Refusal::not_found("token", options.id).into());
    }
    let (before, after) = (json!({ "status": "active" }), json!({ "status": "revoked" }));
    let target = ("Clusters::AgentToken", Some(options.id));
    audit("cluster_agent_token_revoked", &Entity::project(&project), target, &before, &after);
    eprintln!("revoked token {}", options.id);
    Ok(())
}

fn to_json(token: &AgentTokenRow) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "status": if token.is_active { "active" } else { "revoked" },
        "last_used_at": output::time(token.last_used_at),
        "created_at": output::time(Some(token.created_at)),
    })
}

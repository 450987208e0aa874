//! Agents for Kubernetes and their tokens.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, SmallInt, Text, Timestamp};
use domain::Error as DomainError;
use domain::agents::agent_name::AgentName;

use crate::schema::{cluster_agent_tokens as tokens, cluster_agents as agents};
use crate::sql::optional_columns::{self, Values};
use crate::{Conn, Result};

const ACTIVE: i16 = 0;
const REVOKED: i16 = 1;
/// GitLab's limit, which allows a token to be replaced without an interruption.
const MAX_ACTIVE_TOKENS: usize = 2;

/// An agent, for lists.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct AgentRow {
    pub id: i64,
    pub name: String,
    pub project_id: i64,
    pub created_by_user_id: Option<i64>,
    pub created_at: NaiveDateTime,
}

/// A token of an agent, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentTokenRow {
    pub id: i64,
    pub name: String,
    pub is_active: bool,
    pub last_used_at: Option<NaiveDateTime>,
    pub created_at: NaiveDateTime,
}

type Columns = (agents::id, agents::name, agents::project_id, agents::created_by_user_id, agents::created_at);

const COLUMNS: Columns =
    (agents::id, agents::name, agents::project_id, agents::created_by_user_id, agents::created_at);

/// Registers an agent, whose configuration is in the project.
pub fn create_agent(
    conn: &mut Conn,
    project_id: i64,
    name: &AgentName,
    user_id: Option<i64>,
    now: NaiveDateTime,
) -> Result<i64> {
    conn.write(|conn| {
        if find_agent(conn, project_id, name.as_str())?.is_some() {
            return Err(DomainError::Taken("agent").into());
        }
        Ok(diesel::insert_into(agents::table)
            .values((
                agents::project_id.eq(project_id),
                agents::name.eq(name.as_str()),
                agents::created_by_user_id.eq(user_id),
                agents::created_at.eq(now),
                agents::updated_at.eq(now),
            ))
            .returning(agents::id)
            .get_result(conn)?)
    })
}

/// Finds an agent of a project by its name.
pub fn find_agent(conn: &mut Conn, project_id: i64, name: &str) -> Result<Option<AgentRow>> {
    let agent = agents::table.filter(agents::project_id.eq(project_id)).filter(agents::name.eq(name));
    Ok(agent.select(COLUMNS).first(conn).optional()?)
}

/// Lists the agents of a project by name.
pub fn list_agents(conn: &mut Conn, project_id: i64) -> Result<Vec<AgentRow>> {
    let of_project = agents::table.filter(agents::project_id.eq(project_id)).order(agents::name);
    Ok(of_project.select(COLUMNS).load(conn)?)
}

/// Creates a token of an agent. `encrypted` is the value of the column.
pub fn create_agent_token(
    conn: &mut Conn,
    agent: &AgentRow,
    name: &str,
    encrypted: &str,
    now: NaiveDateTime,
) -> Result<()> {
    conn.write(|conn| {
        let active = list_agent_tokens(conn, agent.id)?.into_iter().filter(|token| token.is_active).count();
        if active >= MAX_ACTIVE_TOKENS {
            let problem = "an agent can have only two active tokens at a time";
            return Err(DomainError::Invalid(problem.to_owned()).into());
        }
        let mut token: Values = vec![
            ("agent_id", agent.id.into()),
            ("project_id", agent.project_id.into()),
            ("token_encrypted", encrypted.into()),
            ("name", name.into()),
            ("status", i64::from(ACTIVE).into()),
            ("created_at", now.into()),
            ("updated_at", now.into()),
        ];
        token.extend(agent.created_by_user_id.map(|id| ("created_by_user_id", id.into())));
        optional_columns::insert(conn, "cluster_agent_tokens", token)?;
        Ok(())
    })
}

#[derive(QueryableByName)]
struct NamedToken {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
    #[diesel(sql_type = SmallInt)]
    status: i16,
    #[diesel(sql_type = Nullable<Timestamp>)]
    last_used_at: Option<NaiveDateTime>,
    #[diesel(sql_type = Timestamp)]
    created_at: NaiveDateTime,
}

/// Lists the tokens of an agent by id.
pub fn list_agent_tokens(conn: &mut Conn, agent_id: i64) -> Result<Vec<AgentTokenRow>> {
    let statement = "SELECT id, name, status, last_used_at, created_at FROM cluster_agent_tokens \
        WHERE agent_id = $1 ORDER BY id";
    let rows: Vec<NamedToken> = diesel::sql_query(statement).bind::<BigInt, _>(agent_id).load(conn)?;
    let row = |row: NamedToken| AgentTokenRow {
        id: row.id,
        name: row.name.unwrap_or_default(),
        is_active: row.status == ACTIVE,
        last_used_at: row.last_used_at,
        created_at: row.created_at,
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Revokes a token of an agent. Returns whether the agent has it.
pub fn revoke_agent_token(conn: &mut Conn, agent_id: i64, id: i64, now: NaiveDateTime) -> Result<bool> {
    conn.write(|conn| {
        let changed = diesel::update(tokens::table.find(id))
            .filter(tokens::agent_id.eq(agent_id))
            .set((tokens::status.eq(REVOKED), tokens::updated_at.eq(now)))
            .execute(conn)?;
        Ok(changed > 0)
    })
}

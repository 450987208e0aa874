//! Agents for Kubernetes: their tokens, their activity and the addresses that kas dials.
pub mod authorizations;
pub mod projects;
pub mod proxy_access;

use chrono::{NaiveDateTime, TimeDelta};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Nullable, SmallInt, Text, Timestamp};

use crate::schema::{
    agent_activity_events as events, cluster_agent_tokens as tokens,
    cluster_agent_url_configurations as urls, cluster_agents as agents,
};
use crate::sql::statement::{StatementRow, query, statement};
use crate::{Conn, MultiBackend, Result};

/// `status` of a token or an address that is in use.
const ACTIVE: i16 = 0;
/// `agent_activity_events.kind` of a connection.
const AGENT_CONNECTED: i16 = 2;
/// `agent_activity_events.level` of an informational event.
const INFO: i16 = 1;

/// An agent is connected if it has used a token within this time.
const CONNECTED_WITHIN: TimeDelta = TimeDelta::hours(1);

/// The number of events that are kept per agent.
const MAX_EVENTS: i64 = 200;

statement! {
    /// An agent with one of its tokens.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Agent {
        pub id: BigInt = "a.id",
        pub name: Text = "a.name",
        /// The project with the agent's configuration.
        pub project_id: BigInt = "a.project_id",
        /// The user who created the agent, or else its token. This user becomes the author of the agent's findings.
        pub creator_id: Nullable<BigInt> = "COALESCE(a.created_by_user_id, t.created_by_user_id)",
        pub token_id: BigInt = "t.id",
        /// The time in the database, which is updated at most every 40 minutes.
        pub token_last_used_at: Nullable<Timestamp> = "t.last_used_at",
        token_status: SmallInt = "t.status",
    }
}

impl Agent {
    /// Whether the token is revoked.
    pub fn is_token_revoked(&self) -> bool {
        self.token_status != ACTIVE
    }
}

/// Finds the agent whose token is stored in one of these forms. An active token is preferred to a revoked one.
pub fn find_by_token(conn: &mut Conn, forms: &[String]) -> Result<Option<Agent>> {
    Ok(ByToken { forms }.get_result(conn).optional()?)
}

/// The text depends on the number of forms, which is always the same.
struct ByToken<'a> {
    forms: &'a [String],
}

impl QueryFragment<MultiBackend> for ByToken<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        Agent::select(&mut out);
        out.push_sql(
            " FROM cluster_agent_tokens t JOIN cluster_agents a ON a.id = t.agent_id \
             WHERE t.token_encrypted IN (",
        );
        for (index, form) in self.forms.iter().enumerate() {
            out.push_sql(if index == 0 { "" } else { ", " });
            out.push_bind_param::<Text, _>(form)?;
        }
        out.push_sql(") ORDER BY t.status LIMIT 1");
        Ok(())
    }
}

query!(ByToken<'_>, row Agent);

/// Stores the use of a token, unless a use after `stale` is already stored. The first use after a pause also
/// records a connection of the agent.
pub fn touch(conn: &mut Conn, agent: &Agent, stale: NaiveDateTime, now: NaiveDateTime) -> Result<()> {
    conn.write(|conn| {
        let of_agent = tokens::table.filter(tokens::agent_id.eq(agent.id)).filter(tokens::status.eq(ACTIVE));
        let recent = of_agent.filter(tokens::last_used_at.gt(now - CONNECTED_WITHIN));
        let connected: bool = diesel::select(exists(recent)).get_result(conn)?;
        // Of concurrent requests, one updates the row.
        let updated = diesel::update(tokens::table.find(agent.token_id))
            .filter(tokens::last_used_at.is_null().or(tokens::last_used_at.lt(stale).assume_not_null()))
            .set(tokens::last_used_at.eq(now))
            .execute(conn)?;
        if updated > 0 && !connected {
            insert_connection(conn, agent, now)?;
        }
        Ok(())
    })
}

fn insert_connection(conn: &mut Conn, agent: &Agent, now: NaiveDateTime) -> Result<()> {
    diesel::insert_into(events::table)
        .values((
            events::agent_id.eq(agent.id),
            events::agent_token_id.eq(agent.token_id),
            events::recorded_at.eq(now),
            events::kind.eq(AGENT_CONNECTED),
            events::level.eq(INFO),
            events::agent_project_id.eq(agent.project_id),
        ))
        .execute(conn)?;
    let oldest_kept: Option<NaiveDateTime> = events::table
        .filter(events::agent_id.eq(agent.id))
        .order((events::recorded_at.desc(), events::id.desc()))
        .offset(MAX_EVENTS - 1)
        .select(events::recorded_at)
        .first(conn)
        .optional()?;
    if let Some(oldest_kept) = oldest_kept {
        let old =
            events::table.filter(events::agent_id.eq(agent.id)).filter(events::recorded_at.lt(oldest_kept));
        diesel::delete(old).execute(conn)?;
    }
    Ok(())
}

/// An agent that kas dials, with its address and credential.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct ReceptiveAgent {
    pub id: i64,
    pub url: String,
    pub ca_cert: Option<String>,
    pub tls_host: Option<String>,
    pub client_cert: Option<String>,
    pub client_key: Option<String>,
    /// Encrypted with `db_key_base`.
    pub private_key: Option<Vec<u8>>,
    pub private_key_iv: Option<Vec<u8>>,
}

/// The agents that kas dials, each with its newest active address.
pub fn list_receptive(conn: &mut Conn) -> Result<Vec<ReceptiveAgent>> {
    let mut found: Vec<ReceptiveAgent> = agents::table
        .inner_join(urls::table.on(urls::agent_id.eq(agents::id)))
        .filter(agents::is_receptive.eq(true))
        .filter(urls::status.eq(ACTIVE))
        .order((agents::id, urls::id.desc()))
        .select((
            agents::id,
            urls::url,
            urls::ca_cert,
            urls::tls_host,
            urls::client_cert,
            urls::client_key,
            urls::encrypted_private_key,
            urls::encrypted_private_key_iv,
        ))
        .load(conn)?;
    found.dedup_by_key(|agent| agent.id);
    Ok(found)
}

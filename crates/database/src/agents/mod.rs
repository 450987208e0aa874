//! Agents for Kubernetes: who has a token, and when they were last here.
pub mod authorizations;
pub mod proxy_access;

use chrono::{NaiveDateTime, TimeDelta};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};

use crate::schema::{
    agent_activity_events as events, cluster_agent_tokens as tokens,
    cluster_agent_url_configurations as urls, cluster_agents as agents,
};
use crate::{Conn, MultiBackend, Result};

const ACTIVE: i16 = 0;
const AGENT_CONNECTED: i16 = 2;
const INFO: i16 = 1;

/// An agent that has used a token this recently is connected.
const CONNECTED: TimeDelta = TimeDelta::hours(1);

/// So many events of an agent are kept.
const KEPT_EVENTS: i64 = 200;

/// An agent, as its token makes it known.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Agent {
    pub id: i64,
    pub name: String,
    /// Where its configuration lies.
    pub project_id: i64,
    /// Who made it, or else its token: in whose name it acts.
    pub creator_id: Option<i64>,
    pub token_id: i64,
    /// As the database knows it: it is written once in a while.
    pub token_last_used_at: Option<NaiveDateTime>,
}

/// Finds the agent whose active token is stored in one of these forms. One statement.
pub fn find_by_token(conn: &mut Conn, forms: &[String]) -> Result<Option<Agent>> {
    Ok(ByToken { forms }.get_result(conn).optional()?)
}

/// Its text depends on the number of forms, which is always the same.
struct ByToken<'a> {
    forms: &'a [String],
}

impl QueryFragment<MultiBackend> for ByToken<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql(
            "SELECT a.id, a.name, a.project_id, COALESCE(a.created_by_user_id, t.created_by_user_id), t.id, t.last_used_at \
             FROM cluster_agent_tokens t JOIN cluster_agents a ON a.id = t.agent_id \
             WHERE t.status = 0 AND t.token_encrypted IN (",
        );
        for (index, form) in self.forms.iter().enumerate() {
            out.push_sql(if index == 0 { "" } else { ", " });
            out.push_bind_param::<Text, _>(form)?;
        }
        out.push_sql(") LIMIT 1");
        Ok(())
    }
}

impl QueryId for ByToken<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for ByToken<'_> {
    type SqlType = (BigInt, Text, BigInt, Nullable<BigInt>, BigInt, Nullable<Timestamp>);
}

impl<C> RunQueryDsl<C> for ByToken<'_> {}

/// Notes that an agent was here, unless that was noted after `stale`. One that comes after a pause has connected.
pub fn touch(conn: &mut Conn, agent: &Agent, stale: NaiveDateTime, now: NaiveDateTime) -> Result<()> {
    conn.write(|conn| {
        let of_agent = tokens::table.filter(tokens::agent_id.eq(agent.id)).filter(tokens::status.eq(ACTIVE));
        let recent = of_agent.filter(tokens::last_used_at.gt(now - CONNECTED));
        let connected: bool = diesel::select(exists(recent)).get_result(conn)?;
        // Of requests that come together, one does this.
        let noted = diesel::update(tokens::table.find(agent.token_id))
            .filter(tokens::last_used_at.is_null().or(tokens::last_used_at.lt(stale).assume_not_null()))
            .set(tokens::last_used_at.eq(now))
            .execute(conn)?;
        if noted > 0 && !connected {
            note_connection(conn, agent, now)?;
        }
        Ok(())
    })
}

fn note_connection(conn: &mut Conn, agent: &Agent, now: NaiveDateTime) -> Result<()> {
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
        .offset(KEPT_EVENTS - 1)
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

/// An agent that kas dials, and how.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Receptive {
    pub id: i64,
    pub url: String,
    pub ca_cert: Option<String>,
    pub tls_host: Option<String>,
    pub client_cert: Option<String>,
    pub client_key: Option<String>,
    /// Encrypted, as is the whole installation's.
    pub private_key: Option<Vec<u8>>,
    pub private_key_iv: Option<Vec<u8>>,
}

/// The agents that kas dials, each with its newest active address. One statement.
pub fn receptive(conn: &mut Conn) -> Result<Vec<Receptive>> {
    let mut found: Vec<Receptive> = agents::table
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

//! `admin_audit_events`: the changes of administrators, in the columns of GitLab's `audit_events`. An event
//! is written in the same transaction as its change.
use std::net::IpAddr;

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::json;

use super::exclusions::ExclusionChange;
use super::{Page, Total};
use crate::schema::admin_audit_events as events;
use crate::{Conn, Result};

/// The administrator who makes a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub user_id: i64,
    pub username: String,
    pub ip_address: Option<IpAddr>,
    /// The administrator who acts as this user.
    pub impersonator: Option<String>,
}

pub(super) struct Event<'a> {
    name: &'static str,
    written: &'a ExclusionChange,
}

impl<'a> Event<'a> {
    pub(super) fn new(name: &'static str, written: &'a ExclusionChange) -> Self {
        Self { name, written }
    }
}

/// A recorded event.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct AuditEvent {
    pub id: i64,
    pub author_id: i64,
    pub author_name: String,
    pub entity_path: String,
    pub target_details: String,
    /// JSON: `event_name`, `reason`, `impersonated_by`.
    pub details: String,
    pub ip_address: Option<String>,
    pub created_at: NaiveDateTime,
}

pub(super) fn write(conn: &mut Conn, event: &Event<'_>, actor: &Actor, now: NaiveDateTime) -> Result<()> {
    let Event { name, written } = event;
    let namespace = &written.namespace;
    // As in GitLab's table, the entity of a personal namespace is its owner.
    let (entity_type, entity_id) = match namespace.owner_id {
        Some(owner_id) if namespace.is_personal() => ("User", owner_id),
        _ => ("Group", namespace.id),
    };
    let details =
        json!({ "event_name": name, "reason": written.reason, "impersonated_by": actor.impersonator });
    diesel::insert_into(events::table)
        .values((
            events::author_id.eq(actor.user_id),
            events::author_name.eq(&actor.username),
            events::entity_id.eq(entity_id),
            events::entity_type.eq(entity_type),
            events::entity_path.eq(&namespace.path),
            events::target_type.eq("Namespaces::Storage::LimitExclusion"),
            events::target_id.eq(written.id),
            events::target_details.eq(&namespace.name),
            events::details.eq(details.to_string()),
            events::ip_address.eq(actor.ip_address.map(|ip| ip.to_string())),
            events::created_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// Lists the events, newest first.
pub fn list(conn: &mut Conn, offset: i64, limit: i64) -> Result<Page<AuditEvent>> {
    let rows = events::table
        .select((
            events::id,
            events::author_id,
            events::author_name,
            events::entity_path,
            events::target_details,
            events::details,
            events::ip_address,
            events::created_at,
        ))
        .order(events::id.desc())
        .limit(limit)
        .offset(offset)
        .load(conn)?;
    let count = diesel::dsl::sql::<BigInt>(&format!(
        "(SELECT COUNT(*) FROM (SELECT 1 FROM admin_audit_events LIMIT {}) AS counted)",
        Total::LIMIT
    ));
    let count: i64 = diesel::select(count).get_result(conn)?;
    Ok(Page { rows, total: Some(Total::from_count(count)) })
}

//! `admin_audit_events`: the changes of exclusions. An event is written in the same transaction as its
//! change.
use std::net::IpAddr;

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text, Timestamp};
use serde_json::{Value, json};

use super::exclusions::ExclusionChange;
use super::list::{Condition, Direction, List};
use super::users::without_at_sign;
use super::{Page, Window};
use crate::schema::admin_audit_events as events;
use crate::sql::casts::nullable_json_text;
use crate::{Conn, Result};

/// The administrator who makes a change, and the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub user_id: i64,
    pub username: String,
    pub ip_address: Option<IpAddr>,
    /// The administrator who acts as this user (`Sudo`).
    pub impersonated_by: Option<String>,
    pub correlation_id: Option<String>,
}

/// What happened to an exclusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventName {
    Created,
    Removed,
}

impl EventName {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "namespace_storage_limit_exclusion_created",
            Self::Removed => "namespace_storage_limit_exclusion_removed",
        }
    }
}

/// The type of the object that these events are about.
pub const TARGET_TYPE: &str = "Namespaces::Storage::LimitExclusion";

/// The fields of an audit event that depend only on the change, for the table and the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExclusionEvent<'a> {
    pub name: EventName,
    /// `Group`, or `User` for a personal namespace, whose entity is its owner as in GitLab's table.
    pub entity_type: &'static str,
    pub entity_id: i64,
    pub entity_path: &'a str,
    pub target_id: i64,
    pub namespace_id: i64,
    pub before: Value,
    pub after: Value,
}

impl<'a> ExclusionEvent<'a> {
    pub fn new(name: EventName, change: &'a ExclusionChange) -> Self {
        let namespace = &change.namespace;
        let (entity_type, entity_id) = match namespace.owner_id {
            Some(owner_id) if namespace.is_personal() => ("User", owner_id),
            _ => ("Group", namespace.id),
        };
        let exclusion = json!({ "namespace_id": namespace.id, "reason": change.reason });
        let (before, after) = match name {
            EventName::Created => (Value::Null, exclusion),
            EventName::Removed => (exclusion, Value::Null),
        };
        Self {
            name,
            entity_type,
            entity_id,
            entity_path: &namespace.full_path,
            target_id: change.id,
            namespace_id: namespace.id,
            before,
            after,
        }
    }
}

pub(super) fn write(
    conn: &mut Conn,
    name: EventName,
    change: &ExclusionChange,
    actor: &Actor,
    now: NaiveDateTime,
) -> Result<()> {
    let event = ExclusionEvent::new(name, change);
    let common = (
        (
            events::event_name.eq(name.as_str()),
            events::author_type.eq("user"),
            events::author_id.eq(actor.user_id),
            events::author_name.eq(&actor.username),
            events::impersonated_by.eq(actor.impersonated_by.as_deref()),
            events::entity_type.eq(event.entity_type),
            events::entity_id.eq(event.entity_id),
            events::entity_path.eq(event.entity_path),
        ),
        (
            events::target_type.eq(TARGET_TYPE),
            events::target_id.eq(event.target_id),
            events::target_details.eq(&change.namespace.name),
            events::gl_namespace_id.eq(event.namespace_id),
            events::ip_address.eq(actor.ip_address.map(|ip| ip.to_string())),
            events::correlation_id.eq(actor.correlation_id.as_deref()),
            events::created_at.eq(now),
        ),
    );
    let insert = diesel::insert_into(events::table);
    match name {
        EventName::Created => insert
            .values((common, events::after.eq(nullable_json_text(&event.after.to_string()))))
            .execute(conn)?,
        EventName::Removed => insert
            .values((common, events::before.eq(nullable_json_text(&event.before.to_string()))))
            .execute(conn)?,
    };
    Ok(())
}

/// A stored event about an exclusion.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct AuditEvent {
    pub event_name: String,
    pub author_name: String,
    pub impersonated_by: Option<String>,
    pub entity_path: String,
    /// The name of the namespace at the time of the event.
    pub namespace_name: String,
    pub reason: Option<String>,
    pub ip_address: Option<String>,
    pub created_at: NaiveDateTime,
}

type Columns = (Text, Text, Nullable<Text>, Text, Text, Nullable<Text>, Nullable<Text>, Timestamp);

/// Which events to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// A part of a namespace's name or path, of the reason, or of the author's username, which may have a
    /// leading `@`. Case-insensitive; blank matches all.
    pub search: String,
    pub event: Option<EventName>,
}

/// Lists the events, newest first. Two statements.
pub fn list(conn: &mut Conn, filter: &Filter, window: Window) -> Result<Page<AuditEvent>> {
    let mut conditions = Vec::new();
    if let Some(event) = filter.event {
        conditions.push(Condition::equals(conn, &["a.event_name"], event.as_str()));
    }
    if !filter.search.is_empty() {
        let columns =
            &["a.target_details", "a.entity_path", "(a.before ->> 'reason')", "(a.after ->> 'reason')"];
        conditions.push(Condition::Any(vec![
            Condition::contains(conn, columns, &filter.search),
            Condition::contains(conn, &["a.author_name"], without_at_sign(&filter.search)),
        ]));
    }
    let list = List {
        columns: "a.event_name, a.author_name, a.impersonated_by, a.entity_path, a.target_details, \
            COALESCE(a.after ->> 'reason', a.before ->> 'reason'), a.ip_address, a.created_at",
        from: "FROM admin_audit_events a",
        id: "a.id",
        direction: Direction::Descending,
        condition: Condition::All(conditions),
        ranks: Vec::new(),
    };
    let rows = list.rows::<Columns>(window).load(conn)?;
    Ok(Page { rows, total: list.total(conn, window)? })
}

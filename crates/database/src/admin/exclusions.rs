//! `namespaces_storage_limit_exclusions`: top-level namespaces excluded from the storage limit, and the
//! reasons.
//!
//! GitLab's index does not prevent two rows for one namespace, so writers lock the namespace's row.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};
use domain::storage_limit::{NOT_EXCLUDED, Reason, already_excluded, not_top_level};

use super::audit::{self, Actor, EventName};
use super::list::{Condition, Direction, List};
use super::namespaces::parse_id;
use super::{Page, Window};
use crate::billing::Key;
use crate::billing::namespaces::{Namespace, lock, transaction};
use crate::schema::namespaces_storage_limit_exclusions as exclusions;
use crate::{Conn, Result};

#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Exclusion {
    pub id: i64,
    pub namespace_id: i64,
    pub namespace_name: String,
    pub full_path: String,
    /// `Group` or `User`.
    pub kind: String,
    pub reason: String,
    pub created_at: NaiveDateTime,
    /// The author and time of the audit event. `None` if the exclusion was made in GitLab.
    pub excluded_by: Option<String>,
    pub excluded_at: Option<NaiveDateTime>,
}

type Columns = (BigInt, BigInt, Text, Text, Text, Text, Timestamp, Nullable<Text>, Nullable<Timestamp>);

/// The filter of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// A part of a namespace's name or path, or of a reason. Case-insensitive; blank matches all.
    pub search: String,
    /// Whether digits also find the namespace with that id.
    pub searches_ids: bool,
    pub namespace_id: Option<i64>,
}

/// The audit event of an exclusion is the last one with its id: SQLite reuses the id of a deleted last row.
const FROM: &str = "FROM namespaces_storage_limit_exclusions e JOIN namespaces n ON n.id = e.namespace_id \
    LEFT JOIN routes r ON r.source_type = 'Namespace' AND r.source_id = n.id \
    LEFT JOIN admin_audit_events a ON a.event_name = 'namespace_storage_limit_exclusion_created' \
     AND a.id = (SELECT max(id) FROM admin_audit_events WHERE target_id = e.id)";

/// Lists exclusions by id. Two statements if the window has a total, otherwise one.
pub fn list(conn: &mut Conn, filter: &Filter, window: Window) -> Result<Page<Exclusion>> {
    let mut conditions = Vec::new();
    if !filter.search.is_empty() {
        let columns = &["n.name", "n.path", "r.path", "e.reason"];
        let mut matches = vec![Condition::contains(conn, columns, &filter.search)];
        let id = parse_id(&filter.search).filter(|_| filter.searches_ids);
        matches.extend(id.map(|id| Condition::Id("e.namespace_id", id)));
        conditions.push(Condition::Any(matches));
    }
    conditions.extend(filter.namespace_id.map(|id| Condition::Id("e.namespace_id", id)));
    let list = List {
        columns: "e.id, e.namespace_id, n.name, COALESCE(r.path, n.path), n.type, e.reason, e.created_at, \
            a.author_name, a.created_at",
        from: FROM,
        id: "e.id",
        direction: Direction::Ascending,
        condition: Condition::All(conditions),
        ranks: Vec::new(),
    };
    let rows = list.rows::<Columns>(window).load(conn)?;
    Ok(Page { rows, total: list.total(conn, window)? })
}

/// A change of an exclusion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExclusionChange {
    /// The id of the exclusion; the lowest if a namespace had several.
    pub id: i64,
    pub namespace: Namespace,
    pub reason: String,
}

/// Excludes a namespace from the storage limit, and writes an audit event.
pub fn exclude(
    conn: &mut Conn,
    key: &Key,
    reason: &Reason,
    actor: &Actor,
    now: NaiveDateTime,
) -> Result<ExclusionChange> {
    transaction(conn, |conn| {
        let namespace = find_and_lock(conn, key)?;
        if !namespace.is_root() {
            return Err(not_top_level().into());
        }
        if !reasons(conn, namespace.id)?.is_empty() {
            return Err(already_excluded().into());
        }
        let id = diesel::insert_into(exclusions::table)
            .values((
                exclusions::namespace_id.eq(namespace.id),
                exclusions::reason.eq(reason.as_str()),
                exclusions::created_at.eq(now),
                exclusions::updated_at.eq(now),
            ))
            .returning(exclusions::id)
            .get_result(conn)?;
        let change = ExclusionChange { id, namespace, reason: reason.as_str().to_owned() };
        audit::write(conn, EventName::Created, &change, actor, now)?;
        Ok(change)
    })
}

/// The result of [`remove`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    Removed(ExclusionChange),
    /// The namespace has a different exclusion than expected. Nothing was removed.
    Changed,
}

/// Removes the exclusions of a namespace, and writes an audit event. `expected_id` is the exclusion that the
/// administrator saw, the lowest of several.
pub fn remove(
    conn: &mut Conn,
    key: &Key,
    expected_id: Option<i64>,
    actor: &Actor,
    now: NaiveDateTime,
) -> Result<Removal> {
    transaction(conn, |conn| {
        let namespace = find_and_lock(conn, key)?;
        let (id, reason) = reasons(conn, namespace.id)?.into_iter().next().ok_or(NOT_EXCLUDED)?;
        if expected_id.is_some_and(|expected| expected != id) {
            return Ok(Removal::Changed);
        }
        diesel::delete(exclusions::table.filter(exclusions::namespace_id.eq(namespace.id))).execute(conn)?;
        let change = ExclusionChange { id, namespace, reason };
        audit::write(conn, EventName::Removed, &change, actor, now)?;
        Ok(Removal::Removed(change))
    })
}

/// The ids and reasons of a namespace's exclusions, by id. A GitLab database may have several.
fn reasons(conn: &mut Conn, namespace_id: i64) -> Result<Vec<(i64, String)>> {
    let rows = exclusions::table.filter(exclusions::namespace_id.eq(namespace_id)).order(exclusions::id);
    Ok(rows.select((exclusions::id, exclusions::reason)).load(conn)?)
}

fn find_and_lock(conn: &mut Conn, key: &Key) -> Result<Namespace> {
    let found = lock(conn, &[key])?.into_iter().next();
    found.ok_or_else(|| domain::Error::NotFound("Namespace").into())
}

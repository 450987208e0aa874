//! `namespaces_storage_limit_exclusions`: top-level namespaces excluded from the storage limit, and the
//! reasons.
//!
//! GitLab's index does not prevent two rows for one namespace, so writers lock the namespace's row.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};
use domain::storage_limit::{NOT_EXCLUDED, Reason, refuse_again, refuse_lower};

use super::audit::{self, Actor, Event};
use super::{Page, Total, Window, alike, pattern};
use crate::billing::Key;
use crate::billing::namespaces::{Namespace, lock, transaction};
use crate::schema::namespaces_storage_limit_exclusions as exclusions;
use crate::{Conn, Result};

#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Exclusion {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub namespace_id: i64,
    #[diesel(sql_type = Text)]
    pub namespace_name: String,
    #[diesel(sql_type = Text)]
    pub full_path: String,
    /// `Group` or `User`.
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = Text)]
    pub reason: String,
    #[diesel(sql_type = Timestamp)]
    pub created_at: NaiveDateTime,
}

/// The filter of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// A case-insensitive part of a namespace's name or path, or of a reason. Blank matches all.
    pub search: String,
    pub namespace_id: Option<i64>,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Lists exclusions by id. Two statements if the window needs a total, otherwise one.
pub fn list(conn: &mut Conn, filter: &Filter, window: Window) -> Result<Page<Exclusion>> {
    let text = alike(conn, &["n.name", "n.path", "r.path", "e.reason"]);
    let narrowed = format!(
        "FROM namespaces_storage_limit_exclusions e JOIN namespaces n ON n.id = e.namespace_id \
         LEFT JOIN routes r ON r.source_type = 'Namespace' AND r.source_id = n.id \
         WHERE %1 AND (%2 = '' OR {text}) AND (CAST(%3 AS bigint) IS NULL OR e.namespace_id = %3)"
    );
    let search = if filter.search.is_empty() { String::new() } else { pattern(conn, &filter.search) };
    let (condition, order) = window.clauses("e.id");
    let (bound, limit, offset) = window.binds();
    let rows = sql_query(format!(
        "SELECT e.id, e.namespace_id, n.name AS namespace_name, COALESCE(r.path, n.path) AS full_path, n.type AS kind, e.reason, e.created_at {} {order}",
        narrowed.replace("%1", &condition).replace("%2", "$2").replace("%3", "$3")
    ));
    let rows = rows
        .bind::<BigInt, _>(bound)
        .bind::<Text, _>(&search)
        .bind::<Nullable<BigInt>, _>(filter.namespace_id)
        .bind::<BigInt, _>(limit)
        .bind::<BigInt, _>(offset);
    let rows = rows.load(conn)?;
    let total = match window {
        Window::Offset { .. } => {
            let counted = sql_query(format!(
                "SELECT COUNT(*) AS count FROM (SELECT 1 {} LIMIT {}) AS counted",
                narrowed.replace("%1", "1 = 1").replace("%2", "$1").replace("%3", "$2"),
                Total::LIMIT
            ));
            let counted = counted.bind::<Text, _>(&search).bind::<Nullable<BigInt>, _>(filter.namespace_id);
            Some(Total::from_count(counted.get_result::<Count>(conn)?.count))
        }
        Window::After { .. } | Window::Before { .. } => None,
    };
    Ok(Page { rows, total })
}

/// A change of an exclusion and its namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExclusionChange {
    /// The id of the exclusion; the lowest if there were several.
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
        let namespace = locked(conn, key)?;
        if !namespace.is_root() {
            refuse_lower()?;
        }
        if !reasons(conn, namespace.id)?.is_empty() {
            refuse_again()?;
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
        let written = ExclusionChange { id, namespace, reason: reason.as_str().to_owned() };
        audit::write(conn, &Event::new("namespace_storage_limit_exclusion_created", &written), actor, now)?;
        Ok(written)
    })
}

/// Removes the exclusions of a namespace, and writes an audit event. `expected_id` is the exclusion that the
/// administrator saw, the lowest of several. If the namespace has another one now, removes nothing and
/// returns `None`.
pub fn readmit(
    conn: &mut Conn,
    key: &Key,
    expected_id: Option<i64>,
    actor: &Actor,
    now: NaiveDateTime,
) -> Result<Option<ExclusionChange>> {
    transaction(conn, |conn| {
        let namespace = locked(conn, key)?;
        let (id, reason) = reasons(conn, namespace.id)?.into_iter().next().ok_or(NOT_EXCLUDED)?;
        if expected_id.is_some_and(|expected| expected != id) {
            return Ok(None);
        }
        diesel::delete(exclusions::table.filter(exclusions::namespace_id.eq(namespace.id))).execute(conn)?;
        let written = ExclusionChange { id, namespace, reason };
        audit::write(conn, &Event::new("namespace_storage_limit_exclusion_removed", &written), actor, now)?;
        Ok(Some(written))
    })
}

/// The ids and reasons of a namespace's exclusions. A GitLab database may have several for one namespace.
fn reasons(conn: &mut Conn, namespace_id: i64) -> Result<Vec<(i64, String)>> {
    let rows = exclusions::table.filter(exclusions::namespace_id.eq(namespace_id)).order(exclusions::id);
    Ok(rows.select((exclusions::id, exclusions::reason)).load(conn)?)
}

fn locked(conn: &mut Conn, key: &Key) -> Result<Namespace> {
    let found = lock(conn, &[key])?.into_iter().next();
    found.ok_or_else(|| domain::Error::NotFound("Namespace").into())
}

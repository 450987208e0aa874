//! `upcoming_reconciliations`: the next reconciliation of seats, and the day from which an alert is shown.
use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Date, Timestamp};

use super::namespaces::{lock, lock_ids, transaction};
use super::{Key, Namespace, namespaces};
use crate::schema::upcoming_reconciliations as upcoming;
use crate::{Conn, MultiBackend, Result};

/// Rows per statement.
const CHUNK_SIZE: usize = 500;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dates {
    pub next_reconciliation_date: NaiveDate,
    pub display_alert_from: NaiveDate,
}

/// Why the dates of a namespace were not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    Unknown,
    NotRoot,
}

/// The result of a request with many namespaces.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ReconciliationOutcome {
    pub changes: Vec<DatesChange>,
    pub skipped: Vec<(i64, SkipReason)>,
}

/// The row of a namespace before and after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatesChange {
    pub namespace: Namespace,
    pub id: i64,
    pub before: Option<Dates>,
    pub after: Option<Dates>,
}

/// Sets the dates of many namespaces. Namespaces that cannot have dates are skipped; the others are stored.
pub fn put(
    conn: &mut Conn,
    wanted: &BTreeMap<i64, Dates>,
    now: NaiveDateTime,
) -> Result<ReconciliationOutcome> {
    let wanted: Vec<(i64, Dates)> = wanted.iter().map(|(id, dates)| (*id, *dates)).collect();
    transaction(conn, |conn| {
        let mut outcome = ReconciliationOutcome::default();
        for chunk in wanted.chunks(CHUNK_SIZE) {
            let ids: Vec<i64> = chunk.iter().map(|(id, _)| *id).collect();
            // Every call locks in the order of ids, so that two calls cannot deadlock.
            let mut found: BTreeMap<i64, _> =
                lock_ids(conn, &ids)?.into_iter().map(|namespace| (namespace.id, namespace)).collect();
            let mut rows = Vec::with_capacity(chunk.len());
            for (id, dates) in chunk {
                match found.remove(id) {
                    None => outcome.skipped.push((*id, SkipReason::Unknown)),
                    Some(namespace) if !namespace.is_root() => {
                        outcome.skipped.push((*id, SkipReason::NotRoot));
                    }
                    Some(namespace) => rows.push((namespace, *dates)),
                }
            }
            outcome.changes.extend(store(conn, rows, now)?);
        }
        Ok(outcome)
    })
}

/// Sets the dates of one namespace, which must be a root.
pub fn put_one(conn: &mut Conn, key: &Key, dates: Dates, now: NaiveDateTime) -> Result<Vec<DatesChange>> {
    namespaces::change(conn, &[key], |conn, found| store(conn, vec![(found[0].clone(), dates)], now))
}

/// Deletes the dates of a namespace. It is an error if it has none.
pub fn delete(conn: &mut Conn, key: &Key) -> Result<DatesChange> {
    transaction(conn, |conn| {
        let namespace = lock(conn, &[key])?.remove(0);
        let found = load(conn, &[namespace.id])?.remove(&namespace.id);
        let (id, dates) = found.ok_or(domain::Error::NotFound("UpcomingReconciliation"))?;
        diesel::delete(upcoming::table).filter(upcoming::namespace_id.eq(namespace.id)).execute(conn)?;
        Ok(DatesChange { namespace, id, before: Some(dates), after: None })
    })
}

fn store(conn: &mut Conn, rows: Vec<(Namespace, Dates)>, now: NaiveDateTime) -> Result<Vec<DatesChange>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = rows.iter().map(|(namespace, _)| namespace.id).collect();
    let before = load(conn, &ids)?;
    Upsert { rows: &rows, now }.execute(conn)?;
    let after = load(conn, &ids)?;
    let changes = rows.into_iter().filter_map(|(namespace, _)| {
        let (id, new) = *after.get(&namespace.id)?;
        let old = before.get(&namespace.id).map(|(_, dates)| *dates);
        Some(DatesChange { namespace, id, before: old, after: Some(new) })
    });
    Ok(changes.collect())
}

/// The ids and dates of these namespaces' rows, by namespace.
fn load(conn: &mut Conn, namespace_ids: &[i64]) -> Result<BTreeMap<i64, (i64, Dates)>> {
    let rows: Vec<(Option<i64>, i64, NaiveDate, NaiveDate)> = upcoming::table
        .filter(upcoming::namespace_id.eq_any(namespace_ids.to_vec()))
        .select((
            upcoming::namespace_id,
            upcoming::id,
            upcoming::next_reconciliation_date,
            upcoming::display_alert_from,
        ))
        .load(conn)?;
    let dates = |(namespace_id, id, next_reconciliation_date, display_alert_from): (Option<i64>, _, _, _)| {
        Some((namespace_id?, (id, Dates { next_reconciliation_date, display_alert_from })))
    };
    Ok(rows.into_iter().filter_map(dates).collect())
}

/// An upsert of several rows, which Diesel's multi connection lacks.
struct Upsert<'a> {
    rows: &'a [(Namespace, Dates)],
    now: NaiveDateTime,
}

impl QueryFragment<MultiBackend> for Upsert<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO upcoming_reconciliations (namespace_id, organization_id, next_reconciliation_date, \
             display_alert_from, created_at, updated_at) VALUES ",
        );
        for (at, (namespace, dates)) in self.rows.iter().enumerate() {
            out.push_sql(if at == 0 { "(" } else { ", (" });
            out.push_bind_param::<BigInt, _>(&namespace.id)?;
            out.push_sql(", ");
            out.push_bind_param::<BigInt, _>(&namespace.organization_id)?;
            out.push_sql(", ");
            out.push_bind_param::<Date, _>(&dates.next_reconciliation_date)?;
            out.push_sql(", ");
            out.push_bind_param::<Date, _>(&dates.display_alert_from)?;
            for _ in ["created_at", "updated_at"] {
                out.push_sql(", ");
                out.push_bind_param::<Timestamp, _>(&self.now)?;
            }
            out.push_sql(")");
        }
        out.push_sql(
            " ON CONFLICT (namespace_id) DO UPDATE SET next_reconciliation_date = excluded.next_reconciliation_date, \
             display_alert_from = excluded.display_alert_from, updated_at = excluded.updated_at",
        );
        Ok(())
    }
}

impl QueryId for Upsert<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C> RunQueryDsl<C> for Upsert<'_> {}

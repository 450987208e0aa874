//! `upcoming_reconciliations`: when seats will be settled, and from when on that is shown.
use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Date, Timestamp};

use super::namespaces::{lock, lock_ids, transaction};
use super::{Key, namespaces};
use crate::schema::upcoming_reconciliations as upcoming;
use crate::{Conn, MultiBackend, Result};

/// Rows in one statement.
const CHUNK: usize = 500;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dates {
    pub next_reconciliation_date: NaiveDate,
    pub display_alert_from: NaiveDate,
}

/// Why a namespace was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    Unknown,
    NotRoot,
}

/// What was set, and what was not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Put {
    pub changed: Vec<Changed>,
    pub left_out: Vec<(i64, LeftOut)>,
}

/// The dates of a namespace, before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    pub namespace_id: i64,
    pub old: Option<Dates>,
    pub new: Dates,
}

/// Sets the dates of many namespaces. Those that cannot have any are left out, the others are stored.
pub fn put(conn: &mut Conn, wanted: &BTreeMap<i64, Dates>, now: NaiveDateTime) -> Result<Put> {
    let wanted: Vec<(i64, Dates)> = wanted.iter().map(|(id, dates)| (*id, *dates)).collect();
    transaction(conn, |conn| {
        let mut put = Put::default();
        for chunk in wanted.chunks(CHUNK) {
            let ids: Vec<i64> = chunk.iter().map(|(id, _)| *id).collect();
            // In the order of ids, throughout: no two of these calls wait for each other.
            let found: BTreeMap<i64, _> =
                lock_ids(conn, &ids)?.into_iter().map(|namespace| (namespace.id, namespace)).collect();
            let mut rows = Vec::with_capacity(chunk.len());
            for (id, dates) in chunk {
                match found.get(id) {
                    None => put.left_out.push((*id, LeftOut::Unknown)),
                    Some(namespace) if !namespace.is_root() => put.left_out.push((*id, LeftOut::NotRoot)),
                    Some(namespace) => rows.push((*id, namespace.organization_id, *dates)),
                }
            }
            put.changed.extend(store(conn, rows, now)?);
        }
        Ok(put)
    })
}

/// Sets the dates of one namespace, which must be a root.
pub fn put_one(conn: &mut Conn, key: &Key, dates: Dates, now: NaiveDateTime) -> Result<Changed> {
    namespaces::change(conn, &[key], |conn, found| {
        let rows = vec![(found[0].id, found[0].organization_id, dates)];
        Ok(store(conn, rows, now)?[0])
    })
}

/// Takes the dates of a namespace away; gives its id and what they were. It is an error where there are none.
pub fn delete(conn: &mut Conn, key: &Key) -> Result<(i64, Dates)> {
    transaction(conn, |conn| {
        let id = lock(conn, &[key])?[0].id;
        let old = load(conn, &[id])?.remove(&id);
        let old = old.ok_or(domain::Error::NotFound("UpcomingReconciliation"))?;
        diesel::delete(upcoming::table).filter(upcoming::namespace_id.eq(id)).execute(conn)?;
        Ok((id, old))
    })
}

fn store(conn: &mut Conn, rows: Vec<(i64, i64, Dates)>, now: NaiveDateTime) -> Result<Vec<Changed>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut old = load(conn, &rows.iter().map(|(id, ..)| *id).collect::<Vec<_>>())?;
    let changed =
        |(id, _, new): &(i64, i64, Dates)| Changed { namespace_id: *id, old: old.remove(id), new: *new };
    let changed = rows.iter().map(changed).collect();
    Store { rows, now }.execute(conn)?;
    Ok(changed)
}

fn load(conn: &mut Conn, namespace_ids: &[i64]) -> Result<BTreeMap<i64, Dates>> {
    let rows: Vec<(Option<i64>, NaiveDate, NaiveDate)> = upcoming::table
        .filter(upcoming::namespace_id.eq_any(namespace_ids.to_vec()))
        .select((upcoming::namespace_id, upcoming::next_reconciliation_date, upcoming::display_alert_from))
        .load(conn)?;
    let dates = |(id, next_reconciliation_date, display_alert_from): (Option<i64>, _, _)| {
        Some((id?, Dates { next_reconciliation_date, display_alert_from }))
    };
    Ok(rows.into_iter().filter_map(dates).collect())
}

/// Many rows at once, which Diesel's multi connection cannot say.
struct Store {
    rows: Vec<(i64, i64, Dates)>,
    now: NaiveDateTime,
}

impl QueryFragment<MultiBackend> for Store {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO upcoming_reconciliations (namespace_id, organization_id, next_reconciliation_date, \
             display_alert_from, created_at, updated_at) VALUES ",
        );
        for (at, (namespace_id, organization_id, dates)) in self.rows.iter().enumerate() {
            out.push_sql(if at == 0 { "(" } else { ", (" });
            out.push_bind_param::<BigInt, _>(namespace_id)?;
            out.push_sql(", ");
            out.push_bind_param::<BigInt, _>(organization_id)?;
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

impl QueryId for Store {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C> RunQueryDsl<C> for Store {}

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

/// Sets the dates of many namespaces. Those that cannot have any are left out, the others are stored.
pub fn put(
    conn: &mut Conn,
    wanted: &BTreeMap<i64, Dates>,
    now: NaiveDateTime,
) -> Result<Vec<(i64, LeftOut)>> {
    let wanted: Vec<(i64, Dates)> = wanted.iter().map(|(id, dates)| (*id, *dates)).collect();
    transaction(conn, |conn| {
        let mut left_out = Vec::new();
        for chunk in wanted.chunks(CHUNK) {
            let ids: Vec<i64> = chunk.iter().map(|(id, _)| *id).collect();
            // In the order of ids, throughout: no two of these calls wait for each other.
            let found: BTreeMap<i64, _> =
                lock_ids(conn, &ids)?.into_iter().map(|namespace| (namespace.id, namespace)).collect();
            let mut rows = Vec::with_capacity(chunk.len());
            for (id, dates) in chunk {
                match found.get(id) {
                    None => left_out.push((*id, LeftOut::Unknown)),
                    Some(namespace) if !namespace.is_root() => left_out.push((*id, LeftOut::NotRoot)),
                    Some(namespace) => rows.push((*id, namespace.organization_id, *dates)),
                }
            }
            if !rows.is_empty() {
                Store { rows, now }.execute(conn)?;
            }
        }
        Ok(left_out)
    })
}

/// Sets the dates of one namespace, which must be a root; gives its id.
pub fn put_one(conn: &mut Conn, key: &Key, dates: Dates, now: NaiveDateTime) -> Result<i64> {
    namespaces::change(conn, &[key], |conn, found| {
        let rows = vec![(found[0].id, found[0].organization_id, dates)];
        Store { rows, now }.execute(conn)?;
        Ok(found[0].id)
    })
}

/// Takes the dates of a namespace away; gives its id. It is an error where there are none.
pub fn delete(conn: &mut Conn, key: &Key) -> Result<i64> {
    transaction(conn, |conn| {
        let id = lock(conn, &[key])?[0].id;
        let deleted = diesel::delete(upcoming::table).filter(upcoming::namespace_id.eq(id)).execute(conn)?;
        if deleted == 0 { Err(domain::Error::NotFound("UpcomingReconciliation").into()) } else { Ok(id) }
    })
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

//! Periodic maintenance, run by one process at a time.
use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::billing::seats;
use crate::{Conn, Result, memberships};

/// The key is "maintain" in hexadecimal. The lock ends with its transaction. Through a pooler, a session
/// lock would remain with an arbitrary server session.
const TRY_LOCK: &str = "SELECT pg_try_advisory_xact_lock(x'6d61696e7461696e'::bit(64)::bigint)";
/// The number of users in one transaction.
const CHUNK_SIZE: usize = 100;

/// The number of users checked, and of subscriptions whose seats were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaintenanceReport {
    pub users: usize,
    pub subscriptions: usize,
}

/// Removes expired authorizations in a database of our own, and counts seats. Returns `None` if another
/// process is already running.
pub fn run(conn: &mut Conn, now: NaiveDateTime) -> Result<Option<MaintenanceReport>> {
    let users = memberships::all_users(conn)?;
    for chunk in users.chunks(CHUNK_SIZE) {
        let today = now.date();
        let done = exclusively(conn, |conn| {
            chunk.iter().try_for_each(|user_id| memberships::recompute(conn, *user_id, today))
        })?;
        if done.is_none() {
            return Ok(None);
        }
    }
    let subscriptions = seats::stale(conn, now)?;
    for namespace_id in &subscriptions {
        if exclusively(conn, |conn| seats::refresh(conn, *namespace_id, now))?.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(MaintenanceReport { users: users.len(), subscriptions: subscriptions.len() }))
}

/// Runs `f` in a transaction that holds the lock. Returns `None` if another process holds it. SQLite has
/// only one writer at a time, and concurrent runs are harmless.
fn exclusively<T>(conn: &mut Conn, f: impl FnOnce(&mut Conn) -> Result<T>) -> Result<Option<T>> {
    conn.write(|conn| {
        if let Conn::Postgresql(pg) = conn
            && !sql::<Bool>(TRY_LOCK).get_result::<bool>(pg)?
        {
            return Ok(None);
        }
        f(conn).map(Some)
    })
}

//! What is done once in a while, by one process at a time.
use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::{Conn, Result, billing, memberships};

/// "maintain" in hexadecimal.
const TRY_LOCK: &str = "SELECT pg_try_advisory_lock(x'6d61696e7461696e'::bit(64)::bigint)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(x'6d61696e7461696e'::bit(64)::bigint)";

/// What was done: people looked at, and subscriptions whose seats were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    pub people: usize,
    pub subscriptions: usize,
}

/// Puts right what has expired since, in a database of our own, and counts seats; `None` where another process is at it.
pub fn run(conn: &mut Conn, now: NaiveDateTime) -> Result<Option<Done>> {
    // On SQLite each transaction is the only writer, and two of these runs do each other no harm.
    if let Conn::Postgresql(pg) = conn {
        let locked: bool = sql::<Bool>(TRY_LOCK).get_result(pg)?;
        if !locked {
            return Ok(None);
        }
    }
    let done = maintain(conn, now);
    if let Conn::Postgresql(pg) = conn {
        sql::<Bool>(UNLOCK).get_result::<bool>(pg)?;
    }
    done.map(Some)
}

fn maintain(conn: &mut Conn, now: NaiveDateTime) -> Result<Done> {
    let people = memberships::recompute_all(conn, now.date())?;
    Ok(Done { people, subscriptions: billing::seats::refresh(conn, now)? })
}

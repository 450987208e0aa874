//! The outbox: messages that other programs fetch from the database. One row is one message of a topic.
use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::schema::outbox_messages;
use crate::{Conn, Result};

/// Adds a message to a topic. `payload` is JSON.
pub fn put(
    conn: &mut Conn,
    topic: &str,
    payload: &str,
    correlation_id: Option<&str>,
    now: NaiveDateTime,
) -> Result<()> {
    diesel::insert_into(outbox_messages::table)
        .values((
            outbox_messages::topic.eq(topic),
            outbox_messages::payload.eq(payload),
            outbox_messages::correlation_id.eq(correlation_id),
            outbox_messages::created_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// The messages of a topic, oldest first.
pub fn list(conn: &mut Conn, topic: &str) -> Result<Vec<String>> {
    Ok(outbox_messages::table
        .filter(outbox_messages::topic.eq(topic))
        .order(outbox_messages::id)
        .select(outbox_messages::payload)
        .load(conn)?)
}

/// Whether exactly this message is in the outbox.
pub(crate) fn contains(conn: &mut Conn, topic: &str, payload: &str) -> Result<bool> {
    let same = outbox_messages::table
        .filter(outbox_messages::topic.eq(topic))
        .filter(outbox_messages::payload.eq(payload));
    Ok(same.select(outbox_messages::id).first::<i64>(conn).optional()?.is_some())
}

/// Removes exactly this message. Returns `false` if it does not exist.
pub(crate) fn remove(conn: &mut Conn, topic: &str, payload: &str) -> Result<bool> {
    let same = outbox_messages::table
        .filter(outbox_messages::topic.eq(topic))
        .filter(outbox_messages::payload.eq(payload));
    Ok(diesel::delete(same).execute(conn)? > 0)
}

//! The broadcast messages of administrators.
use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::schema::broadcast_messages as messages;
use crate::{Conn, Result};
use domain::Role;
use domain::messages::Banner;

const BANNER: i16 = 1;

/// Returns the banners that are currently shown at a terminal, oldest first. One statement.
pub fn for_terminal(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<Banner>> {
    let rows: Vec<(String, Option<String>, String)> = messages::table
        .filter(messages::broadcast_type.eq(BANNER))
        .filter(messages::show_in_cli.eq(true))
        .filter(messages::starts_at.le(now))
        .filter(messages::ends_at.gt(now))
        .order(messages::id)
        .select((messages::message, messages::target_path, sql::<Text>("CAST(target_access_levels AS text)")))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(message, target_path, levels)| Banner {
            message,
            target_path: target_path.filter(|path| !path.is_empty()),
            roles: numbers(&levels).map(Role).collect(),
        })
        .collect())
}

/// Parses an integer array: `{10,20}` on PostgreSQL, `[10,20]` on SQLite.
fn numbers(text: &str) -> impl Iterator<Item = i32> + '_ {
    text.split(|c: char| !c.is_ascii_digit() && c != '-').filter_map(|word| word.parse().ok())
}

//! Searches for users. E-mail addresses can be searched but are never returned.
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Text};
use domain::user::State;

use super::{Page, Total, Window, alike, pattern};
use crate::schema::users;
use crate::sql::equals_lower;
use crate::{Conn, Result};

#[derive(Debug, Clone, PartialEq, Eq, QueryableByName, Queryable)]
pub struct UserSummary {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Nullable<Text>)]
    pub username: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub state: Option<String>,
}

/// The search criteria for users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserSearch {
    /// A part of the name or username, or the whole e-mail address. Blank matches all.
    Alike(String),
    /// Like [`Self::Alike`], but a part of the e-mail address matches too.
    WithAddress(String),
    Username(String),
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Lists users by id.
pub fn list(conn: &mut Conn, search: &UserSearch, window: Window) -> Result<Page<UserSummary>> {
    let (text, condition) = match search {
        UserSearch::Alike(text) if text.is_empty() => (text, "%2 = ''".to_owned()),
        UserSearch::Alike(text) => {
            (text, format!("{} OR lower(u.email) = lower(%3)", alike(conn, &["u.name", "u.username"])))
        }
        UserSearch::WithAddress(text) if text.is_empty() => (text, "%2 = ''".to_owned()),
        UserSearch::WithAddress(text) => (text, alike(conn, &["u.name", "u.username", "u.email"])),
        UserSearch::Username(text) => (text, "lower(u.username) = lower(%3)".to_owned()),
    };
    let search = if text.is_empty() { String::new() } else { pattern(conn, text) };
    let narrowed = format!("FROM users u WHERE %1 AND (%2 = %2 OR %3 = %3) AND ({condition})");
    // Each statement contains every placeholder, in the order in which SQLite numbers them.
    let filled = |condition: &str, first: u8| {
        let text = narrowed.replace("%1", condition).replace("%2", &format!("CAST(${first} AS text)"));
        text.replace("%3", &format!("CAST(${} AS text)", first + 1))
    };
    let (condition, order) = window.clauses("u.id");
    let (bound, limit, offset) = window.binds();
    let rows =
        sql_query(format!("SELECT u.id, u.username, u.name, u.state {} {order}", filled(&condition, 2)));
    let rows = rows
        .bind::<BigInt, _>(bound)
        .bind::<Text, _>(&search)
        .bind::<Text, _>(text)
        .bind::<BigInt, _>(limit)
        .bind::<BigInt, _>(offset);
    let rows = rows.load(conn)?;
    if !matches!(window, Window::Offset { .. }) {
        return Ok(Page { rows, total: None });
    }
    let counted = sql_query(format!(
        "SELECT COUNT(*) AS count FROM (SELECT 1 {} LIMIT {}) AS counted",
        filled("1 = 1", 1),
        Total::LIMIT
    ));
    let count: Count = counted.bind::<Text, _>(&search).bind::<Text, _>(text).get_result(conn)?;
    Ok(Page { rows, total: Some(Total::from_count(count.count)) })
}

/// Finds a user by id or username.
pub fn find(conn: &mut Conn, id_or_username: &str) -> Result<Option<UserSummary>> {
    let people = users::table.select((users::id, users::username, users::name, users::state));
    let found = match id_or_username.parse::<i64>() {
        Ok(id) => people.find(id).first(conn),
        Err(_) => by_username(conn, id_or_username),
    };
    Ok(found.optional()?)
}

/// Finds a user by username, case-insensitively.
pub fn find_by_username(conn: &mut Conn, username: &str) -> Result<Option<UserSummary>> {
    Ok(by_username(conn, username).optional()?)
}

fn by_username(conn: &mut Conn, username: &str) -> QueryResult<UserSummary> {
    users::table
        .filter(equals_lower!("username", username))
        .select((users::id, users::username, users::name, users::state))
        .first(conn)
}

/// Whether the user is an active administrator.
pub fn administers(conn: &mut Conn, user_id: i64) -> Result<bool> {
    let found = users::table.find(user_id).select((users::admin, users::state));
    let found: Option<(bool, Option<String>)> = found.first(conn).optional()?;
    Ok(found.is_some_and(|(admin, state)| admin && State::from_name(state.as_deref()) == State::Active))
}

//! Searches for users. E-mail addresses can be searched but are never returned.
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use domain::user::{State, is_active_administrator};

use super::list::{Condition, Direction, List};
use super::{Page, Window};
use crate::schema::users;
use crate::{Conn, Result};

#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct UserSummary {
    pub id: i64,
    pub username: Option<String>,
    pub name: Option<String>,
    pub state: Option<String>,
    pub admin: bool,
}

impl UserSummary {
    /// Whether the user is an active administrator.
    pub fn is_active_administrator(&self) -> bool {
        is_active_administrator(self.admin, State::from_name(self.state.as_deref()))
    }
}

/// The search criteria for users. A leading `@` is ignored, because usernames are shown with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserSearch {
    /// A part of the name or username, or the whole e-mail address. Blank matches all.
    NameOrWholeEmail(String),
    /// A part of the name, username or e-mail address. Equal usernames and addresses are listed first.
    /// Blank matches all.
    NameOrEmail(String),
    /// A whole username.
    Username(String),
}

type Columns = (BigInt, Nullable<Text>, Nullable<Text>, Nullable<Text>, Bool);

/// Lists users, by id within each rank.
pub fn list(conn: &mut Conn, search: &UserSearch, window: Window) -> Result<Page<UserSummary>> {
    let mut ranks = Vec::new();
    let condition = match search {
        UserSearch::Username(username) => Condition::equals(conn, &["u.username"], username),
        UserSearch::NameOrWholeEmail(text) => match without_at_sign(text) {
            "" => Condition::All(Vec::new()),
            text => Condition::Any(vec![
                Condition::contains(conn, &["u.name", "u.username"], text),
                Condition::equals(conn, &["u.email"], text),
            ]),
        },
        UserSearch::NameOrEmail(text) => match without_at_sign(text) {
            "" => Condition::All(Vec::new()),
            text => {
                ranks.push(Condition::equals(conn, &["u.username", "u.email"], text));
                Condition::contains(conn, &["u.name", "u.username", "u.email"], text)
            }
        },
    };
    let list = List {
        columns: "u.id, u.username, u.name, u.state, u.admin",
        from: "FROM users u",
        id: "u.id",
        direction: Direction::Ascending,
        condition,
        ranks,
    };
    let rows = list.rows::<Columns>(window).load(conn)?;
    Ok(Page { rows, total: list.total(conn, window)? })
}

/// Removes the leading `@` of a search.
pub(super) fn without_at_sign(search: &str) -> &str {
    search.strip_prefix('@').unwrap_or(search)
}

/// Finds a user by id or by username.
pub fn find(conn: &mut Conn, id_or_username: &str) -> Result<Option<UserSummary>> {
    match id_or_username.parse::<i64>() {
        Ok(id) => Ok(users::table.find(id).select(columns()).first(conn).optional()?),
        Err(_) => find_by_username(conn, id_or_username),
    }
}

/// Finds a user by username, case-insensitively.
pub fn find_by_username(conn: &mut Conn, username: &str) -> Result<Option<UserSummary>> {
    let is_same = diesel::dsl::sql::<Bool>("lower(username) = lower(").bind::<Text, _>(username).sql(")");
    Ok(users::table.filter(is_same).select(columns()).first(conn).optional()?)
}

fn columns() -> (users::id, users::username, users::name, users::state, users::admin) {
    (users::id, users::username, users::name, users::state, users::admin)
}

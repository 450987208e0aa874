//! Users.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use domain::Error as DomainError;
use domain::namespace_path::NamespacePath;
use domain::user::UserType;

use crate::namespaces::create::is_path_taken;
use crate::new_accounts::{self, NewAccount, is_address_taken};
use crate::organizations::{self, DEFAULT_ORGANIZATION};
use crate::schema::users;
use crate::sql::equals_lower;
use crate::users::StateChange;
use crate::{Conn, Result};

/// A user to create. The account is active and its address confirmed.
#[derive(Debug, Clone)]
pub struct NewUser<'a> {
    pub username: &'a NamespacePath,
    /// In lower case.
    pub email: &'a str,
    pub name: &'a str,
    pub admin: bool,
    /// External even if the settings of the instance say otherwise.
    pub external: bool,
    pub bot: bool,
    /// A bcrypt hash.
    pub encrypted_password: &'a str,
    /// Whether the password is random and unknown.
    pub password_automatically_set: bool,
}

/// A user, for lists.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct UserRow {
    pub id: i64,
    pub username: Option<String>,
    pub name: Option<String>,
    pub email: String,
    pub state: Option<String>,
    pub admin: bool,
    pub external: Option<bool>,
    pub user_type: i16,
    pub created_at: Option<NaiveDateTime>,
}

/// Which users to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Part of a username, name or e-mail address.
    pub search: Option<String>,
    pub admins: bool,
    pub blocked: bool,
}

/// Creates a user with their namespace.
pub fn create_user(conn: &mut Conn, new: &NewUser<'_>, now: NaiveDateTime) -> Result<i64> {
    conn.write(|conn| {
        organizations::ensure_default(conn, now)?;
        let username = new.username.as_str();
        if is_path_taken(conn, username)? {
            return Err(DomainError::Taken("username").into());
        }
        if is_address_taken(conn, new.email, None)? {
            return Err(DomainError::Taken("email").into());
        }
        let account = NewAccount {
            username,
            email: new.email,
            name: new.name,
            encrypted_password: new.encrypted_password,
            password_automatically_set: new.password_automatically_set,
            user_type: if new.bot { UserType::PROJECT_BOT } else { UserType::HUMAN },
            admin: new.admin,
            external: new.external,
            confirmed: true,
            organization_id: DEFAULT_ORGANIZATION,
            provisioned_by_group_id: None,
        };
        new_accounts::create(conn, &account, now)
    })
}

type Columns = (
    users::id,
    users::username,
    users::name,
    users::email,
    users::state,
    users::admin,
    users::external,
    users::user_type,
    users::created_at,
);

const COLUMNS: Columns = (
    users::id,
    users::username,
    users::name,
    users::email,
    users::state,
    users::admin,
    users::external,
    users::user_type,
    users::created_at,
);

/// Finds a user by username, ignoring case.
pub fn find_user(conn: &mut Conn, username: &str) -> Result<Option<UserRow>> {
    Ok(users::table.filter(equals_lower!("username", username)).select(COLUMNS).first(conn).optional()?)
}

/// Lists users by id.
pub fn list_users(conn: &mut Conn, filter: &UserFilter) -> Result<Vec<UserRow>> {
    let rows: Vec<UserRow> = users::table.order(users::id).select(COLUMNS).load(conn)?;
    let search = filter.search.as_deref().map(str::to_lowercase);
    let contains =
        |text: Option<&str>, search: &str| text.is_some_and(|text| text.to_lowercase().contains(search));
    let is_listed = |row: &UserRow| {
        let matches = search.as_deref().is_none_or(|search| {
            contains(row.username.as_deref(), search)
                || contains(row.name.as_deref(), search)
                || contains(Some(&row.email), search)
        });
        matches
            && (!filter.admins || row.admin)
            && (!filter.blocked || row.state.as_deref() == Some("blocked"))
    };
    Ok(rows.into_iter().filter(is_listed).collect())
}

/// Blocks a user.
pub fn block_user(conn: &mut Conn, user_id: i64, now: NaiveDateTime) -> Result<StateChange> {
    conn.write(|conn| crate::users::block(conn, user_id, now))
}

/// Unblocks a user.
pub fn unblock_user(conn: &mut Conn, user_id: i64, now: NaiveDateTime) -> Result<StateChange> {
    conn.write(|conn| crate::users::activate(conn, user_id, now))
}

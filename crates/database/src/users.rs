//! Finds users by the identifiers in requests, and blocks and activates accounts.
use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use crate::git_access::ActorId;
use crate::keys::may_authenticate;
use crate::schema::{keys, users};
use crate::sql::equals_lower;
use crate::{Conn, Result};
use domain::user::UserType;

/// The identity of a user, for greetings.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct UserIdentity {
    pub id: i64,
    pub username: Option<String>,
    pub name: Option<String>,
}

/// SQL: the row of `users` with this alias is that of an active person.
macro_rules! active_person {
    ($alias:literal) => {
        concat!($alias, ".state = 'active' AND ", $alias, ".user_type = 0")
    };
}
pub(crate) use active_person;

/// The condition of the query DSL for [`domain::user::is_active_person`].
#[diesel::dsl::auto_type(no_type_alias)]
pub(crate) fn is_active_person() -> _ {
    let human: i16 = UserType::HUMAN.0;
    users::state.eq("active").and(users::user_type.eq(human))
}

/// Finds a user in any state. For a deploy key, this is its owner. One statement.
pub fn find(conn: &mut Conn, actor: &ActorId) -> Result<Option<UserIdentity>> {
    let people = users::table.select((users::id, users::username, users::name));
    let person = match actor {
        ActorId::Anonymous | ActorId::DeployToken(_) => return Ok(None),
        ActorId::User(id) => people.filter(users::id.eq(*id)).first(conn),
        ActorId::Key(id) => people
            .inner_join(keys::table.on(keys::user_id.eq(users::id.nullable())))
            .filter(keys::id.eq(*id))
            .filter(may_authenticate())
            .first(conn),
        ActorId::Username(name) => {
            people.filter(equals_lower!("username", name)).first(conn)
        }
        ActorId::Email(address) => people
            .filter(users::confirmed_at.is_not_null())
            .filter(equals_lower!("email", address))
            .first(conn),
        ActorId::Kerberos(principal) => people
            .filter(
                sql::<Bool>(
                    "id = (SELECT user_id FROM identities WHERE provider = 'kerberos' AND lower(extern_uid) = lower(",
                )
                .bind::<Text, _>(principal)
                .sql(") LIMIT 1)"),
            )
            .first(conn),
    };
    Ok(person.optional()?)
}

/// The result of blocking or activating an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateChange {
    Changed,
    /// The account was already in a state that allows, or denies, access.
    Unchanged,
    /// Refused: the account is internal to GitLab.
    InternalAccount,
    /// Refused: no other active administrator would be left.
    LastAdministrator,
    /// Refused: an administrator of GitLab must decide, for example about a ban.
    AdministratorsState,
}

/// Blocks an account. Call this inside [`Conn::write`].
pub fn block(conn: &mut Conn, user_id: i64, now: NaiveDateTime) -> Result<StateChange> {
    let (state, user_type, admin): (Option<String>, i16, bool) =
        users::table.find(user_id).select((users::state, users::user_type, users::admin)).first(conn)?;
    if !UserType(user_type).may_be_blocked() {
        return Ok(StateChange::InternalAccount);
    }
    let is_active = state.as_deref() == Some("active");
    if admin && is_active {
        let other = users::table
            .filter(users::admin.eq(true))
            .filter(users::state.eq("active"))
            .filter(users::id.ne(user_id))
            .filter(users::user_type.eq(UserType::HUMAN.0))
            .select(users::id);
        if other.first::<i64>(conn).optional()?.is_none() {
            return Ok(StateChange::LastAdministrator);
        }
    }
    // Other states already deny access, and activating the account later must not lift a ban.
    let is_blocked_now = is_active || state.as_deref() == Some("deactivated");
    if is_blocked_now {
        diesel::update(users::table.find(user_id))
            .set((users::state.eq("blocked"), users::updated_at.eq(now)))
            .execute(conn)?;
    }
    diesel::update(users::table.find(user_id))
        .set(users::remember_created_at.eq(None::<NaiveDateTime>))
        .execute(conn)?;
    Ok(if is_blocked_now { StateChange::Changed } else { StateChange::Unchanged })
}

/// Activates a blocked or deactivated account. Call this inside [`Conn::write`].
pub fn activate(conn: &mut Conn, user_id: i64, now: NaiveDateTime) -> Result<StateChange> {
    let state: Option<String> = users::table.find(user_id).select(users::state).first(conn)?;
    match state.as_deref() {
        Some("active") => Ok(StateChange::Unchanged),
        Some("blocked" | "deactivated") => {
            diesel::update(users::table.find(user_id))
                .set((users::state.eq("active"), users::updated_at.eq(now)))
                .execute(conn)?;
            Ok(StateChange::Changed)
        }
        _ => Ok(StateChange::AdministratorsState),
    }
}

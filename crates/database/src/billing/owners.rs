//! Owners of a namespace.
use chrono::NaiveDate;
use diesel::dsl::exists;
use diesel::prelude::*;
use domain::user::{State, is_active_administrator};

use super::{Key, Namespace, namespaces};
use crate::memberships::conditions::{is_group_owner, is_valid};
use crate::schema::{members, namespaces as namespaces_table, users};
use crate::{Conn, Result};

/// An id that no namespace has.
const NO_NAMESPACE: i64 = -1;

#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Owner {
    pub id: i64,
    pub username: Option<String>,
    pub name: Option<String>,
    pub email: String,
    pub notification_email: Option<String>,
}

/// The active owners, ordered by id: the direct owners of a group, or the user of a personal namespace.
pub fn list(conn: &mut Conn, namespace: &Namespace, today: NaiveDate) -> Result<Vec<Owner>> {
    let active = users::table
        .filter(users::state.eq("active"))
        .select((users::id, users::username, users::name, users::email, users::notification_email))
        .order(users::id);
    if namespace.is_personal() {
        return Ok(active.filter(users::id.nullable().eq(namespace.owner_id)).load(conn)?);
    }
    let owners = members::table
        .filter(is_group_owner())
        .filter(members::source_id.eq(namespace.id))
        .filter(is_valid(today))
        .select(members::user_id);
    Ok(active.filter(users::id.nullable().eq_any(owners)).load(conn)?)
}

/// Whether a user is an active owner.
pub fn is_owner(conn: &mut Conn, namespace: &Namespace, user_id: i64, today: NaiveDate) -> Result<bool> {
    Ok(list(conn, namespace, today)?.iter().any(|owner| owner.id == user_id))
}

/// Whether a user is an active owner of the root namespace of a key. A namespace that the user does not own
/// costs as many statements as one that does not exist.
pub fn owns_root(conn: &mut Conn, key: &Key, user_id: i64, today: NaiveDate) -> Result<bool> {
    let namespace_id = namespaces::find_id(conn, key)?.unwrap_or(NO_NAMESPACE);
    let root = || {
        namespaces_table::table
            .filter(namespaces_table::id.eq(namespace_id))
            .filter(namespaces_table::parent_id.is_null())
    };
    let personal = root()
        .filter(namespaces_table::type_.eq("User"))
        .filter(namespaces_table::owner_id.eq(user_id))
        .select(namespaces_table::id);
    let groups = root().filter(namespaces_table::type_.eq("Group")).select(namespaces_table::id);
    let memberships = members::table
        .filter(is_group_owner())
        .filter(members::source_id.eq_any(groups))
        .filter(members::user_id.eq(user_id))
        .filter(is_valid(today))
        .select(members::id);
    let owner = users::table
        .filter(users::id.eq(user_id))
        .filter(users::state.eq("active"))
        .filter(exists(personal).or(exists(memberships)))
        .select(users::id);
    Ok(diesel::select(exists(owner)).get_result(conn)?)
}

/// Whether a user is an active administrator. `None` if the user does not exist.
pub fn is_active_admin(conn: &mut Conn, user_id: i64) -> Result<Option<bool>> {
    let row: Option<(bool, Option<String>)> =
        users::table.find(user_id).select((users::admin, users::state)).first(conn).optional()?;
    Ok(row.map(|(admin, state)| is_active_administrator(admin, State::from_name(state.as_deref()))))
}

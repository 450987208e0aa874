//! Which memberships count: rows of `members`, and links that share a project or group with a group.
//!
//! A membership is *valid* if it is neither an access request nor an invitation, if it is active, and if it
//! has not expired. It is *effective* if it also gives a role: minimal access does not.
//! Hand-written SQL uses the macros, and queries of the DSL use [`is_valid`]. No other file names these
//! columns in a condition.
use chrono::NaiveDate;
use diesel::prelude::*;
use domain::Role;
use domain::user::UserType;

use crate::schema::{members, users};
use crate::{Conn, Result};

/// SQL: the row with this alias has not expired. `$today` is an SQL expression.
macro_rules! unexpired {
    ($alias:literal, $today:literal) => {
        concat!("(", $alias, ".expires_at IS NULL OR ", $alias, ".expires_at > ", $today, ")")
    };
}
pub(crate) use unexpired;

/// SQL: the row of `members` with this alias is a valid membership.
macro_rules! valid_membership {
    ($alias:literal, $today:literal) => {
        concat!(
            $alias,
            ".requested_at IS NULL AND ",
            $alias,
            ".invite_token IS NULL AND ",
            $alias,
            ".state = 0 AND ",
            $crate::members::unexpired!($alias, $today)
        )
    };
}
pub(crate) use valid_membership;

/// SQL: the row of `members` with this alias is a valid membership that gives a role. Level 5 is minimal
/// access.
macro_rules! effective_membership {
    ($alias:literal, $today:literal) => {
        concat!($alias, ".access_level > 5 AND ", $crate::members::valid_membership!($alias, $today))
    };
}
pub(crate) use effective_membership;

/// The condition of a valid membership in the query DSL. State 0 is active.
#[diesel::dsl::auto_type(no_type_alias)]
pub(crate) fn is_valid(today: NaiveDate) -> _ {
    members::requested_at
        .is_null()
        .and(members::invite_token.is_null())
        .and(members::state.eq(0_i16))
        .and(members::expires_at.is_null().or(members::expires_at.gt(today)))
}

/// Whether a user is an owner of the group and no other active user is.
pub(crate) fn is_last_owner(conn: &mut Conn, group_id: i64, user_id: i64, today: NaiveDate) -> Result<bool> {
    let is_active_person = users::user_type.eq(UserType::HUMAN.0).and(users::state.eq("active"));
    let owners: Vec<i64> = members::table
        .inner_join(users::table.on(members::user_id.eq(users::id.nullable())))
        .filter(members::source_type.eq("Namespace"))
        .filter(members::source_id.eq(group_id))
        .filter(members::access_level.ge(Role::OWNER.0))
        .filter(is_valid(today))
        .filter(users::id.eq(user_id).or(is_active_person))
        .select(users::id)
        .load(conn)?;
    Ok(owners.contains(&user_id) && owners.iter().all(|owner| *owner == user_id))
}

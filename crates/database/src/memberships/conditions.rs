//! Which memberships count: rows of `members`, and links that share a project or group with a group.
//!
//! A membership is *valid* if it is neither an access request nor an invitation, if it is active, and if it
//! has not expired. It is *effective* if it also gives a role: minimal access does not.
//! Hand-written SQL uses the macros, and queries of the DSL use the functions. No other file names these
//! columns in a condition.
use chrono::NaiveDate;
use diesel::prelude::*;
use domain::Role;

use crate::schema::members;

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
            $crate::memberships::conditions::unexpired!($alias, $today)
        )
    };
}
pub(crate) use valid_membership;

/// SQL: the access level of the row with this alias gives a role. Level 5 is minimal access.
macro_rules! gives_role {
    ($alias:literal) => {
        concat!($alias, ".access_level > 5")
    };
}
pub(crate) use gives_role;

/// SQL: the row of `members` with this alias is a valid membership that gives a role.
macro_rules! effective_membership {
    ($alias:literal, $today:literal) => {
        concat!(
            $crate::memberships::conditions::gives_role!($alias),
            " AND ",
            $crate::memberships::conditions::valid_membership!($alias, $today)
        )
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

/// The condition that a row is an owner's membership of a group, valid or not.
#[diesel::dsl::auto_type(no_type_alias)]
pub(crate) fn is_group_owner() -> _ {
    let owner: i32 = Role::OWNER.0;
    members::source_type.eq("Namespace").and(members::access_level.eq(owner))
}

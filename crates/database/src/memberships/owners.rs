//! The direct owners of groups. A group keeps its last owner.
//!
//! Only active people count as owners that a group can keep. Bots, service accounts and blocked users do not.
use chrono::NaiveDate;
use diesel::prelude::*;
use domain::user::{State, UserType, is_active_person};

use super::conditions::{is_group_owner, is_valid};
use crate::schema::{members, users};
use crate::{Conn, Result};

/// A user with a valid membership as an owner of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupOwner {
    pub(crate) group_id: i64,
    pub(crate) user_id: i64,
    /// Whether the user is an active person.
    pub(crate) counts: bool,
}

/// Returns the direct owners of these groups. One statement.
pub(crate) fn of_groups(conn: &mut Conn, group_ids: &[i64], today: NaiveDate) -> Result<Vec<GroupOwner>> {
    let rows: Vec<(i64, i64, Option<String>, i16)> = members::table
        .inner_join(users::table.on(members::user_id.eq(users::id.nullable())))
        .filter(is_group_owner())
        .filter(members::source_id.eq_any(group_ids.to_vec()))
        .filter(is_valid(today))
        .select((members::source_id, users::id, users::state, users::user_type))
        .load(conn)?;
    let owner = |(group_id, user_id, state, user_type): (i64, i64, Option<String>, i16)| {
        let counts = is_active_person(State::from_name(state.as_deref()), UserType(user_type));
        GroupOwner { group_id, user_id, counts }
    };
    Ok(rows.into_iter().map(owner).collect())
}

/// Whether a user is an owner of the group and no other owner counts. One statement.
pub(crate) fn is_last(conn: &mut Conn, group_id: i64, user_id: i64, today: NaiveDate) -> Result<bool> {
    let owners = of_groups(conn, &[group_id], today)?;
    let is_owner = owners.iter().any(|owner| owner.user_id == user_id);
    Ok(is_owner && !owners.iter().any(|owner| owner.counts && owner.user_id != user_id))
}

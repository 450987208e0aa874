//! Determines who owns an e-mail address.
//!
//! A confirmed address proves whose account may be linked. Any account's primary address, confirmed or not,
//! counts as in use.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use domain::user::UserType;

use super::{Result, Tenant, account, equals_ignoring_case, query};
use crate::Conn;
use crate::schema::{emails, users};

/// The owner of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressOwner {
    /// No account has the address.
    None,
    /// The address belongs to this user.
    Person(i64),
    /// It is the unconfirmed primary address of an account.
    Unconfirmed,
    /// It belongs to a bot, which cannot be linked.
    Bot,
}

/// `users.user_type` of a human user.
pub(super) const HUMAN: i16 = UserType::HUMAN.0;

/// Finds the account of an address: by a confirmed primary or secondary address, or by the primary address
/// of an account that this tenant already manages.
pub(super) fn owner_of(conn: &mut Conn, tenant: &Tenant, address: &str) -> Result<AddressOwner> {
    let primary: Vec<(i64, i16, Option<NaiveDateTime>)> = users::table
        .filter(equals_ignoring_case!(conn, "users.email", address))
        .order(users::id)
        .select((users::id, users::user_type, users::confirmed_at))
        .load(conn)?;
    let secondary: Vec<(i64, i16)> = emails::table
        .inner_join(users::table.on(users::id.eq(emails::user_id)))
        .filter(equals_ignoring_case!(conn, "emails.email", address))
        .filter(emails::confirmed_at.is_not_null())
        .order(emails::id)
        .select((users::id, users::user_type))
        .load(conn)?;
    let people = primary.iter().filter(|(_, user_type, _)| *user_type == HUMAN);
    let confirmed = people.clone().find(|(_, _, confirmed_at)| confirmed_at.is_some()).map(|(id, ..)| *id);
    let owner =
        confirmed.or_else(|| secondary.iter().find(|(_, user_type)| *user_type == HUMAN).map(|(id, _)| *id));
    if let Some(user_id) = owner {
        return Ok(AddressOwner::Person(user_id));
    }
    for (user_id, ..) in people {
        if is_managed(conn, tenant, *user_id)? {
            return Ok(AddressOwner::Person(*user_id));
        }
    }
    let is_bot = |user_type: &i16| *user_type != HUMAN;
    Ok(if primary.iter().any(|(_, user_type, _)| is_bot(user_type)) || !secondary.is_empty() {
        AddressOwner::Bot
    } else if primary.is_empty() {
        AddressOwner::None
    } else {
        AddressOwner::Unconfirmed
    })
}

/// Whether the group created the account, or the tenant has an identity for it.
fn is_managed(conn: &mut Conn, tenant: &Tenant, user_id: i64) -> Result<bool> {
    let is_created_by_group = tenant.group.is_some() && account::is_own(conn, tenant, user_id)?;
    Ok(is_created_by_group || query::by_user(conn, tenant, user_id)?.is_some())
}

//! The accounts of a tenant's users: creates them, and changes their names and e-mail addresses.
use ::scim::NewUser;
use ::scim::patch::Change;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use domain::user::UserType;

use super::{Refusal, Result, StoredUser, Tenant, equals_ignoring_case};
use crate::Conn;
use crate::namespaces::create::is_path_taken;
use crate::new_accounts::{self, NewAccount};
use crate::organizations::DEFAULT_ORGANIZATION;
use crate::schema::{emails, namespaces, routes, user_details, users};
use crate::sql::optional_columns::Columns;

/// Creates an account for a user of the tenant.
pub(super) fn create(
    conn: &mut Conn,
    tenant: &Tenant,
    new: &NewUser,
    password: &str,
    now: NaiveDateTime,
) -> Result<i64> {
    let organization_id = organization_of(conn, tenant)?;
    let username = free_username(conn, &domain::username::from_name(&new.user_name), now)?;
    let account = NewAccount {
        username: &username,
        email: &new.email,
        name: &new.name,
        encrypted_password: password,
        password_automatically_set: true,
        user_type: UserType::HUMAN,
        admin: false,
        external: false,
        confirmed: vouches_for_addresses(tenant),
        organization_id,
        provisioned_by_group_id: tenant.group_id(),
    };
    Ok(new_accounts::create(conn, &account, now)?)
}

/// Whether addresses from the tenant count as confirmed. A group cannot prove that an address belongs to a
/// user.
fn vouches_for_addresses(tenant: &Tenant) -> bool {
    tenant.group.is_none()
}

fn organization_of(conn: &mut Conn, tenant: &Tenant) -> Result<i64> {
    let Some(group_id) = tenant.group_id() else { return Ok(DEFAULT_ORGANIZATION) };
    Ok(namespaces::table.find(group_id).select(namespaces::organization_id).first(conn)?)
}

/// Returns the name if it is free, else with 1, 2, 3 or 4 appended, else with a pseudo-random number.
fn free_username(conn: &mut Conn, base: &str, now: NaiveDateTime) -> Result<String> {
    const PRIME: u32 = 7919;
    const MAX_ATTEMPTS: u32 = 1000;
    let mut number = now.and_utc().timestamp_subsec_micros();
    for attempt in 0..MAX_ATTEMPTS {
        let candidate = match attempt {
            0 => base.to_owned(),
            1..=4 => format!("{base}{attempt}"),
            _ => {
                number = (number + PRIME) % 1_000_000_000;
                format!("{base}{number}")
            }
        };
        if domain::username::is_valid(&candidate) && !is_path_taken(conn, &candidate)? {
            return Ok(candidate);
        }
    }
    Err(Refusal::UserTaken.into())
}

/// Derives the name and the e-mail address of an account from the client's values, and writes the
/// differences. This is the only function that changes `users.name` and `users.email`. Also updates the
/// account of `change.user`.
pub(super) fn follow(
    conn: &mut Conn,
    tenant: &Tenant,
    before: &StoredUser,
    change: &mut Change,
    now: NaiveDateTime,
) -> Result<()> {
    let user_id = before.user_id;
    let (name, email): (Option<String>, String) =
        users::table.find(user_id).select((users::name, users::email)).first(conn)?;
    let sent = &change.user.sent;
    if let Some(new) = sent.account_name().filter(|new| change.sets_name && Some(new) != name.as_ref()) {
        rename(conn, user_id, &new, now)?;
        change.user.account.name = new;
    }
    if let Some(new) = sent.account_email().filter(|new| change.sets_email && *new != email) {
        if new_accounts::is_address_taken(conn, &new, Some(user_id))? {
            // An address that the request only repeats must not prevent its other changes.
            let is_repeated = before.user.sent.account_email().as_ref() == Some(&new);
            return if is_repeated { Ok(()) } else { Err(Refusal::EmailTaken.into()) };
        }
        change_email(conn, tenant, user_id, (&email, &new), now)?;
        change.user.account.email = new;
    }
    Ok(())
}

/// Renames a user and the user's personal namespace.
fn rename(conn: &mut Conn, user_id: i64, name: &str, now: NaiveDateTime) -> Result<()> {
    diesel::update(users::table.find(user_id))
        .set((users::name.eq(name), users::updated_at.eq(now)))
        .execute(conn)?;
    let own = namespaces::table.filter(namespaces::owner_id.eq(user_id)).filter(namespaces::type_.eq("User"));
    let ids: Vec<i64> = own.select(namespaces::id).load(conn)?;
    for id in ids {
        diesel::update(namespaces::table.find(id))
            .set((namespaces::name.eq(name), namespaces::updated_at.eq(now)))
            .execute(conn)?;
        diesel::update(
            routes::table.filter(routes::source_type.eq("Namespace")).filter(routes::source_id.eq(id)),
        )
        .set((routes::name.eq(name), routes::updated_at.eq(now)))
        .execute(conn)?;
    }
    Ok(())
}

/// Changes the primary address.
fn change_email(
    conn: &mut Conn,
    tenant: &Tenant,
    user_id: i64,
    (old, new): (&str, &str),
    now: NaiveDateTime,
) -> Result<()> {
    let columns = Columns::load(conn, &["users", "emails"])?;
    let is_confirmed = vouches_for_addresses(tenant);
    diesel::update(users::table.find(user_id))
        .set((
            users::email.eq(new),
            users::confirmed_at.eq(is_confirmed.then_some(now)),
            users::updated_at.eq(now),
        ))
        .execute(conn)?;
    for column in ["confirmation_token", "unconfirmed_email"] {
        if columns.has("users", column) {
            let reset = format!("UPDATE users SET {column} = NULL WHERE id = $1");
            diesel::sql_query(reset).bind::<BigInt, _>(user_id).execute(conn)?;
        }
    }
    let old_row = emails::table.filter(emails::user_id.eq(user_id)).filter(equals_ignoring_case!(
        conn,
        "emails.email",
        old
    ));
    diesel::delete(old_row).execute(conn)?;
    if is_confirmed {
        let organization_id = organization_of(conn, tenant)?;
        new_accounts::add_confirmed_address(conn, &columns, user_id, organization_id, new, now)?;
    }
    Ok(())
}

/// Whether the tenant may change an account. The instance may change every account, and a group only those
/// that it created.
pub(super) fn is_own(conn: &mut Conn, tenant: &Tenant, user_id: i64) -> Result<bool> {
    let Some(group_id) = tenant.group_id() else { return Ok(true) };
    let creator: Option<Option<i64>> = user_details::table
        .find(user_id)
        .select(user_details::provisioned_by_group_id)
        .first(conn)
        .optional()?;
    Ok(creator.flatten() == Some(group_id))
}

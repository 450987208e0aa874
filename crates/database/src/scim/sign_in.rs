//! Rows of `identities`: which users can sign in through the tenant's identity provider.
//!
//! A group's owner controls the group's identity provider. A row lets that owner sign in as the account, so
//! rows are written only for accounts that the tenant created. See "Sign-in rows" in `docs/api/scim-api.md`.
use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use super::{Refusal, Result, Tenant, equals_ignoring_case};
use crate::Conn;
use crate::schema::identities;

fn provider_name(tenant: &Tenant) -> &'static str {
    if tenant.group.is_some() { "group_saml" } else { "saml" }
}

/// All rows of the tenant's provider. The instance's provider has no `saml_provider_id`.
macro_rules! of_provider {
    ($tenant:expr) => {
        identities::table.filter(identities::provider.eq(provider_name($tenant))).filter(
            sql::<Bool>("COALESCE(identities.saml_provider_id, 0) = ")
                .bind::<BigInt, _>($tenant.group.map_or(0, |group| group.provider_id)),
        )
    };
}

/// Refuses a `NameID` that belongs to another user at the tenant's provider. `user_id` is `None` for a new
/// account.
pub(super) fn check_name_id(
    conn: &mut Conn,
    tenant: &Tenant,
    name_id: &str,
    user_id: Option<i64>,
) -> Result<()> {
    let same = equals_ignoring_case!(conn, "identities.extern_uid", name_id);
    let holders: Vec<Option<i64>> =
        of_provider!(tenant).filter(same).select(identities::user_id).load(conn)?;
    if holders.iter().all(|holder| *holder == user_id) { Ok(()) } else { Err(Refusal::UserTaken.into()) }
}

/// Whether a user can sign in through the tenant's provider.
pub(super) fn exists(conn: &mut Conn, tenant: &Tenant, user_id: i64) -> Result<bool> {
    let row = of_provider!(tenant).filter(identities::user_id.eq(user_id)).select(identities::id);
    Ok(row.first::<i64>(conn).optional()?.is_some())
}

/// Lets a user sign in with this `NameID`, unless the user already has a row.
pub(super) fn insert_if_missing(
    conn: &mut Conn,
    tenant: &Tenant,
    user_id: i64,
    name_id: &str,
    now: NaiveDateTime,
) -> Result<()> {
    if exists(conn, tenant, user_id)? {
        return Ok(());
    }
    diesel::insert_into(identities::table)
        .values((
            identities::user_id.eq(user_id),
            identities::provider.eq(provider_name(tenant)),
            identities::extern_uid.eq(name_id),
            identities::saml_provider_id.eq(tenant.group.map(|group| group.provider_id)),
            identities::created_at.eq(now),
            identities::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// Changes the `NameID` of an existing row. If there are several, changes the one with the old value, else
/// the oldest.
pub(super) fn follow(
    conn: &mut Conn,
    tenant: &Tenant,
    user_id: i64,
    (old, new): (&str, &str),
    now: NaiveDateTime,
) -> Result<()> {
    let rows: Vec<(i64, Option<String>)> = of_provider!(tenant)
        .filter(identities::user_id.eq(user_id))
        .order(identities::id)
        .select((identities::id, identities::extern_uid))
        .load(conn)?;
    let has_old = |row: &&(i64, Option<String>)| row.1.as_deref() == Some(old);
    let Some((id, _)) = rows.iter().find(has_old).or_else(|| rows.first()) else { return Ok(()) };
    diesel::update(identities::table.find(id))
        .set((identities::extern_uid.eq(new), identities::updated_at.eq(now)))
        .execute(conn)?;
    Ok(())
}

/// Removes the sign-in of a user through a group's provider.
pub(super) fn remove(conn: &mut Conn, provider_id: i64, user_id: i64) -> Result<()> {
    let rows = identities::table
        .filter(identities::user_id.eq(user_id))
        .filter(identities::saml_provider_id.eq(provider_id));
    diesel::delete(rows).execute(conn)?;
    Ok(())
}

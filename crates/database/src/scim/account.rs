//! Accounts: found by an address, or made with all the rows that one needs.
use ::scim::{Error as Refusal, NewUser};
use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use super::{Result, Tenant, taken};
use crate::Conn;
use crate::schema::{
    application_settings as settings, emails, identities, namespace_settings, namespaces, organization_users,
    redirect_routes, routes, user_details, users,
};

/// Every account belongs to the default organization.
const ORGANIZATION: i64 = 1;
const MEMBER_OF_ORGANIZATION: i16 = 10;

/// The function that makes a text alike in any case. SQLite's own knows ASCII alone, and so do its indexes.
fn folding(conn: &Conn, text: &str) -> &'static str {
    if matches!(conn, Conn::Sqlite(_)) && !text.is_ascii() { "scim_fold" } else { "lower" }
}

/// Whose address this is: the primary one, or another that was confirmed.
pub(super) fn owner_of(conn: &mut Conn, address: &str) -> Result<Option<(i64, i16)>> {
    let fold = folding(conn, address);
    let same = |column: &str| {
        sql::<Bool>(&format!("{fold}({column}) = {fold}(")).bind::<Text, _>(address.to_owned()).sql(")")
    };
    let primary =
        users::table.filter(same("users.email")).order(users::id).select((users::id, users::user_type));
    if let Some(owner) = primary.first(conn).optional()? {
        return Ok(Some(owner));
    }
    Ok(emails::table
        .inner_join(users::table.on(users::id.eq(emails::user_id)))
        .filter(same("emails.email"))
        .filter(emails::confirmed_at.is_not_null())
        .select((users::id, users::user_type))
        .first(conn)
        .optional()?)
}

/// Makes an account: person, details, place in the organization, personal namespace with settings and route.
pub(super) fn make(
    conn: &mut Conn,
    tenant: &Tenant,
    new: &NewUser,
    password: &str,
    now: NaiveDateTime,
) -> Result<i64> {
    let username = free_username(conn, &domain::username::from_name(&new.user_name), now)?;
    let limit: Option<Option<i32>> = settings::table
        .order(settings::id.desc())
        .select(settings::default_projects_limit)
        .first(conn)
        .optional()?;
    let user_id: i64 = diesel::insert_into(users::table)
        .values((
            users::email.eq(&new.email),
            users::encrypted_password.eq(password),
            users::password_automatically_set.eq(true),
            users::name.eq(&new.name),
            users::username.eq(&username),
            users::state.eq("active"),
            users::projects_limit.eq(limit.flatten().unwrap_or(100_000)),
            // A group may not vouch for an address; the instance's own provider does.
            users::confirmed_at.eq(tenant.group.is_none().then_some(now)),
            users::created_at.eq(now),
            users::updated_at.eq(now),
        ))
        .returning(users::id)
        .get_result(conn)?;
    diesel::insert_into(user_details::table)
        .values((
            user_details::user_id.eq(user_id),
            user_details::provisioned_by_group_id.eq(tenant.group_id()),
        ))
        .execute(conn)?;
    diesel::insert_into(organization_users::table)
        .values((
            organization_users::organization_id.eq(ORGANIZATION),
            organization_users::user_id.eq(user_id),
            organization_users::access_level.eq(MEMBER_OF_ORGANIZATION),
            organization_users::created_at.eq(now),
            organization_users::updated_at.eq(now),
        ))
        .execute(conn)?;
    make_namespace(conn, user_id, &username, &new.name, now)?;
    Ok(user_id)
}

fn make_namespace(
    conn: &mut Conn,
    user_id: i64,
    username: &str,
    name: &str,
    now: NaiveDateTime,
) -> Result<()> {
    let id: i64 = diesel::insert_into(namespaces::table)
        .values((
            namespaces::name.eq(name),
            namespaces::path.eq(username),
            namespaces::owner_id.eq(user_id),
            namespaces::type_.eq("User"),
            namespaces::organization_id.eq(ORGANIZATION),
            namespaces::created_at.eq(now),
            namespaces::updated_at.eq(now),
        ))
        .returning(namespaces::id)
        .get_result(conn)?;
    // An array on PostgreSQL; JSON on SQLite, which has none.
    let itself = match conn {
        Conn::Postgresql(_) => "UPDATE namespaces SET traversal_ids = ARRAY[id] WHERE id = $1",
        Conn::Sqlite(_) => "UPDATE namespaces SET traversal_ids = '[' || id || ']' WHERE id = $1",
    };
    diesel::sql_query(itself).bind::<BigInt, _>(id).execute(conn)?;
    diesel::insert_into(namespace_settings::table)
        .values((
            namespace_settings::namespace_id.eq(id),
            namespace_settings::created_at.eq(now),
            namespace_settings::updated_at.eq(now),
        ))
        .execute(conn)?;
    diesel::insert_into(routes::table)
        .values((
            routes::source_id.eq(id),
            routes::source_type.eq("Namespace"),
            routes::path.eq(username),
            routes::name.eq(name),
            routes::namespace_id.eq(id),
            routes::created_at.eq(now),
            routes::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// The name itself, or with the first of 1 to 4 that is free, or with a number that nobody foresees.
fn free_username(conn: &mut Conn, wanted: &str, now: NaiveDateTime) -> Result<String> {
    const PRIME: u32 = 7919;
    let mut number = now.and_utc().timestamp_subsec_micros();
    for attempt in 0_u32.. {
        let name = match attempt {
            0 => wanted.to_owned(),
            1..=4 => format!("{wanted}{attempt}"),
            _ => {
                number = (number + PRIME) % 1_000_000_000;
                format!("{wanted}{number}")
            }
        };
        if !is_used(conn, &name)? {
            return Ok(name);
        }
    }
    Err(taken())
}

fn is_used(conn: &mut Conn, name: &str) -> Result<bool> {
    let fold = folding(conn, name);
    let same = |column: &str| {
        sql::<Bool>(&format!("{fold}({column}) = {fold}(")).bind::<Text, _>(name.to_owned()).sql(")")
    };
    let route = routes::table.filter(same("routes.path")).select(routes::id).first::<i64>(conn).optional()?;
    let moved = redirect_routes::table
        .filter(same("redirect_routes.path"))
        .select(redirect_routes::id)
        .first::<i64>(conn)
        .optional()?;
    let person =
        users::table.filter(same("users.username")).select(users::id).first::<i64>(conn).optional()?;
    Ok(route.or(moved).or(person).is_some())
}

/// The names under which single sign-on knows people.
fn provider_name(tenant: &Tenant) -> &'static str {
    if tenant.group.is_some() { "group_saml" } else { "saml" }
}

/// Whether a person signs in through this group's provider.
pub(super) fn has_saml_identity(conn: &mut Conn, provider_id: i64, user_id: i64) -> Result<bool> {
    let row = identities::table
        .filter(identities::user_id.eq(user_id))
        .filter(identities::saml_provider_id.eq(provider_id))
        .select(identities::id);
    Ok(row.first::<i64>(conn).optional()?.is_some())
}

/// Lets a person sign in through the tenant's provider, by this external id.
pub(super) fn put_saml_identity(
    conn: &mut Conn,
    tenant: &Tenant,
    user_id: i64,
    external_id: &str,
    now: NaiveDateTime,
) -> Result<()> {
    let provider_id = tenant.group.map(|group| group.provider_id);
    let of_user = identities::table
        .filter(identities::user_id.eq(user_id))
        .filter(identities::provider.eq(provider_name(tenant)));
    let values = (identities::extern_uid.eq(external_id), identities::updated_at.eq(now));
    let changed = match provider_id {
        Some(id) => {
            diesel::update(of_user.filter(identities::saml_provider_id.eq(id))).set(values).execute(conn)?
        }
        None => diesel::update(of_user.filter(identities::saml_provider_id.is_null()))
            .set(values)
            .execute(conn)?,
    };
    if changed == 0 {
        diesel::insert_into(identities::table)
            .values((
                identities::user_id.eq(user_id),
                identities::provider.eq(provider_name(tenant)),
                identities::extern_uid.eq(external_id),
                identities::saml_provider_id.eq(provider_id),
                identities::created_at.eq(now),
                identities::updated_at.eq(now),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// Ends signing in through a group's provider.
pub(super) fn remove_saml_identity(conn: &mut Conn, provider_id: i64, user_id: i64) -> Result<()> {
    let rows = identities::table
        .filter(identities::user_id.eq(user_id))
        .filter(identities::saml_provider_id.eq(provider_id));
    diesel::delete(rows).execute(conn)?;
    Ok(())
}

/// Gives a person another name, and their namespace too.
pub(super) fn rename(conn: &mut Conn, user_id: i64, name: &str, now: NaiveDateTime) -> Result<()> {
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

/// Gives a person another address, if it is nobody else's.
pub(super) fn readdress(conn: &mut Conn, user_id: i64, email: &str, now: NaiveDateTime) -> Result<()> {
    if owner_of(conn, email)?.is_some_and(|(owner, _)| owner != user_id) {
        return Err(Refusal::uniqueness("Email has already been taken").into());
    }
    diesel::update(users::table.find(user_id))
        .set((users::email.eq(email), users::updated_at.eq(now)))
        .execute(conn)?;
    Ok(())
}

/// Whether the group itself has made the account.
pub(super) fn is_provisioned_by(conn: &mut Conn, group_id: i64, user_id: i64) -> Result<bool> {
    let by: Option<Option<i64>> = user_details::table
        .find(user_id)
        .select(user_details::provisioned_by_group_id)
        .first(conn)
        .optional()?;
    Ok(by.flatten() == Some(group_id))
}

//! Explains which account a user of an identity provider is: the rows that a request reads, without a token.
use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;

use super::{Group, Scope, StoredUser, Tenant, query};
use crate::memberships::conditions::is_valid;
use crate::schema::{members, namespaces, routes, saml_providers, users};
use crate::sql::equals_lower;
use crate::{Conn, Result};

/// The group in a path, and the provider that a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundGroup {
    pub id: i64,
    /// Only top-level groups have single sign-on.
    pub is_root: bool,
    /// The id of the SAML provider.
    pub provider_id: Option<i64>,
    /// The group with its settings, if the provider is enabled.
    pub group: Option<Group>,
}

/// The account of an identity.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct FoundAccount {
    pub id: i64,
    pub username: Option<String>,
    pub email: String,
    pub state: Option<String>,
}

/// The membership in the tenant's group.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct FoundMembership {
    pub id: i64,
    pub access_level: i32,
    pub member_role_id: Option<i64>,
    pub expires_at: Option<NaiveDate>,
    pub requested_at: Option<NaiveDateTime>,
    /// Whether it gives access: neither an access request nor an invitation, active and not expired.
    pub is_valid: bool,
}

/// The rows that are the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundUser {
    pub stored: StoredUser,
    pub account: Option<FoundAccount>,
    /// Only for a group.
    pub membership: Option<FoundMembership>,
}

/// Finds the group of a scope. `None` if it does not exist, and for the instance.
pub fn find_group(conn: &mut Conn, scope: &Scope) -> Result<Option<FoundGroup>> {
    let Scope::Group(path) = scope else { return Ok(None) };
    let found: Option<(i64, Option<i64>)> = routes::table
        .inner_join(namespaces::table.on(namespaces::id.eq(routes::source_id)))
        .filter(routes::source_type.eq("Namespace"))
        .filter(namespaces::type_.eq("Group"))
        .filter(equals_lower!("routes.path", path))
        .select((namespaces::id, namespaces::parent_id))
        .first(conn)
        .optional()?;
    let Some((id, parent_id)) = found else { return Ok(None) };
    let provider: Option<(i64, bool, bool, i16, Option<i64>)> = saml_providers::table
        .filter(saml_providers::group_id.eq(id))
        .order(saml_providers::id)
        .select((
            saml_providers::id,
            saml_providers::enabled,
            saml_providers::enforced_sso,
            saml_providers::default_membership_role,
            saml_providers::member_role_id,
        ))
        .first(conn)
        .optional()?;
    let is_root = parent_id.is_none();
    let group = provider.filter(|(_, is_enabled, ..)| *is_enabled && is_root);
    Ok(Some(FoundGroup {
        id,
        is_root,
        provider_id: provider.map(|(id, ..)| id),
        group: group.map(|(provider_id, _, enforced_sso, default_role, member_role_id)| Group {
            id,
            provider_id,
            enforced_sso,
            default_role: i32::from(default_role),
            member_role_id,
        }),
    }))
}

/// Finds a user by id or external id, as `GET /Users/{id}` does, and the rows behind it.
pub fn find_user(conn: &mut Conn, tenant: &Tenant, id: &str, today: NaiveDate) -> Result<Option<FoundUser>> {
    let stored = query::find(conn, tenant, id, true)?;
    stored.map(|stored| with_rows(conn, tenant, stored, today)).transpose()
}

/// Finds users by `userName`, as a search with `userName eq` does, and deleted ones.
pub fn find_by_user_name(
    conn: &mut Conn,
    tenant: &Tenant,
    name: &str,
    today: NaiveDate,
) -> Result<Vec<FoundUser>> {
    let stored = query::showing_user_name(conn, tenant, name)?;
    stored.into_iter().map(|stored| with_rows(conn, tenant, stored, today)).collect()
}

fn with_rows(conn: &mut Conn, tenant: &Tenant, stored: StoredUser, today: NaiveDate) -> Result<FoundUser> {
    let account = users::table
        .find(stored.user_id)
        .select((users::id, users::username, users::email, users::state))
        .first(conn)
        .optional()?;
    let membership = match tenant.group_id() {
        None => None,
        Some(group_id) => membership(conn, group_id, stored.user_id, today)?,
    };
    Ok(FoundUser { stored, account, membership })
}

fn membership(
    conn: &mut Conn,
    group_id: i64,
    user_id: i64,
    today: NaiveDate,
) -> Result<Option<FoundMembership>> {
    let of_user = members::table
        .filter(members::user_id.eq(user_id))
        .filter(members::source_type.eq("Namespace"))
        .filter(members::source_id.eq(group_id));
    let valid: Option<i64> = of_user.filter(is_valid(today)).select(members::id).first(conn).optional()?;
    let row = of_user
        .select((
            members::id,
            members::access_level,
            members::member_role_id,
            members::expires_at,
            members::requested_at,
        ))
        .first::<(i64, i32, Option<i64>, Option<NaiveDate>, Option<NaiveDateTime>)>(conn)
        .optional()?;
    Ok(row.map(|(id, access_level, member_role_id, expires_at, requested_at)| FoundMembership {
        id,
        access_level,
        member_role_id,
        expires_at,
        requested_at,
        is_valid: valid == Some(id),
    }))
}

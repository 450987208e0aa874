//! Grants and revokes access: a membership in a group, or the account itself at the instance.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::{Effects, Group, Refusal, Result, StoredUser, Tenant, reauthorize, sign_in};
use crate::memberships::conditions::is_valid;
use crate::memberships::{self, Source, owners};
use crate::schema::members;
use crate::users::{self, StateChange};
use crate::{Conn, is_owned_by_rails};
use domain::Role;

/// Gives a user access.
pub(super) fn activate(
    conn: &mut Conn,
    tenant: &Tenant,
    user_id: i64,
    now: NaiveDateTime,
    effects: &mut Effects,
) -> Result<()> {
    if let Some(group) = &tenant.group {
        return add_member(conn, group, user_id, now, effects);
    }
    match users::activate(conn, user_id, now)? {
        StateChange::AdministratorsState => Err(Refusal::AdministratorsState.into()),
        _ => Ok(()),
    }
}

/// Adds a member with the group's default role. A valid membership keeps its role.
pub(super) fn add_member(
    conn: &mut Conn,
    group: &Group,
    user_id: i64,
    now: NaiveDateTime,
    effects: &mut Effects,
) -> Result<()> {
    if is_member(conn, group.id, user_id, now)? {
        return Ok(());
    }
    insert_membership(conn, group.id, user_id, (group.default_role, group.member_role_id), now)?;
    reauthorize(conn, user_id, now, effects)
}

/// Inserts a membership, replacing an access request, an invitation or an expired membership.
pub(super) fn insert_membership(
    conn: &mut Conn,
    group_id: i64,
    user_id: i64,
    (role, member_role_id): (i32, Option<i64>),
    now: NaiveDateTime,
) -> Result<()> {
    let membership = members::table
        .filter(members::user_id.eq(user_id))
        .filter(members::source_type.eq("Namespace"))
        .filter(members::source_id.eq(group_id));
    diesel::delete(membership).execute(conn)?;
    memberships::put(conn, user_id, Source::Group(group_id), Role(role), now)?;
    diesel::update(membership).set(members::member_role_id.eq(member_role_id)).execute(conn)?;
    Ok(())
}

/// Whether a user has a valid membership.
pub(super) fn is_member(conn: &mut Conn, group_id: i64, user_id: i64, now: NaiveDateTime) -> Result<bool> {
    let row = members::table
        .filter(members::user_id.eq(user_id))
        .filter(members::source_type.eq("Namespace"))
        .filter(members::source_id.eq(group_id))
        .filter(is_valid(now.date()))
        .select(members::id);
    Ok(row.first::<i64>(conn).optional()?.is_some())
}

/// Revokes a user's access.
pub(super) fn deactivate(
    conn: &mut Conn,
    tenant: &Tenant,
    user_id: i64,
    now: NaiveDateTime,
    effects: &mut Effects,
) -> Result<()> {
    let Some(group) = &tenant.group else { return block(conn, user_id, now, effects) };
    if owners::is_last(conn, group.id, user_id, now.date())? {
        return Err(Refusal::LastOwner.into());
    }
    remove_memberships(conn, group.id, user_id)?;
    if !tenant.keep_saml_identity {
        sign_in::remove(conn, group.provider_id, user_id)?;
    }
    reauthorize(conn, user_id, now, effects)
}

/// Repeats the effects outside of the database for a user whose access is already as requested.
pub(super) fn repeat_effects(
    conn: &mut Conn,
    tenant: &Tenant,
    stored: &StoredUser,
    effects: &mut Effects,
) -> Result<()> {
    let is_pending = effects.reauthorize.contains(&stored.user_id);
    if tenant.group.is_some() && !is_pending && is_owned_by_rails(conn)? {
        effects.reauthorize.push(stored.user_id);
    }
    if tenant.group.is_none() && !stored.user.active {
        effects.sign_out.push(stored.user_id);
    }
    Ok(())
}

/// Removes the memberships in a group and in all groups and projects below it.
fn remove_memberships(conn: &mut Conn, group_id: i64, user_id: i64) -> Result<()> {
    const BELOW: &str = "WITH RECURSIVE below (id) AS (\
        SELECT n.id FROM namespaces n WHERE n.id = $2 \
        UNION SELECT n.id FROM namespaces n JOIN below b ON n.parent_id = b.id WHERE n.type = 'Group') \
        SELECT id FROM below";
    let in_groups = format!(
        "DELETE FROM members WHERE user_id = $1 AND source_type = 'Namespace' AND source_id IN ({BELOW})"
    );
    let in_projects = format!(
        "DELETE FROM members WHERE user_id = $1 AND source_type = 'Project' \
         AND source_id IN (SELECT p.id FROM projects p WHERE p.namespace_id IN ({BELOW}))"
    );
    for statement in [in_groups, in_projects] {
        diesel::sql_query(statement).bind::<BigInt, _>(user_id).bind::<BigInt, _>(group_id).execute(conn)?;
    }
    Ok(())
}

/// Blocks an account and signs it out.
fn block(conn: &mut Conn, user_id: i64, now: NaiveDateTime, effects: &mut Effects) -> Result<()> {
    match users::block(conn, user_id, now)? {
        StateChange::Changed | StateChange::Unchanged => effects.sign_out.push(user_id),
        StateChange::InternalAccount => return Err(Refusal::InternalAccount.into()),
        StateChange::LastAdministrator => return Err(Refusal::LastAdministrator.into()),
        StateChange::AdministratorsState => return Err(Refusal::AdministratorsState.into()),
    }
    Ok(())
}

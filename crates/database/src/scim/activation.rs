//! Access given and taken: in a group a membership, at the instance the account itself.
use ::scim::Error as Refusal;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::{Effects, Group, Result, Stored, Tenant, account, reauthorize};
use crate::memberships::{self, Source};
use crate::schema::{members, users};
use crate::{Conn, is_owned_by_rails};
use domain::Role;

/// Accounts of people and of the services that people run; others are GitLab's own.
const PEOPLE: [i16; 3] = [0, 4, 13];

fn forbidden(detail: &str) -> super::Error {
    Refusal::new(403, detail).into()
}

/// Gives a user access.
pub(super) fn activate(
    conn: &mut Conn,
    tenant: &Tenant,
    stored: &Stored,
    now: NaiveDateTime,
    effects: &mut Effects,
) -> Result<()> {
    account::put_saml_identity(conn, tenant, stored.user_id, &stored.user.external_id, now)?;
    if let Some(group) = &tenant.group {
        return admit(conn, group, stored.user_id, now, effects);
    }
    let state: Option<String> = users::table.find(stored.user_id).select(users::state).first(conn)?;
    match state.as_deref() {
        Some("active") => Ok(()),
        Some("blocked" | "deactivated") => {
            diesel::update(users::table.find(stored.user_id))
                .set((users::state.eq("active"), users::updated_at.eq(now)))
                .execute(conn)?;
            Ok(())
        }
        _ => Err(forbidden("The user's state can only be changed by an administrator")),
    }
}

/// Makes a person a member, unless they are one: a role that somebody gave is not touched.
pub(super) fn admit(
    conn: &mut Conn,
    group: &Group,
    user_id: i64,
    now: NaiveDateTime,
    effects: &mut Effects,
) -> Result<()> {
    if is_member(conn, group.id, user_id, now)? {
        return Ok(());
    }
    let of_user = members::table
        .filter(members::user_id.eq(user_id))
        .filter(members::source_type.eq("Namespace"))
        .filter(members::source_id.eq(group.id));
    // A request for access, an invitation, or what has expired.
    diesel::delete(of_user).execute(conn)?;
    memberships::put(conn, user_id, Source::Group(group.id), Role(group.default_role), now)?;
    diesel::update(of_user).set(members::member_role_id.eq(group.member_role_id)).execute(conn)?;
    reauthorize(conn, user_id, now, effects)
}

/// Whether a membership counts now.
pub(super) fn is_member(conn: &mut Conn, group_id: i64, user_id: i64, now: NaiveDateTime) -> Result<bool> {
    let row = members::table
        .filter(members::user_id.eq(user_id))
        .filter(members::source_type.eq("Namespace"))
        .filter(members::source_id.eq(group_id))
        .filter(members::requested_at.is_null())
        .filter(members::invite_token.is_null())
        .filter(members::state.eq(0))
        .filter(members::expires_at.is_null().or(members::expires_at.gt(now.date())))
        .select(members::id);
    Ok(row.first::<i64>(conn).optional()?.is_some())
}

/// Takes a user's access away.
pub(super) fn deactivate(
    conn: &mut Conn,
    tenant: &Tenant,
    user_id: i64,
    now: NaiveDateTime,
    effects: &mut Effects,
) -> Result<()> {
    let Some(group) = &tenant.group else { return block(conn, user_id, now, effects) };
    if is_last_owner(conn, group.id, user_id, now)? {
        return Err(forbidden("The last owner of the group cannot be removed"));
    }
    dismiss(conn, group.id, user_id)?;
    if !tenant.keep_saml_identity {
        account::remove_saml_identity(conn, group.provider_id, user_id)?;
    }
    reauthorize(conn, user_id, now, effects)
}

/// What is left to do outside of the database for somebody whose access is as it was asked for.
pub(super) fn follow_again(
    conn: &mut Conn,
    tenant: &Tenant,
    stored: &Stored,
    effects: &mut Effects,
) -> Result<()> {
    if tenant.group.is_some() && is_owned_by_rails(conn)? {
        effects.reauthorize.push(stored.user_id);
    }
    if tenant.group.is_none() && !stored.user.active {
        effects.sign_out.push(stored.user_id);
    }
    Ok(())
}

const OWNERS: i32 = 50;

fn is_last_owner(conn: &mut Conn, group_id: i64, user_id: i64, now: NaiveDateTime) -> Result<bool> {
    let owners: Vec<i64> = members::table
        .inner_join(users::table.on(members::user_id.eq(users::id.nullable())))
        .filter(members::source_type.eq("Namespace"))
        .filter(members::source_id.eq(group_id))
        .filter(members::access_level.ge(OWNERS))
        .filter(members::requested_at.is_null())
        .filter(members::invite_token.is_null())
        .filter(members::state.eq(0))
        .filter(members::expires_at.is_null().or(members::expires_at.gt(now.date())))
        .filter(users::state.eq("active").or(users::id.eq(user_id)))
        .select(users::id)
        .load(conn)?;
    Ok(owners.contains(&user_id) && owners.iter().all(|owner| *owner == user_id))
}

/// Ends the memberships in a group and in all that is below it.
fn dismiss(conn: &mut Conn, group_id: i64, user_id: i64) -> Result<()> {
    const BELOW: &str = "WITH RECURSIVE below (id) AS (\
        SELECT n.id FROM namespaces n WHERE n.id = $2 \
        UNION SELECT n.id FROM namespaces n JOIN below b ON n.parent_id = b.id WHERE n.type = 'Group') \
        SELECT id FROM below";
    let of_groups = format!(
        "DELETE FROM members WHERE user_id = $1 AND source_type = 'Namespace' AND source_id IN ({BELOW})"
    );
    let of_projects = format!(
        "DELETE FROM members WHERE user_id = $1 AND source_type = 'Project' \
         AND source_id IN (SELECT p.id FROM projects p WHERE p.namespace_id IN ({BELOW}))"
    );
    for statement in [of_groups, of_projects] {
        diesel::sql_query(statement).bind::<BigInt, _>(user_id).bind::<BigInt, _>(group_id).execute(conn)?;
    }
    Ok(())
}

/// Blocks an account and signs it out.
fn block(conn: &mut Conn, user_id: i64, now: NaiveDateTime, effects: &mut Effects) -> Result<()> {
    let (state, user_type, admin): (Option<String>, i16, bool) =
        users::table.find(user_id).select((users::state, users::user_type, users::admin)).first(conn)?;
    if !PEOPLE.contains(&user_type) {
        return Err(forbidden("The account is GitLab's own"));
    }
    let is_active = state.as_deref() == Some("active");
    if admin && is_active {
        let other = users::table
            .filter(users::admin.eq(true))
            .filter(users::state.eq("active"))
            .filter(users::id.ne(user_id))
            .filter(users::user_type.eq(0))
            .select(users::id);
        if other.first::<i64>(conn).optional()?.is_none() {
            return Err(forbidden("The last administrator cannot be blocked"));
        }
    }
    // Whoever cannot get in already stays as they are: to unblock must not undo a ban.
    if is_active || state.as_deref() == Some("deactivated") {
        diesel::update(users::table.find(user_id))
            .set((users::state.eq("blocked"), users::updated_at.eq(now)))
            .execute(conn)?;
    }
    diesel::update(users::table.find(user_id))
        .set(users::remember_created_at.eq(None::<NaiveDateTime>))
        .execute(conn)?;
    effects.sign_out.push(user_id);
    Ok(())
}

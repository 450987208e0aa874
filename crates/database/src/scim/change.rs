//! `PATCH`, `PUT` and `DELETE` of a user.
use ::scim::patch::Change;
use ::scim::{Mutability, User};
use chrono::NaiveDateTime;

use super::{
    Effects, Mode, Refusal, Result, StoredUser, Tenant, account, activation, groups, query, record, shown,
    sign_in, write,
};
use crate::Conn;

/// Applies `f` to a user. The version shows whether anything changed.
pub fn change(
    conn: &mut Conn,
    tenant: &Tenant,
    id: &str,
    precondition: impl FnOnce(&User) -> ::scim::Result<()>,
    f: impl FnOnce(&User) -> ::scim::Result<Change>,
    now: NaiveDateTime,
) -> Result<(StoredUser, Effects)> {
    write(conn, tenant, |conn| {
        let before = visible(conn, tenant, id)?;
        precondition(&before.user)?;
        let change = f(&before.user)?;
        let stays_deleted = before.is_deleted && !change.user.active;
        store(conn, tenant, &before, change, stays_deleted, now)
    })
}

/// Whether the tenant's provider may change name, address and `userName` of a user.
pub(super) fn may_change_account(conn: &mut Conn, tenant: &Tenant, user_id: i64) -> Result<bool> {
    Ok(tenant.mode == Mode::Rfc && account::is_own(conn, tenant, user_id)?)
}

/// Stores a user after a request, with all effects on other tables.
pub(super) fn store(
    conn: &mut Conn,
    tenant: &Tenant,
    before: &StoredUser,
    mut change: Change,
    is_deleted: bool,
    now: NaiveDateTime,
) -> Result<(StoredUser, Effects)> {
    let mut effects = Effects::default();
    let old = &before.user;
    let may_change_account = may_change_account(conn, tenant, before.user_id)?;
    if !may_change_account {
        change.user.sent = old.sent.clone();
    }
    check_unique(conn, tenant, before, &change.user)?;
    if may_change_account {
        account::follow(conn, tenant, before, &mut change, now)?;
    }
    set_access(conn, tenant, before, &change, now, &mut effects)?;
    if change.user == *old && is_deleted == before.is_deleted {
        // The effects of an earlier attempt may have failed.
        activation::repeat_effects(conn, tenant, before, &mut effects)?;
        return Ok((before.clone(), effects));
    }
    effects.fields = changed_fields(old, &change.user);
    let mut user = change.user;
    user.version += 1;
    let mut stored = StoredUser { is_deleted, user, ..before.clone() };
    record::update(conn, tenant, &stored, now)?;
    stored.user.last_modified = shown(now).and_utc();
    Ok((stored, effects))
}

/// Refuses ids, a `NameID` or a `userName` that belong to other users. Checks only values that change.
fn check_unique(conn: &mut Conn, tenant: &Tenant, before: &StoredUser, new: &User) -> Result<()> {
    let old = &before.user;
    let is_other = |other: &StoredUser| other.identity_id != before.identity_id;
    for (old, new) in [(&old.id, &new.id), (&old.external_id, &new.external_id)] {
        if old != new && query::by_ids(conn, tenant, new)?.iter().any(is_other) {
            return Err(Refusal::UserTaken.into());
        }
    }
    // An activation may insert a sign-in row.
    if old.external_id != new.external_id || (new.active && !old.active) {
        sign_in::check_name_id(conn, tenant, &new.external_id, Some(before.user_id))?;
    }
    let (old_name, new_name) =
        (old.shown_user_name(Mutability::ReadWrite), new.shown_user_name(Mutability::ReadWrite));
    if ::scim::fold(old_name) != ::scim::fold(new_name)
        && query::showing_user_name(conn, tenant, new_name)?
            .iter()
            .any(|other| is_other(other) && !other.is_deleted)
    {
        return Err(Refusal::UserTaken.into());
    }
    Ok(())
}

/// Grants or revokes access, and updates the sign-in row accordingly.
fn set_access(
    conn: &mut Conn,
    tenant: &Tenant,
    before: &StoredUser,
    change: &Change,
    now: NaiveDateTime,
    effects: &mut Effects,
) -> Result<()> {
    let (old, new, user_id) = (&before.user, &change.user, before.user_id);
    let has_new_id = old.external_id != new.external_id;
    if has_new_id {
        sign_in::follow(conn, tenant, user_id, (&old.external_id, &new.external_id), now)?;
    }
    let is_activated = new.active && !old.active;
    if is_activated {
        activation::activate(conn, tenant, user_id, now, effects)?;
    } else if !new.active && old.active {
        activation::deactivate(conn, tenant, user_id, now, effects)?;
    } else if let (Some(group), true) = (&tenant.group, change.activates && new.active) {
        // Someone else may have removed the member.
        activation::add_member(conn, group, user_id, now, effects)?;
    }
    if tenant.group.is_some()
        && new.active
        && (has_new_id || is_activated)
        && account::is_own(conn, tenant, user_id)?
    {
        sign_in::insert_if_missing(conn, tenant, user_id, &new.external_id, now)?;
    }
    Ok(())
}

/// The names of the attributes that differ.
fn changed_fields(before: &User, after: &User) -> Vec<&'static str> {
    let (old, new) = (&before.sent, &after.sent);
    let names = |user: &User| {
        (user.sent.formatted.clone(), user.sent.family_name.clone(), user.sent.given_name.clone())
    };
    let parts = [
        ("id", before.id != after.id),
        ("externalId", before.external_id != after.external_id),
        ("active", before.active != after.active),
        ("userName", old.user_name != new.user_name),
        ("name", names(before) != names(after) || before.account.name != after.account.name),
        ("displayName", old.display_name != new.display_name),
        ("emails", old.emails != new.emails || before.account.email != after.account.email),
    ];
    parts.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

/// Revokes access and hides the resource. The rows remain, as in GitLab.
pub fn delete(
    conn: &mut Conn,
    tenant: &Tenant,
    id: &str,
    precondition: impl FnOnce(&User) -> ::scim::Result<()>,
    now: NaiveDateTime,
) -> Result<(StoredUser, Effects)> {
    write(conn, tenant, |conn| {
        let mut effects = Effects::default();
        let mut stored = visible(conn, tenant, id)?;
        precondition(&stored.user)?;
        activation::deactivate(conn, tenant, stored.user_id, now, &mut effects)?;
        if tenant.group.is_none() {
            groups::leave_all(conn, stored.user_id, now, &mut effects)?;
        }
        stored.user.active = false;
        stored.user.version += 1;
        stored.is_deleted = true;
        record::update(conn, tenant, &stored, now)?;
        Ok((stored, effects))
    })
}

fn visible(conn: &mut Conn, tenant: &Tenant, id: &str) -> Result<StoredUser> {
    let found = query::find(conn, tenant, id, true)?;
    Ok(found.ok_or(Refusal::UserNotFound)?)
}

//! `PATCH`, `PUT` and `DELETE` of a user.
use ::scim::{Error as Refusal, Mode, User};
use chrono::NaiveDateTime;

use super::{Effects, Result, Stored, Tenant, account, activation, query, record, shown, taken, write};
use crate::Conn;

/// Changes a user as `f` says; whether anything changed is in its version.
pub fn change(
    conn: &mut Conn,
    tenant: &Tenant,
    id: &str,
    precondition: impl FnOnce(&User) -> Result<(), Refusal>,
    f: impl FnOnce(&User) -> Result<User, Refusal>,
    now: NaiveDateTime,
) -> Result<(Stored, Effects)> {
    write(conn, tenant, |conn| {
        let mut effects = Effects::default();
        let before = visible(conn, tenant, id)?;
        precondition(&before.user)?;
        let mut after = f(&before.user)?;
        if let (Some(group_id), Mode::Rfc) = (tenant.group_id(), tenant.mode)
            && !account::is_provisioned_by(conn, group_id, before.user_id)?
        {
            // Of an account that the group has not made, nothing but access is the group's.
            after.sent = before.user.sent.clone();
            after.account = before.user.account.clone();
        }
        if after == before.user {
            // What follows from a change follows once more: the first time it may have failed.
            activation::follow_again(conn, tenant, &before, &mut effects)?;
            return Ok((before, effects));
        }
        effects.fields = changes(&before.user, &after);
        after.version += 1;
        let mut stored = Stored { user: after, ..before.clone() };
        apply(conn, tenant, &before, &stored, now, &mut effects)?;
        record::update(conn, tenant, &stored, stored.is_deleted && !stored.user.active, now)?;
        stored.is_deleted &= !stored.user.active;
        stored.user.last_modified = shown(now).and_utc();
        Ok((stored, effects))
    })
}

/// The names of what differs.
fn changes(before: &User, after: &User) -> Vec<&'static str> {
    let (old, new) = (&before.sent, &after.sent);
    let names = |user: &User| {
        (user.sent.formatted.clone(), user.sent.family_name.clone(), user.sent.given_name.clone())
    };
    let parts = [
        ("id", before.id != after.id),
        ("externalId", before.external_id != after.external_id),
        ("active", before.active != after.active),
        ("userName", old.user_name != new.user_name),
        ("name", names(before) != names(after)),
        ("displayName", old.display_name != new.display_name),
        ("emails", old.emails != new.emails),
    ];
    parts.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

fn apply(
    conn: &mut Conn,
    tenant: &Tenant,
    before: &Stored,
    after: &Stored,
    now: NaiveDateTime,
    effects: &mut Effects,
) -> Result<()> {
    let (old, new) = (&before.user, &after.user);
    for (old, new) in [(&old.id, &new.id), (&old.external_id, &new.external_id)] {
        if old != new
            && query::by_ids(conn, tenant, new)?.iter().any(|other| other.identity_id != before.identity_id)
        {
            return Err(taken());
        }
    }
    if old.account.name != new.account.name {
        account::rename(conn, before.user_id, &new.account.name, now)?;
    }
    if old.account.email != new.account.email {
        account::readdress(conn, before.user_id, &new.account.email, now)?;
    }
    match (old.active, new.active) {
        (false, true) => activation::activate(conn, tenant, after, now, effects)?,
        (true, false) => activation::deactivate(conn, tenant, before.user_id, now, effects)?,
        _ => {}
    }
    // Who has no access to a group has no way to sign in through it either, unless it was to be kept.
    if old.external_id != new.external_id && (new.active || tenant.keeps_saml_identity()) {
        account::put_saml_identity(conn, tenant, before.user_id, &new.external_id, now)?;
    }
    Ok(())
}

/// Takes access away, and the resource with it. The rows stay, as GitLab keeps them.
pub fn delete(
    conn: &mut Conn,
    tenant: &Tenant,
    id: &str,
    precondition: impl FnOnce(&User) -> Result<(), Refusal>,
    now: NaiveDateTime,
) -> Result<(Stored, Effects)> {
    write(conn, tenant, |conn| {
        let mut effects = Effects::default();
        let mut stored = visible(conn, tenant, id)?;
        precondition(&stored.user)?;
        activation::deactivate(conn, tenant, stored.user_id, now, &mut effects)?;
        stored.user.active = false;
        stored.user.version += 1;
        stored.is_deleted = true;
        record::update(conn, tenant, &stored, true, now)?;
        Ok((stored, effects))
    })
}

fn visible(conn: &mut Conn, tenant: &Tenant, id: &str) -> Result<Stored> {
    let found = query::find(conn, tenant, id, true)?;
    Ok(found.ok_or_else(|| Refusal::new(404, "User not found"))?)
}

//! `POST`, `PUT`, `PATCH` and `DELETE` of a SCIM group.
use std::collections::BTreeSet;

use ::scim::{Group, GroupDraft, GroupPatch, MemberChange};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::super::sql::Sql;
use super::super::{Effects, Refusal, Result, Tenant, scim_statement, shown, write};
use super::links::{self, Link};
use super::{GroupEffects, are_available, gitlab_memberships, members};
use crate::Conn;

scim_statement!(Write, BigInt);
scim_statement!(Exists, BigInt);

/// Assigns a uid to all links with a name, and adds the first members.
pub fn create(
    conn: &mut Conn,
    tenant: &Tenant,
    draft: &GroupDraft,
    fresh_uid: &str,
    now: NaiveDateTime,
) -> Result<(Group, GroupEffects)> {
    write(conn, tenant, |conn| {
        let name = &draft.display_name;
        let named = links::load(conn, |sql| _ = sql.push("l.saml_group_name = ").text(name.as_str()))?;
        if named.is_empty() {
            return Err(Refusal::NoGroupLink(name.clone()).into());
        }
        let sent_uid = draft.external_id.as_deref().and_then(links::parse_uid);
        let uid = sent_uid.as_deref().unwrap_or(fresh_uid);
        let is_taken = named.iter().any(|link| link.uid.is_some())
            || !links::of_group(conn, uid)?.is_empty()
            || external_id_exists(conn, draft.external_id.as_deref())?;
        if is_taken {
            return Err(Refusal::GroupTaken.into());
        }
        // Removes members of a former group whose links were deleted.
        members::remove_all(conn, uid)?;
        let mut effects = GroupEffects::default();
        let values = draft.members.as_deref().unwrap_or_default();
        let (users, ignored) = members::resolve(conn, tenant, values)?;
        effects.added = users.len();
        effects.ignored = ignored;
        effects.gitlab_groups = group_ids(&named);
        insert_record(conn, uid, draft.external_id.as_deref(), 1, now, now)?;
        let groups = effects.gitlab_groups.clone();
        gitlab_memberships::sync(conn, &users, &groups, now, &mut effects, |conn| {
            associate(conn, uid, name, now)?;
            members::insert(conn, uid, &users, now)
        })?;
        Ok((read(conn, tenant, uid)?, effects))
    })
}

fn group_ids(links: &[Link]) -> Vec<i64> {
    let ids: BTreeSet<i64> = links.iter().map(|link| link.group_id).collect();
    ids.into_iter().collect()
}

fn read(conn: &mut Conn, tenant: &Tenant, uid: &str) -> Result<Group> {
    Ok(links::find(conn, tenant, uid, true)?.ok_or(Refusal::GroupNotFound)?)
}

fn external_id_exists(conn: &mut Conn, external_id: Option<&str>) -> Result<bool> {
    let Some(external_id) = external_id else { return Ok(false) };
    let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
    sql.push("SELECT g.version FROM scim_api_groups g WHERE ").same("g.external_id", external_id);
    // A record whose links were deleted by an owner no longer belongs to a group.
    sql.push(
        " AND EXISTS (SELECT 1 FROM saml_group_links l WHERE l.scim_group_uid = g.scim_group_uid) LIMIT 1",
    );
    Ok(Exists(sql).get_result::<i64>(conn).optional()?.is_some())
}

/// Assigns the uid to every link with the name that has none.
fn associate(conn: &mut Conn, uid: &str, name: &str, now: NaiveDateTime) -> Result<()> {
    let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
    sql.push("UPDATE saml_group_links SET scim_group_uid = ")
        .uuid(uid)
        .push(", updated_at = ")
        .timestamp(now);
    sql.push(" WHERE scim_group_uid IS NULL AND saml_group_name = ").text(name);
    Write(sql).execute(conn)?;
    Ok(())
}

fn insert_record(
    conn: &mut Conn,
    uid: &str,
    external_id: Option<&str>,
    version: i64,
    created_at: NaiveDateTime,
    now: NaiveDateTime,
) -> Result<()> {
    delete_record(conn, uid)?;
    let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
    sql.push(
        "INSERT INTO scim_api_groups (scim_group_uid, external_id, version, created_at, updated_at) VALUES (",
    );
    sql.uuid(uid).push(", ");
    match external_id {
        Some(external_id) => _ = sql.text(external_id),
        None => _ = sql.push("NULL"),
    }
    sql.push(", ").number(version).push(", ").timestamp(shown(created_at));
    sql.push(", ").timestamp(shown(now)).push(")");
    Write(sql).execute(conn)?;
    Ok(())
}

fn delete_record(conn: &mut Conn, uid: &str) -> Result<()> {
    let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
    sql.push("DELETE FROM scim_api_groups WHERE scim_group_uid = ").uuid(uid);
    Write(sql).execute(conn)?;
    Ok(())
}

/// Replaces the members, if the request contains any.
pub fn replace(
    conn: &mut Conn,
    tenant: &Tenant,
    id: &str,
    precondition: impl FnOnce(&Group) -> ::scim::Result<()>,
    draft: &GroupDraft,
    now: NaiveDateTime,
) -> Result<(Group, GroupEffects)> {
    let changes = draft.members.clone().map(MemberChange::Replace);
    change(conn, tenant, id, precondition, changes.as_slice(), now)
}

/// Applies all operations to the members, or none.
pub fn patch(
    conn: &mut Conn,
    tenant: &Tenant,
    id: &str,
    precondition: impl FnOnce(&Group) -> ::scim::Result<()>,
    patch: &GroupPatch,
    now: NaiveDateTime,
) -> Result<(Group, GroupEffects)> {
    change(conn, tenant, id, precondition, patch.changes(), now)
}

fn change(
    conn: &mut Conn,
    tenant: &Tenant,
    id: &str,
    precondition: impl FnOnce(&Group) -> ::scim::Result<()>,
    changes: &[MemberChange],
    now: NaiveDateTime,
) -> Result<(Group, GroupEffects)> {
    write(conn, tenant, |conn| {
        let group = links::find(conn, tenant, id, true)?.ok_or(Refusal::GroupNotFound)?;
        precondition(&group)?;
        let (uid, name) = (group.id.as_str(), group.display_name.as_str());
        let mut effects = GroupEffects::default();
        let before: BTreeSet<i64> = members::user_ids(conn, uid)?.into_iter().collect();
        let (after, named) = members_after(conn, tenant, &group, changes, before.clone(), &mut effects)?;
        let unlinked = links::load(conn, |sql| {
            sql.push("l.scim_group_uid IS NULL AND l.saml_group_name = ").text(name);
        })?;
        let added: Vec<i64> = after.difference(&before).copied().collect();
        let removed: Vec<i64> = before.difference(&after).copied().collect();
        effects.added = added.len();
        effects.removed = removed.len();
        let is_changed = !(added.is_empty() && removed.is_empty() && unlinked.is_empty());
        if !is_changed && named.is_empty() {
            return Ok((group, effects));
        }
        let mut gitlab_groups = group_ids(&links::of_group(conn, uid)?);
        gitlab_groups.extend(group_ids(&unlinked));
        gitlab_groups.sort_unstable();
        gitlab_groups.dedup();
        effects.gitlab_groups.clone_from(&gitlab_groups);
        // A new link affects all members. Otherwise the request names them: somebody may have changed the
        // membership of a user who was in the SCIM group already, or the role of a link.
        let affected: BTreeSet<i64> = if unlinked.is_empty() {
            added.iter().chain(&removed).chain(&named).copied().collect()
        } else {
            before.union(&after).copied().collect()
        };
        let affected: Vec<i64> = affected.into_iter().collect();
        let synced = gitlab_memberships::sync(conn, &affected, &gitlab_groups, now, &mut effects, |conn| {
            associate(conn, uid, name, now)?;
            members::remove(conn, uid, &removed)?;
            members::insert(conn, uid, &added, now)
        })?;
        if synced > 0 {
            effects.effects.fields.push("memberships");
        }
        if !is_changed {
            return Ok((group, effects));
        }
        let external_id = group.external_id.as_deref();
        insert_record(conn, uid, external_id, group.version + 1, group.created.naive_utc(), now)?;
        Ok((read(conn, tenant, uid)?, effects))
    })
}

/// Computes the members after some changes, and which of them the changes name.
fn members_after(
    conn: &mut Conn,
    tenant: &Tenant,
    group: &Group,
    changes: &[MemberChange],
    mut users: BTreeSet<i64>,
    effects: &mut GroupEffects,
) -> Result<(BTreeSet<i64>, BTreeSet<i64>)> {
    // The resource as filters see it.
    let mut shown = group.clone();
    let mut all_named: BTreeSet<i64> = BTreeSet::new();
    for change in changes {
        let values: Vec<String> = match change {
            MemberChange::Add(values) | MemberChange::Replace(values) | MemberChange::Remove(values) => {
                values.clone()
            }
            MemberChange::RemoveMatching(filter) => {
                shown.matching(filter).map(|member| member.value.clone()).collect()
            }
        };
        let (named, ignored) = members::resolve(conn, tenant, &values)?;
        effects.ignored += ignored;
        match change {
            MemberChange::Add(_) => {
                users.extend(&named);
                all_named.extend(named);
            }
            MemberChange::Replace(_) => {
                users = named.iter().copied().collect();
                all_named.extend(named);
            }
            MemberChange::Remove(_) | MemberChange::RemoveMatching(_) => {
                users.retain(|user| !named.contains(user));
            }
        }
        if changes.iter().any(|change| matches!(change, MemberChange::RemoveMatching(_))) {
            shown.members = members::of_users(conn, tenant, &users)?;
        }
    }
    all_named.retain(|user| users.contains(user));
    Ok((users, all_named))
}

/// Removes the uid from all links. The members lose the access that it gave them.
pub fn delete(
    conn: &mut Conn,
    tenant: &Tenant,
    id: &str,
    precondition: impl FnOnce(&Group) -> ::scim::Result<()>,
    now: NaiveDateTime,
) -> Result<(Group, GroupEffects)> {
    write(conn, tenant, |conn| {
        let group = links::find(conn, tenant, id, false)?.ok_or(Refusal::GroupNotFound)?;
        precondition(&group)?;
        let uid = group.id.as_str();
        let users = members::user_ids(conn, uid)?;
        let mut effects = GroupEffects { removed: users.len(), ..GroupEffects::default() };
        effects.gitlab_groups = group_ids(&links::of_group(conn, uid)?);
        let groups = effects.gitlab_groups.clone();
        gitlab_memberships::sync(conn, &users, &groups, now, &mut effects, |conn| {
            let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
            sql.push("UPDATE saml_group_links SET scim_group_uid = NULL, updated_at = ").timestamp(now);
            sql.push(" WHERE scim_group_uid = ").uuid(uid);
            Write(sql).execute(conn)?;
            members::remove_all(conn, uid)
        })?;
        delete_record(conn, uid)?;
        Ok((group, effects))
    })
}

/// Removes a user from all SCIM groups, if the database has them.
pub(in super::super) fn leave_all(
    conn: &mut Conn,
    user_id: i64,
    now: NaiveDateTime,
    effects: &mut Effects,
) -> Result<()> {
    if !are_available(conn)? {
        return Ok(());
    }
    let links = links::load(conn, |sql| {
        sql.push(
            "l.scim_group_uid IN (SELECT m.scim_group_uid FROM scim_group_memberships m WHERE m.user_id = ",
        );
        sql.number(user_id).push(")");
    })?;
    let mut group_effects = GroupEffects::default();
    gitlab_memberships::sync(conn, &[user_id], &group_ids(&links), now, &mut group_effects, |conn| {
        members::remove_user(conn, user_id)
    })?;
    effects.reauthorize.extend(group_effects.effects.reauthorize);
    Ok(())
}

//! Synchronises the memberships of GitLab groups with the SCIM groups that are linked to them.
use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Date, Integer, Nullable};
use domain::Role;
use domain::synced_membership::{Grant, Membership, MembershipAction as Action, decide};

use super::super::sql::Sql;
use super::super::{Result, scim_statement};
use super::{CHUNK_SIZE, GroupEffects, authorizations, id_list};
use crate::Conn;
use crate::memberships::conditions::valid_membership;
use crate::memberships::owners;
use crate::schema::users;
use crate::users::is_active_person;

scim_statement!(Targets, (BigInt, BigInt, Integer, Nullable<BigInt>));
scim_statement!(Memberships, (BigInt, BigInt, Integer, Nullable<BigInt>, Nullable<Date>));
scim_statement!(Write, BigInt);

/// A user and a GitLab group.
type Pair = (i64, i64);

/// Runs a change of links or members, and updates the memberships of these users in these GitLab groups.
/// Returns the number of users whose memberships changed.
pub(super) fn sync(
    conn: &mut Conn,
    users: &[i64],
    gitlab_groups: &[i64],
    now: NaiveDateTime,
    effects: &mut GroupEffects,
    change: impl FnOnce(&mut Conn) -> Result<()>,
) -> Result<usize> {
    let before = targets(conn, users, gitlab_groups)?;
    change(conn)?;
    let after = targets(conn, users, gitlab_groups)?;
    let current = memberships(conn, users, gitlab_groups, now.date())?;
    let remembered = remembered(conn, users, gitlab_groups)?;
    let mut plan: BTreeMap<Pair, Action> = BTreeMap::new();
    for user in users {
        for group in gitlab_groups {
            let pair = (*user, *group);
            let target = after.get(&pair).copied();
            let action =
                decide(current.get(&pair), before.contains_key(&pair), target, remembered.get(&pair));
            if action != Action::Leave {
                plan.insert(pair, action);
            }
        }
    }
    keep_last_owners(conn, &mut plan, &current, &remembered, now.date(), effects)?;
    let changed: BTreeSet<i64> = plan.keys().map(|(user, _)| *user).collect();
    apply(conn, plan, now)?;
    let changed: Vec<i64> = changed.into_iter().collect();
    authorizations::follow(conn, &changed, now, &mut effects.effects)?;
    Ok(changed.len())
}

fn sql(conn: &Conn, text: String) -> Sql {
    let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
    sql.is_common = false;
    sql.push(text);
    sql
}

/// Returns the roles that the links grant: for each GitLab group, the highest role from the user's SCIM
/// groups.
fn targets(conn: &mut Conn, users: &[i64], groups: &[i64]) -> Result<HashMap<Pair, Grant>> {
    let mut targets: HashMap<Pair, Grant> = HashMap::new();
    for chunk in users.chunks(CHUNK_SIZE) {
        let statement = sql(
            conn,
            format!(
                "SELECT m.user_id, l.group_id, CAST(l.access_level AS integer), l.member_role_id \
                 FROM scim_group_memberships m JOIN saml_group_links l ON l.scim_group_uid = m.scim_group_uid \
                 WHERE m.user_id IN {} AND l.group_id IN {} ORDER BY l.access_level, l.id DESC",
                id_list(chunk),
                id_list(groups)
            ),
        );
        let rows: Vec<(i64, i64, i32, Option<i64>)> = Targets(statement).load(conn)?;
        for (user, group, level, member_role_id) in rows {
            // The last row has the highest role.
            targets.insert((user, group), Grant { role: Role(level), member_role_id });
        }
    }
    Ok(targets)
}

/// Returns the valid direct memberships.
fn memberships(
    conn: &mut Conn,
    users: &[i64],
    groups: &[i64],
    today: NaiveDate,
) -> Result<HashMap<Pair, Membership>> {
    let mut memberships = HashMap::new();
    for chunk in users.chunks(CHUNK_SIZE) {
        let statement = sql(
            conn,
            format!(
                "SELECT user_id, source_id, access_level, member_role_id, expires_at FROM members \
                 WHERE source_type = 'Namespace' AND source_id IN {} AND user_id IN {} AND {}",
                id_list(groups),
                id_list(chunk),
                format_args!(valid_membership!("members", "'{today}'"), today = today)
            ),
        );
        memberships.extend(load_memberships(conn, statement)?);
    }
    Ok(memberships)
}

/// Returns the memberships that existed before a SCIM group changed them.
fn remembered(conn: &mut Conn, users: &[i64], groups: &[i64]) -> Result<HashMap<Pair, Membership>> {
    let mut memberships = HashMap::new();
    for chunk in users.chunks(CHUNK_SIZE) {
        let statement = sql(
            conn,
            format!(
                "SELECT user_id, namespace_id, CAST(access_level AS integer), member_role_id, expires_at \
                 FROM scim_api_prior_members WHERE namespace_id IN {} AND user_id IN {}",
                id_list(groups),
                id_list(chunk)
            ),
        );
        memberships.extend(load_memberships(conn, statement)?);
    }
    Ok(memberships)
}

/// User, group, access level, custom role and date of expiry.
type MembershipRow = (i64, i64, i32, Option<i64>, Option<NaiveDate>);

fn load_memberships(conn: &mut Conn, statement: Sql) -> Result<Vec<(Pair, Membership)>> {
    let rows: Vec<MembershipRow> = Memberships(statement).load(conn)?;
    let membership = |(user, group, level, member_role_id, expires_on)| {
        ((user, group), Membership { grant: Grant { role: Role(level), member_role_id }, expires_on })
    };
    Ok(rows.into_iter().map(membership).collect())
}

/// Keeps an owner in each GitLab group. Of the owners who count and would lose that role, the one with the lowest
/// id keeps it.
fn keep_last_owners(
    conn: &mut Conn,
    plan: &mut BTreeMap<Pair, Action>,
    current: &HashMap<Pair, Membership>,
    remembered: &HashMap<Pair, Membership>,
    today: NaiveDate,
    effects: &mut GroupEffects,
) -> Result<()> {
    let role_after = |pair: &Pair, action: &Action| match action {
        Action::Insert(grant) | Action::Remember(grant) | Action::Change(grant) => grant.role,
        Action::Restore => remembered.get(pair).map_or(Role::NONE, |kept| kept.grant.role),
        Action::Leave | Action::Remove => Role::NONE,
    };
    let is_owner_now = |pair: &Pair| current.get(pair).is_some_and(|now| now.grant.role >= Role::OWNER);
    let mut losing: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    let mut gaining: Vec<Pair> = Vec::new();
    for (pair, action) in &*plan {
        match (is_owner_now(pair), role_after(pair, action) >= Role::OWNER) {
            (true, false) => _ = losing.entry(pair.1).or_default().insert(pair.0),
            (false, true) => gaining.push(*pair),
            _ => {}
        }
    }
    if losing.is_empty() {
        return Ok(());
    }
    let groups: Vec<i64> = losing.keys().copied().collect();
    let owners = owners::of_groups(conn, &groups, today)?;
    let gaining_users: Vec<i64> = gaining.iter().map(|(user, _)| *user).collect();
    let people =
        users::table.filter(users::id.eq_any(gaining_users)).filter(is_active_person()).select(users::id);
    let people: Vec<i64> = people.load(conn)?;
    for (group, losing) in losing {
        let counting = owners.iter().filter(|owner| owner.counts && owner.group_id == group);
        let (leaving, staying): (Vec<i64>, Vec<i64>) =
            counting.map(|owner| owner.user_id).partition(|user| losing.contains(user));
        let has_new_owner = gaining.iter().any(|(user, to)| *to == group && people.contains(user));
        if let (true, false, Some(user)) = (staying.is_empty(), has_new_owner, leaving.into_iter().min()) {
            let member_role_id = current.get(&(user, group)).and_then(|now| now.grant.member_role_id);
            plan.insert((user, group), Action::Change(Grant { role: Role::OWNER, member_role_id }));
            effects.kept_owners.push((group, user));
        }
    }
    Ok(())
}

fn apply(conn: &mut Conn, plan: BTreeMap<Pair, Action>, now: NaiveDateTime) -> Result<()> {
    let mut batches: BTreeMap<(i64, Action), Vec<i64>> = BTreeMap::new();
    for ((user, group), action) in plan {
        batches.entry((group, action)).or_default().push(user);
    }
    for ((group, action), users) in batches {
        for chunk in users.chunks(CHUNK_SIZE) {
            apply_batch(conn, group, action, &id_list(chunk), now)?;
        }
    }
    Ok(())
}

fn apply_batch(conn: &mut Conn, group: i64, action: Action, users: &str, now: NaiveDateTime) -> Result<()> {
    let membership = format!("source_type = 'Namespace' AND source_id = {group} AND user_id IN {users}");
    let forget =
        format!("DELETE FROM scim_api_prior_members WHERE namespace_id = {group} AND user_id IN {users}");
    match action {
        Action::Leave => {}
        Action::Insert(grant) => {
            execute(conn, forget)?;
            // There may be an access request, an invitation or an expired membership.
            execute(conn, format!("DELETE FROM members WHERE {membership}"))?;
            insert(conn, group, grant, users, now)?;
        }
        Action::Remember(grant) => {
            execute(conn, forget)?;
            execute(
                conn,
                format!(
                    "INSERT INTO scim_api_prior_members (user_id, namespace_id, access_level, member_role_id, expires_at) \
                     SELECT user_id, source_id, access_level, member_role_id, expires_at FROM members WHERE {membership}"
                ),
            )?;
            change(conn, &membership, grant, now)?;
        }
        Action::Change(grant) => change(conn, &membership, grant, now)?,
        Action::Restore => {
            let kept = |column: &str| {
                format!(
                    "(SELECT p.{column} FROM scim_api_prior_members p \
                     WHERE p.user_id = members.user_id AND p.namespace_id = members.source_id)"
                )
            };
            let mut statement = sql(
                conn,
                format!(
                    "UPDATE members SET access_level = {}, member_role_id = {}, expires_at = {}, updated_at = ",
                    kept("access_level"),
                    kept("member_role_id"),
                    kept("expires_at")
                ),
            );
            statement.timestamp(now).push(format!(" WHERE {membership}"));
            Write(statement).execute(conn)?;
            execute(conn, forget)?;
        }
        Action::Remove => execute(conn, format!("DELETE FROM members WHERE {membership}"))?,
    }
    Ok(())
}

fn execute(conn: &mut Conn, text: String) -> Result<()> {
    Write(sql(conn, text)).execute(conn)?;
    Ok(())
}

fn nullable(id: Option<i64>) -> String {
    id.map_or_else(|| "NULL".to_owned(), |id| id.to_string())
}

fn insert(conn: &mut Conn, group: i64, grant: Grant, users: &str, now: NaiveDateTime) -> Result<()> {
    /// `members.notification_level`: the user's global setting.
    const GLOBAL: i32 = 3;
    let mut statement = sql(
        conn,
        format!(
            "INSERT INTO members (user_id, access_level, member_role_id, source_id, source_type, member_namespace_id, \
             type, notification_level, created_at, updated_at) SELECT id, {}, {}, {group}, 'Namespace', {group}, \
             'GroupMember', {GLOBAL}, ",
            grant.role.0,
            nullable(grant.member_role_id)
        ),
    );
    statement.timestamp(now).push(", ").timestamp(now);
    statement.push(format!(" FROM users WHERE id IN {users}"));
    Write(statement).execute(conn)?;
    Ok(())
}

/// Changes a role. A role that an identity provider grants does not expire.
fn change(conn: &mut Conn, membership: &str, grant: Grant, now: NaiveDateTime) -> Result<()> {
    let mut statement = sql(
        conn,
        format!(
            "UPDATE members SET access_level = {}, member_role_id = {}, expires_at = NULL, updated_at = ",
            grant.role.0,
            nullable(grant.member_role_id)
        ),
    );
    statement.timestamp(now).push(format!(" WHERE {membership}"));
    Write(statement).execute(conn)?;
    Ok(())
}

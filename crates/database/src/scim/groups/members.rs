//! The members of SCIM groups: rows of `scim_group_memberships`.
use std::collections::HashMap;

use ::scim::Group;
use ::scim::group::Member;
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::super::sql::{self, Sql};
use super::super::{Result, Tenant, fold, scim_statement};
use super::{CHUNK_SIZE, id_list};
use crate::Conn;

scim_statement!(Members, (Text, Text, Nullable<Text>));
scim_statement!(Resolved, (BigInt, Text, Text));
scim_statement!(UserIds, BigInt);
scim_statement!(Write, BigInt);

/// Appends `FROM` with the visible identities `i` of the instance, their users `u` and records `r`.
fn push_visible(sql: &mut Sql, tenant: &Tenant) {
    sql.push(
        " scim_identities i JOIN users u ON u.id = i.user_id \
         LEFT JOIN scim_api_records r ON r.scope = 0 AND r.identity_id = i.id AND r.user_id = i.user_id ",
    );
    sql.push(if tenant.deleted_visible {
        "WHERE i.group_id IS NULL"
    } else {
        "WHERE i.group_id IS NULL AND (r.deleted_at IS NULL OR COALESCE(i.active, false))"
    });
}

/// Loads the members of groups, ordered by their identities.
pub(super) fn fill(conn: &mut Conn, tenant: &Tenant, groups: &mut [Group]) -> Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
    sql.is_common = false;
    sql.push("SELECT CAST(m.scim_group_uid AS text), ").push(sql::id_column(tenant)).push(", ");
    sql.push(sql::column(::scim::attribute::TextAttribute::Formatted, tenant));
    sql.push(" FROM scim_group_memberships m CROSS JOIN");
    push_visible(&mut sql, tenant);
    sql.push(" AND m.user_id = i.user_id AND m.scim_group_uid IN (");
    for (index, group) in groups.iter().enumerate() {
        sql.push(if index == 0 { "" } else { ", " }).uuid(&group.id);
    }
    sql.push(") ORDER BY i.id");
    let rows: Vec<(String, String, Option<String>)> = Members(sql).load(conn)?;
    let mut members: HashMap<String, Vec<Member>> = HashMap::new();
    for (uid, value, display) in rows {
        members.entry(uid).or_default().push(Member { value, display });
    }
    for group in groups {
        group.members = members.remove(&group.id).unwrap_or_default();
    }
    Ok(())
}

/// Returns these users as members, ordered by their identities.
pub(super) fn of_users(
    conn: &mut Conn,
    tenant: &Tenant,
    users: &std::collections::BTreeSet<i64>,
) -> Result<Vec<Member>> {
    let users: Vec<i64> = users.iter().copied().collect();
    let mut members = Vec::new();
    for chunk in users.chunks(CHUNK_SIZE) {
        let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
        sql.is_common = false;
        sql.push("SELECT '', ").push(sql::id_column(tenant)).push(", ");
        sql.push(sql::column(::scim::attribute::TextAttribute::Formatted, tenant)).push(" FROM");
        push_visible(&mut sql, tenant);
        sql.push(format!(" AND i.user_id IN {} ORDER BY i.id", id_list(chunk)));
        let rows: Vec<(String, String, Option<String>)> = Members(sql).load(conn)?;
        members.extend(rows.into_iter().map(|(_, value, display)| Member { value, display }));
    }
    Ok(members)
}

/// Finds the users of member values: by id, else by external id. Also returns the number of values without a
/// user.
pub(super) fn resolve(conn: &mut Conn, tenant: &Tenant, values: &[String]) -> Result<(Vec<i64>, usize)> {
    let mut values: Vec<&String> = values.iter().collect();
    values.sort_unstable();
    values.dedup();
    let (mut users, mut ignored) = (Vec::new(), 0);
    for chunk in values.chunks(CHUNK_SIZE) {
        let mut by_id = HashMap::new();
        let mut by_external_id = HashMap::new();
        for (user_id, id, external_id) in candidates(conn, tenant, chunk)? {
            by_id.insert(::scim::fold(&id), user_id);
            by_external_id.insert(::scim::fold(&external_id), user_id);
        }
        for value in chunk {
            let value = ::scim::fold(value);
            match by_id.get(&value).or_else(|| by_external_id.get(&value)) {
                Some(user_id) => users.push(*user_id),
                None => ignored += 1,
            }
        }
    }
    users.sort_unstable();
    users.dedup();
    Ok((users, ignored))
}

fn candidates(conn: &mut Conn, tenant: &Tenant, values: &[&String]) -> Result<Vec<(i64, String, String)>> {
    let is_postgresql = matches!(conn, Conn::Postgresql(_));
    let function = fold::function(is_postgresql, values.iter().all(|value| value.is_ascii()));
    let mut sql = Sql::new(is_postgresql);
    sql.is_common = false;
    sql.push("SELECT i.user_id, ").push(sql::id_column(tenant)).push(", i.extern_uid FROM");
    push_visible(&mut sql, tenant);
    let push_values = |sql: &mut Sql, column: &'static str| {
        sql.push(function).push("(").push(column).push(") IN (");
        for (index, value) in values.iter().enumerate() {
            sql.push(if index == 0 { "" } else { ", " });
            sql.push(function).push("(").text(value.as_str()).push(")");
        }
        sql.push(")");
    };
    // UNION is computed once. With UNION ALL, PostgreSQL searches both tables again for each identity as long as it
    // has no statistics, for example after an import.
    sql.push(" AND i.user_id IN (SELECT x.user_id FROM scim_api_records x WHERE x.scope = 0 AND ");
    push_values(&mut sql, "x.scim_id");
    sql.push(" UNION SELECT x.user_id FROM scim_identities x WHERE x.group_id IS NULL AND ");
    push_values(&mut sql, "x.extern_uid");
    sql.push(")");
    Ok(Resolved(sql).load(conn)?)
}

/// The ids of all members of a group, visible or not.
pub(super) fn user_ids(conn: &mut Conn, uid: &str) -> Result<Vec<i64>> {
    let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
    sql.push("SELECT user_id FROM scim_group_memberships WHERE scim_group_uid = ").uuid(uid);
    sql.push(" ORDER BY user_id");
    Ok(UserIds(sql).load(conn)?)
}

/// Adds users to a group.
pub(super) fn insert(conn: &mut Conn, uid: &str, users: &[i64], now: NaiveDateTime) -> Result<()> {
    for chunk in users.chunks(CHUNK_SIZE) {
        let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
        sql.is_common = false;
        sql.push("INSERT INTO scim_group_memberships (user_id, scim_group_uid, created_at, updated_at) SELECT id, ");
        sql.uuid(uid).push(", ").timestamp(now).push(", ").timestamp(now);
        sql.push(format!(" FROM users WHERE id IN {} ON CONFLICT DO NOTHING", id_list(chunk)));
        Write(sql).execute(conn)?;
    }
    Ok(())
}

/// Removes users from a group.
pub(super) fn remove(conn: &mut Conn, uid: &str, users: &[i64]) -> Result<()> {
    for chunk in users.chunks(CHUNK_SIZE) {
        let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
        sql.is_common = false;
        sql.push("DELETE FROM scim_group_memberships WHERE scim_group_uid = ").uuid(uid);
        sql.push(format!(" AND user_id IN {}", id_list(chunk)));
        Write(sql).execute(conn)?;
    }
    Ok(())
}

/// Removes all members of a group.
pub(super) fn remove_all(conn: &mut Conn, uid: &str) -> Result<()> {
    let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
    sql.push("DELETE FROM scim_group_memberships WHERE scim_group_uid = ").uuid(uid);
    Write(sql).execute(conn)?;
    Ok(())
}

/// Removes a user from all groups.
pub(super) fn remove_user(conn: &mut Conn, user_id: i64) -> Result<()> {
    let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
    sql.push("DELETE FROM scim_group_memberships WHERE user_id = ").number(user_id);
    Write(sql).execute(conn)?;
    Ok(())
}

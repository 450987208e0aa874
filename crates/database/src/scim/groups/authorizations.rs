//! `project_authorizations` of many users at once, by the rules of [`crate::memberships::recompute`].
use std::collections::{BTreeMap, HashSet};

use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};

use super::super::sql::Sql;
use super::super::{Effects, Result, scim_statement};
use super::{CHUNK_SIZE, id_list};
use crate::memberships::conditions::{effective_membership, unexpired};
use crate::{Conn, is_owned_by_rails};

scim_statement!(Authorizations, (BigInt, BigInt, Integer));
scim_statement!(Write, BigInt);

/// User, project and access level.
type Authorization = (i64, i64, i32);

/// Updates the authorizations after a change of memberships. If the tables belong to a GitLab, its jobs do that.
pub(super) fn follow(
    conn: &mut Conn,
    users: &[i64],
    now: NaiveDateTime,
    effects: &mut Effects,
) -> Result<()> {
    if users.is_empty() {
        return Ok(());
    }
    if is_owned_by_rails(conn)? {
        effects.reauthorize.extend_from_slice(users);
        return Ok(());
    }
    for chunk in users.chunks(CHUNK_SIZE) {
        recompute(conn, chunk, now.date())?;
    }
    Ok(())
}

fn recompute(conn: &mut Conn, users: &[i64], today: NaiveDate) -> Result<()> {
    let ids = id_list(users);
    let wanted: HashSet<Authorization> = load(conn, effective(&ids, today))?.into_iter().collect();
    let current = format!(
        "SELECT user_id, project_id, CAST(access_level AS integer) FROM project_authorizations WHERE user_id IN {ids}"
    );
    let current: HashSet<Authorization> = load(conn, current)?.into_iter().collect();
    for ((project_id, level), users) in by_project(current.difference(&wanted)) {
        execute(
            conn,
            format!(
                "DELETE FROM project_authorizations WHERE project_id = {project_id} AND access_level = {level} \
                 AND user_id IN {}",
                id_list(&users)
            ),
        )?;
    }
    for ((project_id, level), users) in by_project(wanted.difference(&current)) {
        execute(
            conn,
            format!(
                "INSERT INTO project_authorizations (user_id, project_id, access_level, is_unique) \
                 SELECT id, {project_id}, {level}, true FROM users WHERE id IN {}",
                id_list(&users)
            ),
        )?;
    }
    Ok(())
}

fn by_project<'a>(rows: impl Iterator<Item = &'a Authorization>) -> BTreeMap<(i64, i32), Vec<i64>> {
    let mut projects: BTreeMap<(i64, i32), Vec<i64>> = BTreeMap::new();
    for (user_id, project_id, level) in rows {
        projects.entry((*project_id, *level)).or_default().push(*user_id);
    }
    projects
}

fn load(conn: &mut Conn, text: String) -> Result<Vec<Authorization>> {
    let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
    sql.is_common = false;
    sql.push(text);
    Ok(Authorizations(sql).load(conn)?)
}

fn execute(conn: &mut Conn, text: String) -> Result<()> {
    let mut sql = Sql::new(matches!(conn, Conn::Postgresql(_)));
    sql.is_common = false;
    sql.push(text);
    Write(sql).execute(conn)?;
    Ok(())
}

/// The query for roles that follow from memberships, group hierarchies and invitations of groups. Expired
/// ones are ignored. A user can have a role in a subgroup through its parent and through a membership in it; the
/// highest role wins.
fn effective(ids: &str, today: NaiveDate) -> String {
    let effective = format!(effective_membership!("members", "'{today}'"), today = today);
    let unexpired = format!(unexpired!("l", "'{today}'"), today = today);
    format!(
        "WITH RECURSIVE mine AS (\
         SELECT user_id, source_id AS group_id, access_level FROM members \
          WHERE type = 'GroupMember' AND source_type = 'Namespace' AND user_id IN {ids} AND {effective}), \
         start AS (SELECT user_id, group_id, access_level FROM mine UNION \
         SELECT m.user_id, l.shared_group_id, \
                CASE WHEN m.access_level < l.group_access THEN m.access_level ELSE l.group_access END \
           FROM group_group_links l JOIN mine m ON m.group_id = l.shared_with_group_id WHERE {unexpired}), \
         reach (user_id, group_id, access_level) AS (\
         SELECT user_id, group_id, CAST(access_level AS integer) FROM start UNION \
         SELECT r.user_id, n.id, r.access_level \
           FROM reach r JOIN namespaces n ON n.parent_id = r.group_id AND n.type = 'Group') \
         SELECT user_id, project_id, CAST(max(access_level) AS integer) FROM (\
         SELECT user_id, source_id AS project_id, access_level FROM members \
          WHERE type = 'ProjectMember' AND source_type = 'Project' AND user_id IN {ids} AND {effective} \
         UNION ALL SELECT n.owner_id, p.id, 50 FROM projects p JOIN namespaces n ON n.id = p.namespace_id \
          WHERE n.type = 'User' AND n.owner_id IN {ids} \
         UNION ALL SELECT r.user_id, p.id, r.access_level FROM reach r \
           JOIN projects p ON p.namespace_id = r.group_id \
         UNION ALL SELECT r.user_id, l.project_id, \
                CASE WHEN r.access_level < l.group_access THEN r.access_level ELSE l.group_access END \
           FROM reach r JOIN project_group_links l ON l.group_id = r.group_id \
           JOIN projects p ON p.id = l.project_id \
           JOIN namespaces n ON n.id = p.namespace_id AND COALESCE(n.share_with_group_lock, false) = false \
          WHERE {unexpired}) AS x GROUP BY user_id, project_id"
    )
}

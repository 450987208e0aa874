//! Memberships of groups and projects, and the derived `project_authorizations`.
//!
//! `conditions` says which memberships count, and `owners` which owner a group cannot lose.
//! In a database of our own, this crate maintains the effective roles: every change of a membership calls
//! [`recompute`] in the same transaction. A real GitLab maintains its own.
pub(crate) mod conditions;
pub(crate) mod owners;

use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Date, Integer, Nullable};

use self::conditions::{effective_membership, unexpired};
use crate::schema::{members, project_authorizations as authorizations, projects, users};
use crate::sql::statement::query;
use crate::{Conn, MultiBackend, Result};
use domain::Role;

/// The group or project of a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Group(i64),
    Project(i64),
}

/// Adds a member or changes the member's role. Call this inside [`Conn::write`].
pub fn grant(conn: &mut Conn, user_id: i64, source: Source, role: Role, now: NaiveDateTime) -> Result<()> {
    put(conn, user_id, source, role, now)?;
    recompute(conn, user_id, now.date())
}

/// Writes only the membership. The caller updates the authorizations.
pub(crate) fn put(
    conn: &mut Conn,
    user_id: i64,
    source: Source,
    role: Role,
    now: NaiveDateTime,
) -> Result<()> {
    let (kind, source_type, source_id, namespace_id) = match source {
        Source::Group(id) => ("GroupMember", "Namespace", id, id),
        Source::Project(id) => {
            let namespace = projects::table.find(id).select(projects::project_namespace_id).first(conn)?;
            ("ProjectMember", "Project", id, namespace)
        }
    };
    let same = members::table
        .filter(members::user_id.eq(user_id))
        .filter(members::source_type.eq(source_type))
        .filter(members::source_id.eq(source_id));
    let changed = diesel::update(same)
        .set((members::access_level.eq(role.0), members::updated_at.eq(now)))
        .execute(conn)?;
    if changed == 0 {
        diesel::insert_into(members::table)
            .values((
                members::access_level.eq(role.0),
                members::source_id.eq(source_id),
                members::source_type.eq(source_type),
                members::user_id.eq(user_id),
                // 3: the user's global setting
                members::notification_level.eq(3),
                members::type_.eq(kind),
                members::member_namespace_id.eq(namespace_id),
                members::created_at.eq(now),
                members::updated_at.eq(now),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// Updates a user's project authorizations. Call this inside [`Conn::write`].
pub fn recompute(conn: &mut Conn, user_id: i64, today: NaiveDate) -> Result<()> {
    let wanted: Vec<(i64, i32)> = Effective { user_id, today }.load(conn)?;
    let of_user = authorizations::table.filter(authorizations::user_id.eq(user_id));
    let current: Vec<(i64, i32)> =
        of_user.select((authorizations::project_id, authorizations::access_level)).load(conn)?;
    for (project_id, level) in current.iter().filter(|row| !wanted.contains(row)) {
        diesel::delete(of_user)
            .filter(authorizations::project_id.eq(project_id))
            .filter(authorizations::access_level.eq(level))
            .execute(conn)?;
    }
    // A later release may drop this column.
    let has_is_unique = conn.catalogue()?.has("project_authorizations", "is_unique");
    for (project_id, level) in wanted.iter().filter(|row| !current.contains(row)) {
        diesel::insert_into(authorizations::table)
            .values((
                authorizations::user_id.eq(user_id),
                authorizations::project_id.eq(project_id),
                authorizations::access_level.eq(level),
                has_is_unique.then_some(authorizations::is_unique.eq(true)),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// Recomputes the authorizations of every user, which removes expired ones. One transaction per user.
pub fn recompute_all(conn: &mut Conn, today: NaiveDate) -> Result<usize> {
    let users = all_users(conn)?;
    for user_id in &users {
        conn.write(|conn| recompute(conn, *user_id, today))?;
    }
    Ok(users.len())
}

/// The ids of all users.
pub(crate) fn all_users(conn: &mut Conn) -> Result<Vec<i64>> {
    Ok(users::table.select(users::id).order(users::id).load(conn)?)
}

/// Returns a user's role in a group, by the same rules as [`recompute`]. One statement.
pub fn role_in_group(conn: &mut Conn, user_id: i64, group_id: i64, today: NaiveDate) -> Result<Role> {
    let level: Option<i32> = InGroup { person: Effective { user_id, today }, group_id }.get_result(conn)?;
    Ok(level.map_or(Role::NONE, Role))
}

/// Selects the roles that follow from memberships, group hierarchies and invitations of groups. Expired ones
/// are ignored.
struct Effective {
    user_id: i64,
    today: NaiveDate,
}

/// The user's effective memberships.
const EFFECTIVE: &str = concat!(
    "members.user_id = (SELECT user_id FROM asked) AND ",
    effective_membership!("members", "(SELECT today FROM asked)")
);
/// The links that have not expired.
const UNEXPIRED: &str = unexpired!("l", "(SELECT today FROM asked)");

impl Effective {
    /// Begins a statement that finds what a user can access. `reach` contains groups and the role in each;
    /// `asked` contains the user and the date.
    fn push_reach<'b>(&'b self, out: &mut AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("WITH RECURSIVE asked AS (SELECT ");
        out.push_bind_param::<BigInt, _>(&self.user_id)?;
        out.push_sql(" AS user_id, ");
        out.push_bind_param::<Date, _>(&self.today)?;
        out.push_sql(
            " AS today), mine AS (\
             SELECT source_id AS group_id, access_level FROM members \
              WHERE type = 'GroupMember' AND source_type = 'Namespace' AND ",
        );
        out.push_sql(EFFECTIVE);
        // Two branches cannot both refer to `reach`, so groups that others are shared with come first.
        out.push_sql(
            "), start AS (SELECT group_id, access_level FROM mine UNION \
             SELECT l.shared_group_id, \
                    CASE WHEN m.access_level < l.group_access THEN m.access_level ELSE l.group_access END \
               FROM group_group_links l JOIN mine m ON m.group_id = l.shared_with_group_id WHERE ",
        );
        out.push_sql(UNEXPIRED);
        out.push_sql(
            "), reach (group_id, access_level) AS (\
             SELECT group_id, CAST(access_level AS integer) FROM start UNION \
             SELECT n.id, CASE WHEN m.access_level > r.access_level THEN m.access_level ELSE r.access_level END \
               FROM reach r JOIN namespaces n ON n.parent_id = r.group_id AND n.type = 'Group' \
               LEFT JOIN mine m ON m.group_id = n.id) ",
        );
        Ok(())
    }
}

impl QueryFragment<MultiBackend> for Effective {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        self.push_reach(&mut out)?;
        out.push_sql(
            "SELECT project_id, max(access_level) FROM (\
             SELECT source_id AS project_id, access_level FROM members \
              WHERE type = 'ProjectMember' AND source_type = 'Project' AND ",
        );
        out.push_sql(EFFECTIVE);
        out.push_sql(
            " UNION ALL SELECT p.id, 50 FROM projects p JOIN namespaces n ON n.id = p.namespace_id \
              WHERE n.type = 'User' AND n.owner_id = (SELECT user_id FROM asked) \
             UNION ALL SELECT p.id, r.access_level FROM reach r JOIN projects p ON p.namespace_id = r.group_id \
             UNION ALL SELECT l.project_id, \
                    CASE WHEN r.access_level < l.group_access THEN r.access_level ELSE l.group_access END \
               FROM reach r JOIN project_group_links l ON l.group_id = r.group_id \
               JOIN projects p ON p.id = l.project_id \
               JOIN namespaces n ON n.id = p.namespace_id AND COALESCE(n.share_with_group_lock, false) = false WHERE ",
        );
        out.push_sql(UNEXPIRED);
        out.push_sql(") AS x GROUP BY project_id");
        Ok(())
    }
}

query!(static Effective, (BigInt, Integer));

/// Selects a user's role in one group.
struct InGroup {
    person: Effective,
    group_id: i64,
}

impl QueryFragment<MultiBackend> for InGroup {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        self.person.push_reach(&mut out)?;
        out.push_sql("SELECT max(access_level) FROM reach WHERE group_id = ");
        out.push_bind_param::<BigInt, _>(&self.group_id)?;
        Ok(())
    }
}

query!(static InGroup, Nullable<Integer>);

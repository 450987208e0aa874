//! Projects.
use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use domain::Role;
use domain::user::{State, User, UserType};

use super::lies_at_or_below;
use crate::memberships::conditions::is_valid;
use crate::namespaces::NamespaceId;
use crate::projects::{self, NewProject};
use crate::schema::{members, namespaces, projects as project_table, routes, shards, users};
use crate::sql::equals_lower;
use crate::{Conn, Result};

/// A project, for lists.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct ProjectRow {
    pub id: i64,
    pub name: Option<String>,
    pub full_path: String,
    pub visibility_level: i32,
    pub storage: String,
    pub namespace_id: i64,
    pub archived: bool,
}

/// Creates a project. Its creator is an owner of the namespace or of a group above it, otherwise the first
/// administrator. Returns `None` if the path is taken, or if there is neither an owner nor an administrator.
pub fn create_project(conn: &mut Conn, new: &NewProject<'_>, now: NaiveDateTime) -> Result<Option<i64>> {
    let Some(creator) = find_creator(conn, new.namespace_id, now.date())? else { return Ok(None) };
    conn.write(|conn| ensure_shard(conn, new.storage))?;
    projects::create(conn, &creator, new, now)
}

/// Creates the row of a storage unless it exists.
fn ensure_shard(conn: &mut Conn, name: &str) -> Result<()> {
    let known = shards::table.filter(shards::name.eq(name)).select(shards::id);
    if known.first::<i64>(conn).optional()?.is_none() {
        diesel::insert_into(shards::table).values(shards::name.eq(name)).execute(conn)?;
    }
    Ok(())
}

/// The user who becomes the creator of the operator's project, with the rights of an administrator.
fn find_creator(conn: &mut Conn, namespace_id: i64, today: NaiveDate) -> Result<Option<User>> {
    let administrators = users::table.filter(users::admin.eq(true)).order(users::id).select(users::id);
    let owner = find_owner(conn, namespace_id, today)?;
    let id = owner.map_or_else(|| administrators.first(conn).optional(), |owner| Ok(Some(owner)))?;
    let Some(id) = id else { return Ok(None) };
    let username: Option<String> = users::table.find(id).select(users::username).first(conn)?;
    Ok(Some(User {
        id,
        username: username.unwrap_or_default(),
        admin: true,
        external: false,
        state: State::Active,
        user_type: UserType::HUMAN,
        confirmed: true,
        accepted_term_id: None,
        password_expires_at: None,
        password_managed_elsewhere: true,
        locked_at: None,
    }))
}

/// The owner of a personal namespace, or the first owner of the nearest group that has one.
fn find_owner(conn: &mut Conn, namespace_id: i64, today: NaiveDate) -> Result<Option<i64>> {
    let mut next = Some(namespace_id);
    while let Some(id) = next {
        let (owner, parent): (Option<i64>, Option<i64>) =
            namespaces::table.find(id).select((namespaces::owner_id, namespaces::parent_id)).first(conn)?;
        let member: Option<Option<i64>> = members::table
            .filter(members::source_type.eq("Namespace"))
            .filter(members::source_id.eq(id))
            .filter(members::access_level.eq(Role::OWNER.0))
            .filter(is_valid(today))
            .order(members::id)
            .select(members::user_id)
            .first(conn)
            .optional()?;
        if let Some(owner) = owner.or(member.flatten()) {
            return Ok(Some(owner));
        }
        next = parent;
    }
    Ok(None)
}

/// The id of a group or personal namespace.
pub fn find_namespace(conn: &mut Conn, full_path: &str, now: NaiveDateTime) -> Result<Option<i64>> {
    let id = NamespaceId::Path(full_path.to_owned());
    let found = crate::namespaces::find(conn, &id, None, now.date())?;
    Ok(found.map(|found| found.facts.namespace.id))
}

type Columns = (
    project_table::id,
    project_table::name,
    routes::path,
    project_table::visibility_level,
    project_table::repository_storage,
    project_table::namespace_id,
    project_table::archived,
);

const COLUMNS: Columns = (
    project_table::id,
    project_table::name,
    routes::path,
    project_table::visibility_level,
    project_table::repository_storage,
    project_table::namespace_id,
    project_table::archived,
);

/// Finds a project by its full path, ignoring case.
pub fn find_project(conn: &mut Conn, full_path: &str) -> Result<Option<ProjectRow>> {
    Ok(project_table::table
        .inner_join(routes::table.on(routes::source_id.eq(project_table::id)))
        .filter(routes::source_type.eq("Project"))
        .filter(equals_lower!("routes.path", full_path))
        .select(COLUMNS)
        .first(conn)
        .optional()?)
}

/// Lists projects by full path. `group` lists those in a group and below it.
pub fn list_projects(conn: &mut Conn, search: Option<&str>, group: Option<&str>) -> Result<Vec<ProjectRow>> {
    let rows: Vec<ProjectRow> = project_table::table
        .inner_join(routes::table.on(routes::source_id.eq(project_table::id)))
        .filter(routes::source_type.eq("Project"))
        .order(routes::path)
        .select(COLUMNS)
        .load(conn)?;
    let search = search.map(str::to_lowercase);
    let is_listed = |row: &ProjectRow| {
        let path = row.full_path.to_lowercase();
        let matches = search.as_deref().is_none_or(|text| path.contains(text));
        matches && group.is_none_or(|group| lies_at_or_below(&path, group))
    };
    Ok(rows.into_iter().filter(is_listed).collect())
}

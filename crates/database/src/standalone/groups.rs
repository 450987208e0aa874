//! Groups.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use domain::namespace_path::NamespacePath;
use domain::{Error as DomainError, Role, Visibility};

use super::lies_at_or_below;
use crate::memberships::{self, Source};
use crate::namespaces::create::{self, NewNamespace, is_path_taken};
use crate::organizations::{self, DEFAULT_ORGANIZATION};
use crate::schema::{namespaces, routes};
use crate::sql::equals_lower;
use crate::{Conn, Result};

/// A group to create.
#[derive(Debug, Clone)]
pub struct NewGroup<'a> {
    pub parent: Option<&'a GroupRow>,
    pub path: &'a NamespacePath,
    pub name: &'a str,
    pub visibility: Visibility,
    pub owner_id: Option<i64>,
}

/// A group, for lists.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct GroupRow {
    pub id: i64,
    pub name: String,
    pub full_path: String,
    pub full_name: Option<String>,
    pub parent_id: Option<i64>,
    pub visibility_level: i32,
}

/// Creates a group below its parent, with its first owner.
pub fn create_group(conn: &mut Conn, new: &NewGroup<'_>, now: NaiveDateTime) -> Result<i64> {
    let below = |parent: Option<&str>, separator: &str, own: &str| {
        parent.map_or_else(|| own.to_owned(), |parent| format!("{parent}{separator}{own}"))
    };
    let full_path = below(new.parent.map(|parent| parent.full_path.as_str()), "/", new.path.as_str());
    let parent_name = new.parent.map(|parent| parent.full_name.as_deref().unwrap_or(&parent.name));
    let full_name = below(parent_name, " / ", new.name);
    conn.write(|conn| {
        organizations::ensure_default(conn, now)?;
        if is_path_taken(conn, &full_path)? {
            return Err(DomainError::Taken("path").into());
        }
        let namespace = NewNamespace {
            kind: "Group",
            name: new.name,
            path: new.path.as_str(),
            full_path: &full_path,
            full_name: &full_name,
            owner_id: None,
            parent_id: new.parent.map(|parent| parent.id),
            organization_id: DEFAULT_ORGANIZATION,
            visibility_level: new.visibility.level(),
        };
        let id = create::insert(conn, &namespace, now)?;
        if let Some(owner_id) = new.owner_id {
            memberships::grant(conn, owner_id, Source::Group(id), Role::OWNER, now)?;
        }
        Ok(id)
    })
}

type Columns = (
    namespaces::id,
    namespaces::name,
    routes::path,
    routes::name,
    namespaces::parent_id,
    namespaces::visibility_level,
);

const COLUMNS: Columns = (
    namespaces::id,
    namespaces::name,
    routes::path,
    routes::name,
    namespaces::parent_id,
    namespaces::visibility_level,
);

/// Finds a group by its full path, ignoring case.
pub fn find_group(conn: &mut Conn, full_path: &str) -> Result<Option<GroupRow>> {
    Ok(namespaces::table
        .inner_join(routes::table.on(routes::source_id.eq(namespaces::id)))
        .filter(routes::source_type.eq("Namespace"))
        .filter(namespaces::type_.eq("Group"))
        .filter(equals_lower!("routes.path", full_path))
        .select(COLUMNS)
        .first(conn)
        .optional()?)
}

/// Lists groups by full path. `below` is a group, which is listed with its subgroups.
pub fn list_groups(conn: &mut Conn, search: Option<&str>, below: Option<&str>) -> Result<Vec<GroupRow>> {
    let rows: Vec<GroupRow> = namespaces::table
        .inner_join(routes::table.on(routes::source_id.eq(namespaces::id)))
        .filter(routes::source_type.eq("Namespace"))
        .filter(namespaces::type_.eq("Group"))
        .order(routes::path)
        .select(COLUMNS)
        .load(conn)?;
    let search = search.map(str::to_lowercase);
    let is_listed = |row: &GroupRow| {
        let path = row.full_path.to_lowercase();
        let matches = search
            .as_deref()
            .is_none_or(|text| path.contains(text) || row.name.to_lowercase().contains(text));
        matches && below.is_none_or(|group| lies_at_or_below(&path, group))
    };
    Ok(rows.into_iter().filter(is_listed).collect())
}

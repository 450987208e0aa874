//! Creates groups and personal namespaces with all their rows.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::schema::{
    namespace_details as details, namespace_settings as settings, redirect_routes, routes, users,
};
use crate::sql::optional_columns::{self, Values};
use crate::sql::{Upsert, equals_lower};
use crate::{Conn, Result};

/// A group or personal namespace to insert.
#[derive(Debug)]
pub(crate) struct NewNamespace<'a> {
    /// `Group` or `User`.
    pub kind: &'static str,
    pub name: &'a str,
    pub path: &'a str,
    pub full_path: &'a str,
    pub full_name: &'a str,
    pub owner_id: Option<i64>,
    pub parent_id: Option<i64>,
    pub organization_id: i64,
    pub visibility_level: i32,
}

/// Inserts a namespace with its settings, details and route. Returns its id.
pub(crate) fn insert(conn: &mut Conn, new: &NewNamespace<'_>, now: NaiveDateTime) -> Result<i64> {
    let mut namespace: Values = vec![
        ("name", new.name.into()),
        ("path", new.path.into()),
        ("type", new.kind.into()),
        ("visibility_level", new.visibility_level.into()),
        ("organization_id", new.organization_id.into()),
        ("created_at", now.into()),
        ("updated_at", now.into()),
    ];
    namespace.extend(new.owner_id.map(|id| ("owner_id", id.into())));
    namespace.extend(new.parent_id.map(|id| ("parent_id", id.into())));
    let id = optional_columns::insert(conn, "namespaces", namespace)?;
    set_traversal_ids(conn, id)?;
    diesel::insert_into(settings::table)
        .values((settings::namespace_id.eq(id), settings::created_at.eq(now), settings::updated_at.eq(now)))
        .execute(conn)?;
    insert_details(conn, id, now)?;
    diesel::insert_into(routes::table)
        .values((
            routes::source_id.eq(id),
            routes::source_type.eq("Namespace"),
            routes::path.eq(new.full_path),
            routes::name.eq(new.full_name),
            routes::namespace_id.eq(id),
            routes::created_at.eq(now),
            routes::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(id)
}

/// Inserts the row of `namespace_details`, unless a trigger of GitLab has inserted it: for projects always,
/// for other namespaces until GitLab 18.8.
pub(crate) fn insert_details(conn: &mut Conn, namespace_id: i64, now: NaiveDateTime) -> Result<()> {
    let insert = diesel::insert_into(details::table).values((
        details::namespace_id.eq(namespace_id),
        details::created_at.eq(now),
        details::updated_at.eq(now),
    ));
    Upsert { insert, target: &[details::namespace_id::NAME], set: &[] }.execute(conn)?;
    Ok(())
}

/// Sets the ids from the root down to the namespace itself. The databases aggregate lists differently.
pub(crate) fn set_traversal_ids(conn: &mut Conn, id: i64) -> Result<()> {
    const UP: &str = "WITH RECURSIVE up AS (SELECT id, parent_id, 0 AS depth FROM namespaces WHERE id = $1 \
        UNION ALL SELECT n.id, n.parent_id, up.depth + 1 FROM up JOIN namespaces n ON n.id = up.parent_id)";
    match conn {
        Conn::Postgresql(pg) => {
            let list = "SELECT array_agg(id ORDER BY depth DESC) FROM up";
            diesel::sql_query(format!("UPDATE namespaces SET traversal_ids = ({UP} {list}) WHERE id = $1"))
                .bind::<BigInt, _>(id)
                .execute(pg)?
        }
        Conn::Sqlite(sqlite) => {
            let list = "SELECT json_group_array(id) FROM (SELECT id FROM up ORDER BY depth DESC)";
            diesel::sql_query(format!("UPDATE namespaces SET traversal_ids = ({UP} {list}) WHERE id = $1"))
                .bind::<BigInt, _>(id)
                .execute(sqlite)?
        }
    };
    Ok(())
}

/// Whether a namespace or project has this full path, ignoring case.
pub(crate) fn has_route(conn: &mut Conn, full_path: &str) -> Result<bool> {
    let route = routes::table.filter(equals_lower!("path", full_path)).select(routes::id);
    Ok(route.first::<i64>(conn).optional()?.is_some())
}

/// Whether a user or group cannot have this full path: a namespace, project or user has it, or had it before a
/// rename.
pub(crate) fn is_path_taken(conn: &mut Conn, full_path: &str) -> Result<bool> {
    let redirect =
        redirect_routes::table.filter(equals_lower!("path", full_path)).select(redirect_routes::id);
    let user = users::table.filter(equals_lower!("username", full_path)).select(users::id);
    Ok(has_route(conn, full_path)?
        || redirect.first::<i64>(conn).optional()?.is_some()
        || user.first::<i64>(conn).optional()?.is_some())
}

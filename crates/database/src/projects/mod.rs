//! Making projects.
mod authorizations;

use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use crate::memberships::{self, Source};
use crate::namespaces::{self, FoundNamespace, NamespaceId};
use crate::schema::{
    namespaces as namespace_table, project_features, project_repositories, project_settings,
    project_statistics, projects, routes, shards,
};
use crate::{Conn, Result, outbox};
use domain::namespace::{Kind, ProjectPath};
use domain::user::User;
use domain::{Role, hashed_path};

const PRIVATE: i32 = 0;
/// `storage_version`: hashed paths, attachments too.
const HASHED: i16 = 2;
/// Level of a feature: whoever sees the project, and members only.
const ENABLED: i32 = 20;
const MEMBERS: i32 = 10;

/// Where the repository of a new project lies, and who makes it.
#[derive(Debug)]
pub struct NewRepository {
    pub storage: String,
    /// It is to be made once the project is there: until [`repository_is_made`], [`awaits_repository`].
    pub awaited: bool,
}

/// Topic of the outbox, for repositories that are not there yet.
const AWAITED: &str = "create_repository";

/// Makes a private project with all that belongs to it, and gives its id; `None` where the path is taken meanwhile, or
/// the user may not make one any more. One transaction, in which nobody but the database is waited for.
pub fn create(
    conn: &mut Conn,
    user: &User,
    namespace_id: i64,
    path: &ProjectPath,
    repository: &NewRepository,
    now: NaiveDateTime,
) -> Result<Option<i64>> {
    conn.write(|conn| {
        lock(conn, namespace_id)?;
        let id = NamespaceId::Id(namespace_id);
        let Some(FoundNamespace { facts, .. }) = namespaces::find(conn, &id, Some(user.id), now.date())?
        else {
            return Ok(None);
        };
        let full_path = format!("{}/{}", facts.namespace.full_path, path.as_str());
        if !facts.may_create_projects(user) || is_taken(conn, &full_path)? {
            return Ok(None);
        }
        let project_id = insert(conn, user, namespace_id, path, &repository.storage, now)?;
        insert_parts(conn, project_id, (namespace_id, facts.namespace.root.id), now)?;
        insert_route(conn, project_id, namespace_id, (&full_path, path), now)?;
        insert_repository(conn, project_id, &repository.storage)?;
        if let Kind::Personal { owner_id: Some(owner) } = facts.namespace.kind {
            memberships::put(conn, owner, Source::Project(project_id), Role::OWNER, now)?;
        }
        authorizations::authorize(conn, project_id, now.date())?;
        if repository.awaited {
            outbox::put(conn, AWAITED, &awaited(project_id), None, now)?;
        }
        Ok(Some(project_id))
    })
}

/// Whether the project was made without its repository, which nobody has made since. One statement.
pub fn awaits_repository(conn: &mut Conn, project_id: i64) -> Result<bool> {
    outbox::contains(conn, AWAITED, &awaited(project_id))
}

/// Notes that the repository is there; `false` where somebody else has done so. One statement.
pub fn repository_is_made(conn: &mut Conn, project_id: i64) -> Result<bool> {
    outbox::remove(conn, AWAITED, &awaited(project_id))
}

fn awaited(project_id: i64) -> String {
    format!(r#"{{"project_id":{project_id}}}"#)
}

/// One after the other makes a project in a namespace. On SQLite the transaction is the only writer anyway.
fn lock(conn: &mut Conn, namespace_id: i64) -> Result<()> {
    if let Conn::Postgresql(pg) = conn {
        sql::<BigInt>("SELECT id FROM namespaces WHERE id = ")
            .bind::<BigInt, _>(namespace_id)
            .sql(" FOR NO KEY UPDATE")
            .get_result::<i64>(pg)
            .optional()?;
    }
    Ok(())
}

fn is_taken(conn: &mut Conn, full_path: &str) -> Result<bool> {
    let same = sql::<Bool>("lower(path) = lower(").bind::<Text, _>(full_path).sql(")");
    Ok(routes::table.filter(same).select(routes::id).first::<i64>(conn).optional()?.is_some())
}

/// The project and its twin, the namespace that holds its work items.
fn insert(
    conn: &mut Conn,
    user: &User,
    namespace_id: i64,
    path: &ProjectPath,
    storage: &str,
    now: NaiveDateTime,
) -> Result<i64> {
    use namespace_table as twin;
    let organization_id: i64 = twin::table.find(namespace_id).select(twin::organization_id).first(conn)?;
    let twin_id: i64 = diesel::insert_into(twin::table)
        .values((
            twin::name.eq(path.as_str()),
            twin::path.eq(path.as_str()),
            twin::type_.eq("Project"),
            twin::parent_id.eq(namespace_id),
            twin::visibility_level.eq(PRIVATE),
            twin::organization_id.eq(organization_id),
            twin::created_at.eq(now),
            twin::updated_at.eq(now),
        ))
        .returning(twin::id)
        .get_result(conn)?;
    set_traversal_ids(conn, twin_id)?;
    Ok(diesel::insert_into(projects::table)
        .values((
            projects::name.eq(path.as_str()),
            projects::path.eq(path.as_str()),
            projects::namespace_id.eq(namespace_id),
            projects::project_namespace_id.eq(twin_id),
            projects::organization_id.eq(organization_id),
            projects::creator_id.eq(user.id),
            projects::visibility_level.eq(PRIVATE),
            projects::repository_storage.eq(storage),
            projects::storage_version.eq(HASHED),
            projects::last_activity_at.eq(now),
            projects::created_at.eq(now),
            projects::updated_at.eq(now),
        ))
        .returning(projects::id)
        .get_result(conn)?)
}

/// The ids from the top down to the namespace itself. The databases build a list each in its own way.
fn set_traversal_ids(conn: &mut Conn, id: i64) -> Result<()> {
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

/// What a project has one row of: features, settings, statistics.
fn insert_parts(
    conn: &mut Conn,
    project_id: i64,
    (namespace_id, root_id): (i64, i64),
    now: NaiveDateTime,
) -> Result<()> {
    diesel::insert_into(project_features::table)
        .values((
            project_features::project_id.eq(project_id),
            project_features::merge_requests_access_level.eq(ENABLED),
            project_features::issues_access_level.eq(ENABLED),
            project_features::wiki_access_level.eq(ENABLED),
            project_features::snippets_access_level.eq(ENABLED),
            project_features::builds_access_level.eq(ENABLED),
            project_features::repository_access_level.eq(ENABLED),
            project_features::forking_access_level.eq(ENABLED),
            project_features::pages_access_level.eq(MEMBERS),
            project_features::created_at.eq(now),
            project_features::updated_at.eq(now),
        ))
        .execute(conn)?;
    diesel::insert_into(project_settings::table)
        .values((
            project_settings::project_id.eq(project_id),
            project_settings::created_at.eq(now),
            project_settings::updated_at.eq(now),
        ))
        .execute(conn)?;
    diesel::insert_into(project_statistics::table)
        .values((
            project_statistics::project_id.eq(project_id),
            project_statistics::namespace_id.eq(namespace_id),
            project_statistics::root_namespace_id.eq(root_id),
            project_statistics::created_at.eq(now),
            project_statistics::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// A project has one route; its twin has none of its own.
fn insert_route(
    conn: &mut Conn,
    project_id: i64,
    namespace_id: i64,
    (full_path, path): (&str, &ProjectPath),
    now: NaiveDateTime,
) -> Result<()> {
    let twin_id: i64 = projects::table.find(project_id).select(projects::project_namespace_id).first(conn)?;
    let above: Option<String> = routes::table
        .filter(routes::source_type.eq("Namespace"))
        .filter(routes::source_id.eq(namespace_id))
        .select(routes::name)
        .first(conn)?;
    diesel::insert_into(routes::table)
        .values((
            routes::source_id.eq(project_id),
            routes::source_type.eq("Project"),
            routes::path.eq(full_path),
            routes::name.eq(above.map(|above| format!("{above} / {}", path.as_str()))),
            routes::namespace_id.eq(twin_id),
            routes::created_at.eq(now),
            routes::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// Where it lies on disk, as GitLab notes it for storages that it knows.
fn insert_repository(conn: &mut Conn, project_id: i64, storage: &str) -> Result<()> {
    let shard = shards::table.filter(shards::name.eq(storage)).select(shards::id);
    if let Some(shard_id) = shard.first::<i64>(conn).optional()? {
        diesel::insert_into(project_repositories::table)
            .values((
                project_repositories::shard_id.eq(shard_id),
                project_repositories::disk_path.eq(hashed_path("@hashed", project_id)),
                project_repositories::project_id.eq(project_id),
            ))
            .execute(conn)?;
    }
    Ok(())
}

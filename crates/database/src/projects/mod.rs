//! Creation of projects.
mod authorizations;

use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::memberships::{self, Source};
use crate::namespaces::create::{has_route, insert_details, set_traversal_ids};
use crate::namespaces::{self, FoundNamespace, NamespaceId};
use crate::schema::{namespaces as namespace_table, project_repositories, projects, routes, shards};
use crate::sql::optional_columns;
use crate::{Conn, Result, outbox, settings};
use domain::namespace::{Kind, ProjectPath};
use domain::user::User;
use domain::{Role, Visibility, hashed_path};

/// `storage_version`: hashed paths, also for attachments.
const HASHED: i64 = 2;
/// Access levels of features: everyone who can see the project, and members only.
const ENABLED: i64 = 20;
const MEMBERS_ONLY: i64 = 10;
const ENABLED_FEATURES: [&str; 17] = [
    "issues_access_level",
    "merge_requests_access_level",
    "builds_access_level",
    "wiki_access_level",
    "snippets_access_level",
    "repository_access_level",
    "forking_access_level",
    "analytics_access_level",
    "operations_access_level",
    "monitor_access_level",
    "infrastructure_access_level",
    "feature_flags_access_level",
    "environments_access_level",
    "model_experiments_access_level",
    "model_registry_access_level",
    "package_registry_access_level",
    "container_registry_access_level",
];
const MEMBERS_ONLY_FEATURES: [&str; 3] =
    ["pages_access_level", "metrics_dashboard_access_level", "security_and_compliance_access_level"];
/// `project_ci_cd_settings.default_git_depth`: the number of commits that a CI job fetches.
const DEFAULT_GIT_DEPTH: i64 = 20;

/// A project to create.
#[derive(Debug)]
pub struct NewProject<'a> {
    pub namespace_id: i64,
    pub path: &'a ProjectPath,
    pub name: &'a str,
    pub visibility: Visibility,
    /// The storage of the repository.
    pub storage: &'a str,
    /// Whether the repository is created after the project. [`awaits_repository`] is then true until
    /// [`repository_is_made`].
    pub awaits_repository: bool,
}

/// The outbox topic for repositories that have not been created yet.
const AWAITED: &str = "create_repository";

/// Creates a project with all its rows and returns its id. Returns `None` if the path has been taken
/// or the user may no longer create one. One transaction, which waits only for the database.
pub fn create(conn: &mut Conn, user: &User, new: &NewProject<'_>, now: NaiveDateTime) -> Result<Option<i64>> {
    let namespace_id = new.namespace_id;
    conn.write(|conn| {
        lock(conn, namespace_id)?;
        let id = NamespaceId::Id(namespace_id);
        let Some(FoundNamespace { facts, .. }) = namespaces::find(conn, &id, Some(user.id), now.date())?
        else {
            return Ok(None);
        };
        let full_path = format!("{}/{}", facts.namespace.full_path, new.path.as_str());
        if !facts.may_create_projects(user) || has_route(conn, &full_path)? {
            return Ok(None);
        }
        let project_id = insert(conn, user, new, now)?;
        insert_companions(conn, project_id, (namespace_id, facts.namespace.root.id), now)?;
        insert_route(conn, project_id, new, &full_path, now)?;
        insert_repository(conn, project_id, new.storage)?;
        if let Kind::Personal { owner_id: Some(owner) } = facts.namespace.kind {
            memberships::put(conn, owner, Source::Project(project_id), Role::OWNER, now)?;
        }
        authorizations::authorize(conn, project_id, now.date())?;
        if new.awaits_repository {
            outbox::put(conn, AWAITED, &awaited(project_id), None, now)?;
        }
        Ok(Some(project_id))
    })
}

/// Whether the project has been created but its repository has not. One statement.
pub fn awaits_repository(conn: &mut Conn, project_id: i64) -> Result<bool> {
    outbox::contains(conn, AWAITED, &awaited(project_id))
}

/// Records that the repository was created. Returns false if that was already recorded. One statement.
pub fn repository_is_made(conn: &mut Conn, project_id: i64) -> Result<bool> {
    outbox::remove(conn, AWAITED, &awaited(project_id))
}

fn awaited(project_id: i64) -> String {
    format!(r#"{{"project_id":{project_id}}}"#)
}

/// Locks the namespace, so that projects are created one at a time. SQLite has only one writer anyway.
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

/// Inserts the project and its own namespace, which contains its work items.
fn insert(conn: &mut Conn, user: &User, new: &NewProject<'_>, now: NaiveDateTime) -> Result<i64> {
    let (namespace_id, path) = (new.namespace_id, new.path.as_str());
    let organization_id: i64 =
        namespace_table::table.find(namespace_id).select(namespace_table::organization_id).first(conn)?;
    let defaults = ProjectDefaults::load(conn, namespace_id)?;
    let own_namespace: optional_columns::Values = vec![
        ("name", new.name.into()),
        ("path", path.into()),
        ("type", "Project".into()),
        ("parent_id", namespace_id.into()),
        ("visibility_level", new.visibility.level().into()),
        ("shared_runners_enabled", defaults.shared_runners.into()),
        ("organization_id", organization_id.into()),
        ("created_at", now.into()),
        ("updated_at", now.into()),
    ];
    let own_namespace_id = optional_columns::insert(conn, "namespaces", own_namespace)?;
    set_traversal_ids(conn, own_namespace_id)?;
    insert_details(conn, own_namespace_id, now)?;
    let mut project: optional_columns::Values = vec![
        ("name", new.name.into()),
        ("path", path.into()),
        ("namespace_id", namespace_id.into()),
        ("project_namespace_id", own_namespace_id.into()),
        ("organization_id", organization_id.into()),
        ("creator_id", user.id.into()),
        ("visibility_level", new.visibility.level().into()),
        ("repository_storage", new.storage.into()),
        ("storage_version", HASHED.into()),
        ("packages_enabled", true.into()),
        ("archived", false.into()),
        ("resolve_outdated_diff_discussions", false.into()),
        ("shared_runners_enabled", defaults.shared_runners.into()),
        ("only_allow_merge_if_all_discussions_are_resolved", false.into()),
        ("remove_source_branch_after_merge", true.into()),
        ("autoclose_referenced_issues", true.into()),
        ("last_activity_at", now.into()),
        ("last_repository_updated_at", now.into()),
        ("created_at", now.into()),
        ("updated_at", now.into()),
    ];
    project.extend(defaults.ci_config_path.map(|path| ("ci_config_path", path.as_str().into())));
    optional_columns::insert(conn, "projects", project)
}

/// The defaults for new projects from the instance and the namespace.
struct ProjectDefaults {
    shared_runners: bool,
    ci_config_path: Option<String>,
}

impl ProjectDefaults {
    fn load(conn: &mut Conn, namespace_id: i64) -> Result<Self> {
        let is_off =
            |value: Option<String>| value.is_some_and(|value| matches!(value.as_str(), "false" | "f" | "0"));
        let by_instance = settings::optional_text(conn, "shared_runners_enabled")?;
        let by_namespace = optional_columns::text(
            conn,
            "namespaces",
            "shared_runners_enabled",
            &format!("id = {namespace_id}"),
        )?;
        let ci_config_path = settings::optional_text(conn, "default_ci_config_path")?;
        Ok(Self {
            shared_runners: !is_off(by_instance) && !is_off(by_namespace),
            ci_config_path: ci_config_path.filter(|path| !path.is_empty()),
        })
    }
}

/// Inserts the rows that GitLab's model creates with a project. The last three tables exist only in a GitLab
/// database.
fn insert_companions(
    conn: &mut Conn,
    project_id: i64,
    (namespace_id, root_id): (i64, i64),
    now: NaiveDateTime,
) -> Result<()> {
    let timestamps = [("created_at", now.into()), ("updated_at", now.into())];
    let with_timestamps =
        |values: optional_columns::Values| values.into_iter().chain(timestamps.clone()).collect();
    let project = ("project_id", optional_columns::Value::from(project_id));
    let enabled = ENABLED_FEATURES.iter().map(|feature| (*feature, ENABLED.into()));
    let for_members = MEMBERS_ONLY_FEATURES.iter().map(|feature| (*feature, MEMBERS_ONLY.into()));
    let features = std::iter::once(project.clone()).chain(enabled).chain(for_members).collect();
    optional_columns::insert_if_table_exists(conn, "project_features", with_timestamps(features))?;
    optional_columns::insert_if_table_exists(
        conn,
        "project_settings",
        with_timestamps(vec![project.clone()]),
    )?;
    let statistics =
        vec![project.clone(), ("namespace_id", namespace_id.into()), ("root_namespace_id", root_id.into())];
    optional_columns::insert_if_table_exists(conn, "project_statistics", with_timestamps(statistics))?;
    let ci_cd_settings = vec![
        project.clone(),
        ("default_git_depth", DEFAULT_GIT_DEPTH.into()),
        ("forward_deployment_enabled", true.into()),
        ("separated_caches", true.into()),
    ];
    optional_columns::insert_if_table_exists(conn, "project_ci_cd_settings", ci_cd_settings)?;
    optional_columns::insert_if_table_exists(
        conn,
        "container_expiration_policies",
        with_timestamps(vec![project.clone()]),
    )?;
    optional_columns::insert_if_table_exists(conn, "project_pages_metadata", vec![project])
}

/// Inserts the route of the project. Its own namespace has no route.
fn insert_route(
    conn: &mut Conn,
    project_id: i64,
    new: &NewProject<'_>,
    full_path: &str,
    now: NaiveDateTime,
) -> Result<()> {
    let own_namespace_id: i64 =
        projects::table.find(project_id).select(projects::project_namespace_id).first(conn)?;
    let above: Option<String> = routes::table
        .filter(routes::source_type.eq("Namespace"))
        .filter(routes::source_id.eq(new.namespace_id))
        .select(routes::name)
        .first(conn)?;
    diesel::insert_into(routes::table)
        .values((
            routes::source_id.eq(project_id),
            routes::source_type.eq("Project"),
            routes::path.eq(full_path),
            routes::name.eq(above.map(|above| format!("{above} / {}", new.name))),
            routes::namespace_id.eq(own_namespace_id),
            routes::created_at.eq(now),
            routes::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

/// Inserts the copy of the disk path that GitLab keeps for its known storages.
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

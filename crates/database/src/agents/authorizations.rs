//! The access that an agent's configuration grants, as rows of projects and groups.
use std::collections::{BTreeMap, BTreeSet, HashMap};

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Nullable, Text};
use domain::agents::configuration::{AgentConfiguration, Grants};
use domain::json::Json;
use serde_json::Value;

use crate::schema::{agent_organization_authorizations as organizations, cluster_agents};
use crate::sql::casts;
use crate::sql::statement::{StatementRow, query, statement};
use crate::{Conn, MultiBackend, Result};

/// A table of grants: each row is one project or one group.
#[derive(Debug, Clone, Copy)]
struct Table {
    name: &'static str,
    entity: &'static str,
    is_of_groups: bool,
}

const CI_PROJECTS: Table =
    Table { name: "agent_project_authorizations", entity: "project_id", is_of_groups: false };
const CI_GROUPS: Table = Table { name: "agent_group_authorizations", entity: "group_id", is_of_groups: true };
const USER_PROJECTS: Table =
    Table { name: "agent_user_access_project_authorizations", entity: "project_id", is_of_groups: false };
const USER_GROUPS: Table =
    Table { name: "agent_user_access_group_authorizations", entity: "group_id", is_of_groups: true };

/// The approximate number of bytes of configuration in one statement.
const CHUNK_BYTES: usize = 1024 * 1024;

/// The full paths of all grants of an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrantedPaths {
    pub ci_projects: BTreeSet<String>,
    pub ci_groups: BTreeSet<String>,
    pub ci_instance: bool,
    pub user_projects: BTreeSet<String>,
    pub user_groups: BTreeSet<String>,
}

/// The result of [`refresh`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationOutcome {
    pub project_id: i64,
    pub project_path: Option<String>,
    pub before: GrantedPaths,
    pub after: GrantedPaths,
    pub changes: RowChanges,
}

/// The numbers of rows that a refresh has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowChanges {
    pub added: usize,
    pub updated: usize,
    pub removed: usize,
}

impl RowChanges {
    /// Whether any row changed.
    pub fn is_any(self) -> bool {
        self != Self::default()
    }

    fn add(&mut self, other: Self) {
        self.added += other.added;
        self.updated += other.updated;
        self.removed += other.removed;
    }
}

/// Replaces an agent's rows with those of its configuration. Rows that stay the same are not written. Returns
/// `None` if the agent does not exist.
pub fn refresh(
    conn: &mut Conn,
    agent_id: i64,
    configuration: &AgentConfiguration,
) -> Result<Option<AuthorizationOutcome>> {
    conn.write(|conn| {
        let Some(project_id) = lock(conn, agent_id)? else { return Ok(None) };
        let whole_organization = is_organization_wide(conn)?;
        let home: Home = HomeOf { project_id }.get_result(conn)?;
        let (mut before, mut after) = (GrantedPaths::default(), GrantedPaths::default());
        let mut changes = RowChanges::default();
        for (table, grants, old_paths, new_paths) in [
            (CI_PROJECTS, &configuration.ci_projects, &mut before.ci_projects, &mut after.ci_projects),
            (CI_GROUPS, &configuration.ci_groups, &mut before.ci_groups, &mut after.ci_groups),
            (
                USER_PROJECTS,
                &configuration.user_projects,
                &mut before.user_projects,
                &mut after.user_projects,
            ),
            (USER_GROUPS, &configuration.user_groups, &mut before.user_groups, &mut after.user_groups),
        ] {
            let wanted = resolve(conn, table, grants, &home, whole_organization)?;
            *new_paths = wanted.values().map(|grant| grant.path.clone()).collect();
            changes.add(replace(conn, table, agent_id, &wanted, old_paths)?);
        }
        let instance = configuration.ci_instance.as_deref().filter(|_| whole_organization);
        after.ci_instance = instance.is_some();
        let (existed, change) = replace_instance(conn, agent_id, home.organization_id, instance)?;
        before.ci_instance = existed;
        changes.add(change);
        Ok(Some(AuthorizationOutcome { project_id, project_path: home.project_path, before, after, changes }))
    })
}

/// Locks the agent's row and returns the id of its project. On SQLite the transaction is the only writer.
fn lock(conn: &mut Conn, agent_id: i64) -> Result<Option<i64>> {
    let row = cluster_agents::table.find(agent_id).select(cluster_agents::project_id);
    let project_id = match conn {
        Conn::Postgresql(pg) => row.for_no_key_update().first(pg),
        Conn::Sqlite(sqlite) => row.first(sqlite),
    };
    Ok(project_id.optional()?)
}

/// Whether the instance lets agents grant access to their whole organization.
fn is_organization_wide(conn: &mut Conn) -> Result<bool> {
    let catalogue = conn.catalogue()?;
    let column = catalogue.column_or("application_settings", "cluster_agents", "NULL");
    let settings =
        crate::settings::latest().select(sql::<Nullable<Text>>(&format!("CAST({column} AS text)")));
    let text: Option<Option<String>> = settings.first(conn).optional()?;
    let settings: Value =
        text.flatten().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    Ok(settings["organization_cluster_agent_authorization_enabled"] == true)
}

statement! {
    /// The root namespace of the agent's project. Unless the whole organization may get access, only groups and
    /// projects below it may.
    struct Home {
        root_path: Text = "lower(r.path)",
        root_type: Text = "n.type",
        organization_id: BigInt = "p.organization_id",
        project_path: Nullable<Text> =
            "(SELECT path FROM routes WHERE source_type = 'Project' AND source_id = p.id)",
    }
}

struct HomeOf {
    project_id: i64,
}

impl QueryFragment<MultiBackend> for HomeOf {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("WITH RECURSIVE up AS (SELECT n.id, n.parent_id FROM projects p JOIN namespaces n ON n.id = p.namespace_id WHERE p.id = ");
        out.push_bind_param::<BigInt, _>(&self.project_id)?;
        out.push_sql(
            " UNION ALL SELECT n.id, n.parent_id FROM up JOIN namespaces n ON n.id = up.parent_id) \
             SELECT ",
        );
        Home::select(&mut out);
        out.push_sql(
            " FROM up \
             JOIN namespaces n ON n.id = up.id AND n.parent_id IS NULL \
             JOIN routes r ON r.source_type = 'Namespace' AND r.source_id = n.id \
             JOIN projects p ON p.id = ",
        );
        out.push_bind_param::<BigInt, _>(&self.project_id)?;
        Ok(())
    }
}

query!(static HomeOf, row Home);

/// A grant to an existing project or group.
struct Grant<'a> {
    path: String,
    config: &'a str,
}

/// The projects or groups with these paths that may get access, by id.
fn resolve<'a>(
    conn: &mut Conn,
    table: Table,
    grants: &'a Grants,
    home: &Home,
    whole_organization: bool,
) -> Result<BTreeMap<i64, Grant<'a>>> {
    let below = format!("{}/", home.root_path);
    let is_below = |path: &str| path.starts_with(&below) || (table.is_of_groups && path == home.root_path);
    let is_personal_group = table.is_of_groups && home.root_type == "User";
    let may = |path: &str| whole_organization || (is_below(path) && !is_personal_group);
    let paths: Vec<&str> = grants.keys().map(String::as_str).filter(|path| may(path)).collect();
    if paths.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found: Vec<(String, i64, Option<i64>)> = ByPath { table, paths: &paths }.load(conn)?;
    let same =
        found.into_iter().filter(|(_, _, organization_id)| *organization_id == Some(home.organization_id));
    let grant = |(path, id, _): (String, i64, _)| {
        let config = grants.get(&domain::text::fold(&path))?;
        Some((id, Grant { path, config }))
    };
    Ok(same.filter_map(grant).collect())
}

struct ByPath<'a> {
    table: Table,
    paths: &'a [&'a str],
}

impl QueryFragment<MultiBackend> for ByPath<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        // The text depends on the number of paths.
        out.unsafe_to_cache_prepared();
        out.push_sql("SELECT r.path, e.id, e.organization_id FROM routes r JOIN ");
        out.push_sql(if self.table.is_of_groups {
            "namespaces e ON e.type = 'Group' AND r.source_type = 'Namespace'"
        } else {
            "projects e ON r.source_type = 'Project'"
        });
        out.push_sql(" AND e.id = r.source_id WHERE lower(r.path) IN (");
        for (index, path) in self.paths.iter().enumerate() {
            out.push_sql(if index == 0 { "" } else { ", " });
            out.push_bind_param::<Text, _>(path)?;
        }
        out.push_sql(")");
        Ok(())
    }
}

query!(ByPath<'_>, (Text, BigInt, Nullable<BigInt>));

/// Replaces the rows of a table, and collects the paths of the rows before.
fn replace(
    conn: &mut Conn,
    table: Table,
    agent_id: i64,
    wanted: &BTreeMap<i64, Grant<'_>>,
    old_paths: &mut BTreeSet<String>,
) -> Result<RowChanges> {
    let rows: Vec<(i64, String, Option<String>)> =
        Change { table, agent_id, statement: Statement::List }.load(conn)?;
    let mut current: HashMap<i64, Option<u64>> = HashMap::with_capacity(rows.len());
    for (id, config, path) in rows {
        current.insert(id, fingerprint(&config));
        old_paths.extend(path);
    }
    let removed: Vec<i64> = current.keys().copied().filter(|id| !wanted.contains_key(id)).collect();
    let mut changes = RowChanges { removed: removed.len(), ..RowChanges::default() };
    if !removed.is_empty() {
        Change { table, agent_id, statement: Statement::Remove(removed) }.execute(conn)?;
    }
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    for (id, grant) in wanted {
        match current.get(id) {
            None => changes.added += 1,
            Some(old) if old.is_some() && *old == fingerprint(grant.config) => continue,
            Some(_) => changes.updated += 1,
        }
        bytes += grant.config.len();
        chunk.push((*id, casts::json_text(grant.config)));
        if bytes >= CHUNK_BYTES {
            let statement = Statement::Put(std::mem::take(&mut chunk));
            Change { table, agent_id, statement }.execute(conn)?;
            bytes = 0;
        }
    }
    if !chunk.is_empty() {
        Change { table, agent_id, statement: Statement::Put(chunk) }.execute(conn)?;
    }
    Ok(changes)
}

/// Compares configurations without parsing them into values, which can take a hundred times their memory.
fn fingerprint(config: &str) -> Option<u64> {
    Json::parse(config.as_bytes()).ok().map(Json::fingerprint)
}

/// A statement about the rows of one agent in one of the tables.
struct Change {
    table: Table,
    agent_id: i64,
    statement: Statement,
}

enum Statement {
    List,
    Remove(Vec<i64>),
    Put(Vec<(i64, casts::Typed<crate::types::Jsonb>)>),
}

impl QueryFragment<MultiBackend> for Change {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        let Self { table: Table { name, entity, is_of_groups }, agent_id, statement } = self;
        if !matches!(statement, Statement::List) {
            // The text depends on the number of rows.
            out.unsafe_to_cache_prepared();
        }
        match statement {
            Statement::List => {
                let route = if *is_of_groups { "Namespace" } else { "Project" };
                for part in ["SELECT t.", entity, ", CAST(t.config AS text), r.path FROM ", name] {
                    out.push_sql(part);
                }
                for part in
                    [" t LEFT JOIN routes r ON r.source_type = '", route, "' AND r.source_id = t.", entity]
                {
                    out.push_sql(part);
                }
                out.push_sql(" WHERE t.agent_id = ");
                out.push_bind_param::<BigInt, _>(agent_id)?;
            }
            Statement::Remove(ids) => {
                for part in ["DELETE FROM ", name, " WHERE agent_id = "] {
                    out.push_sql(part);
                }
                out.push_bind_param::<BigInt, _>(agent_id)?;
                for (index, id) in ids.iter().enumerate() {
                    for part in if index == 0 { [" AND ", entity, " IN ("] } else { [", ", "", ""] } {
                        out.push_sql(part);
                    }
                    out.push_bind_param::<BigInt, _>(id)?;
                }
                out.push_sql(")");
            }
            Statement::Put(rows) => {
                for part in ["INSERT INTO ", name, " (agent_id, ", entity, ", config) VALUES "] {
                    out.push_sql(part);
                }
                for (index, (id, config)) in rows.iter().enumerate() {
                    out.push_sql(if index == 0 { "(" } else { ", (" });
                    out.push_bind_param::<BigInt, _>(agent_id)?;
                    out.push_sql(", ");
                    out.push_bind_param::<BigInt, _>(id)?;
                    out.push_sql(", ");
                    config.walk_ast(out.reborrow())?;
                    out.push_sql(")");
                }
                for part in [" ON CONFLICT (agent_id, ", entity, ") DO UPDATE SET config = excluded.config"] {
                    out.push_sql(part);
                }
            }
        }
        Ok(())
    }
}

query!(Change, (BigInt, Text, Nullable<Text>));

/// Replaces the grant to the organization. Returns whether there was one, and the changes.
fn replace_instance(
    conn: &mut Conn,
    agent_id: i64,
    organization_id: i64,
    wanted: Option<&str>,
) -> Result<(bool, RowChanges)> {
    let of_agent = organizations::table.filter(organizations::agent_id.eq(agent_id));
    let columns = (organizations::organization_id, sql::<Text>("CAST(config AS text)"));
    let current: Option<(i64, String)> = of_agent.select(columns).first(conn).optional()?;
    let unchanged = RowChanges::default();
    let changes = match (&current, wanted) {
        (None, None) => unchanged,
        (Some(_), None) => {
            diesel::delete(of_agent).execute(conn)?;
            RowChanges { removed: 1, ..unchanged }
        }
        (None, Some(config)) => {
            diesel::insert_into(organizations::table)
                .values((
                    organizations::agent_id.eq(agent_id),
                    organizations::organization_id.eq(organization_id),
                    organizations::config.eq(casts::json_text(config)),
                ))
                .execute(conn)?;
            RowChanges { added: 1, ..unchanged }
        }
        (Some((id, old)), Some(config)) => {
            let old = fingerprint(old);
            if *id == organization_id && old.is_some() && old == fingerprint(config) {
                unchanged
            } else {
                diesel::update(of_agent)
                    .set((
                        organizations::organization_id.eq(organization_id),
                        organizations::config.eq(casts::json_text(config)),
                    ))
                    .execute(conn)?;
                RowChanges { updated: 1, ..unchanged }
            }
        }
    };
    Ok((current.is_some(), changes))
}

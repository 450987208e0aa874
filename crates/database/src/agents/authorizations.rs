//! Whom an agent lets reach its cluster: what its configuration grants, as rows of projects and groups.
use std::collections::{BTreeMap, HashMap};

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Text};
use domain::agents::configuration::{AgentConfiguration, Grants};
use serde_json::Value;

use crate::schema::{agent_organization_authorizations as organizations, cluster_agents};
use crate::{Conn, MultiBackend, Result, values};

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

/// Makes an agent's rows those of its configuration; rows that stay the same are not written. Whether there is such
/// an agent.
pub fn refresh(conn: &mut Conn, agent_id: i64, configuration: &AgentConfiguration) -> Result<bool> {
    conn.write(|conn| {
        let Some(project_id) = lock(conn, agent_id)? else { return Ok(false) };
        let whole_organization = is_organization_wide(conn)?;
        let home: Home = HomeOf { project_id }.get_result(conn)?;
        for (table, grants) in [
            (CI_PROJECTS, &configuration.ci_projects),
            (CI_GROUPS, &configuration.ci_groups),
            (USER_PROJECTS, &configuration.user_projects),
            (USER_GROUPS, &configuration.user_groups),
        ] {
            let wanted = resolve(conn, table, grants, &home, whole_organization)?;
            replace(conn, table, agent_id, &wanted)?;
        }
        let instance = configuration.ci_instance.as_ref().filter(|_| whole_organization);
        replace_instance(conn, agent_id, home.organization_id, instance)?;
        Ok(true)
    })
}

/// Who changes an agent's grants holds its row. SQLite's transaction holds everything.
fn lock(conn: &mut Conn, agent_id: i64) -> Result<Option<i64>> {
    let row = cluster_agents::table.find(agent_id).select(cluster_agents::project_id);
    let project_id = match conn {
        Conn::Postgresql(pg) => row.for_no_key_update().first(pg),
        Conn::Sqlite(sqlite) => row.first(sqlite),
    };
    Ok(project_id.optional()?)
}

/// Whether an administrator lets agents grant access to their whole organization.
fn is_organization_wide(conn: &mut Conn) -> Result<bool> {
    let settings = crate::schema::application_settings::table
        .order(crate::schema::application_settings::id.desc())
        .select(sql::<Text>("CAST(cluster_agents AS text)"));
    let text: Option<String> = settings.first(conn).optional()?;
    let settings: Value = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    Ok(settings["organization_cluster_agent_authorization_enabled"] == true)
}

/// The top of where an agent's project lies: what is not below it gets nothing.
#[derive(Queryable)]
struct Home {
    root_path: String,
    root_type: String,
    organization_id: i64,
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
             SELECT lower(r.path), n.type, p.organization_id FROM up \
             JOIN namespaces n ON n.id = up.id AND n.parent_id IS NULL \
             JOIN routes r ON r.source_type = 'Namespace' AND r.source_id = n.id \
             JOIN projects p ON p.id = ",
        );
        out.push_bind_param::<BigInt, _>(&self.project_id)?;
        Ok(())
    }
}

impl QueryId for HomeOf {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for HomeOf {
    type SqlType = (Text, Text, BigInt);
}

impl<C> RunQueryDsl<C> for HomeOf {}

/// The ids behind paths, of what may be granted anything.
fn resolve<'a>(
    conn: &mut Conn,
    table: Table,
    grants: &'a Grants,
    home: &Home,
    whole_organization: bool,
) -> Result<BTreeMap<i64, &'a Value>> {
    let below = format!("{}/", home.root_path);
    let is_below = |path: &str| path.starts_with(&below) || (table.is_of_groups && path == home.root_path);
    let personal_groups = table.is_of_groups && home.root_type == "User";
    let may = |path: &str| whole_organization || (is_below(path) && !personal_groups);
    let paths: Vec<&str> = grants.keys().map(String::as_str).filter(|path| may(path)).collect();
    if paths.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found: Vec<(String, i64, Option<i64>)> = ByPath { table, paths: &paths }.load(conn)?;
    let same =
        found.into_iter().filter(|(_, _, organization_id)| *organization_id == Some(home.organization_id));
    Ok(same.filter_map(|(path, id, _)| Some((id, grants.get(&path)?))).collect())
}

struct ByPath<'a> {
    table: Table,
    paths: &'a [&'a str],
}

impl QueryFragment<MultiBackend> for ByPath<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        // As many texts as there are numbers of paths: not worth a place in the cache.
        out.unsafe_to_cache_prepared();
        out.push_sql("SELECT lower(r.path), e.id, e.organization_id FROM routes r JOIN ");
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

impl QueryId for ByPath<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for ByPath<'_> {
    type SqlType = (Text, BigInt, Nullable<BigInt>);
}

impl<C> RunQueryDsl<C> for ByPath<'_> {}

fn replace(conn: &mut Conn, table: Table, agent_id: i64, wanted: &BTreeMap<i64, &Value>) -> Result<()> {
    let rows: Vec<(i64, String)> = Change { table, agent_id, what: What::List }.load(conn)?;
    let current: HashMap<i64, Option<Value>> =
        rows.into_iter().map(|(id, config)| (id, serde_json::from_str(&config).ok())).collect();
    let gone: Vec<i64> = current.keys().copied().filter(|id| !wanted.contains_key(id)).collect();
    if !gone.is_empty() {
        Change { table, agent_id, what: What::Remove(gone) }.execute(conn)?;
    }
    let is_new = |(id, config): &(&i64, &&Value)| current.get(*id).and_then(Option::as_ref) != Some(**config);
    let new: Vec<_> = wanted.iter().filter(is_new).map(|(id, config)| (*id, values::json(config))).collect();
    if !new.is_empty() {
        Change { table, agent_id, what: What::Put(new) }.execute(conn)?;
    }
    Ok(())
}

/// A statement about the rows of one agent in one of the tables.
struct Change {
    table: Table,
    agent_id: i64,
    what: What,
}

enum What {
    List,
    Remove(Vec<i64>),
    Put(Vec<(i64, values::Typed<crate::types::Jsonb>)>),
}

impl QueryFragment<MultiBackend> for Change {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        let Self { table: Table { name, entity, .. }, agent_id, what } = self;
        if !matches!(what, What::List) {
            // As many texts as there are numbers of rows.
            out.unsafe_to_cache_prepared();
        }
        match what {
            What::List => {
                for part in ["SELECT ", entity, ", CAST(config AS text) FROM ", name, " WHERE agent_id = "] {
                    out.push_sql(part);
                }
                out.push_bind_param::<BigInt, _>(agent_id)?;
            }
            What::Remove(ids) => {
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
            What::Put(rows) => {
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

impl QueryId for Change {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Change {
    type SqlType = (BigInt, Text);
}

impl<C> RunQueryDsl<C> for Change {}

fn replace_instance(
    conn: &mut Conn,
    agent_id: i64,
    organization_id: i64,
    wanted: Option<&Value>,
) -> Result<()> {
    let of_agent = organizations::table.filter(organizations::agent_id.eq(agent_id));
    let Some(config) = wanted else {
        diesel::delete(of_agent).execute(conn)?;
        return Ok(());
    };
    let new =
        (organizations::organization_id.eq(organization_id), organizations::config.eq(values::json(config)));
    if diesel::update(of_agent).set(new.clone()).execute(conn)? == 0 {
        diesel::insert_into(organizations::table)
            .values((organizations::agent_id.eq(agent_id), new.0, new.1))
            .execute(conn)?;
    }
    Ok(())
}

//! Object pools, which store the common objects of forks, and their member repositories.
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, SmallInt, Text};

use crate::git_access::Storage;
use crate::sql::statement::{StatementRow, query, statement};
use crate::{Conn, MultiBackend, Result};
use domain::Visibility;

/// A repository that uses the objects of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The disk path of the pool, as requested.
    pub pool: String,
    /// The disk path of the repository. Both paths have no `.git`.
    pub disk_path: String,
    pub public: bool,
    /// Whether the pool was created from this repository.
    pub is_upstream: bool,
}

/// Lists the members of pools on one storage, for each pool its upstream repository first. One
/// statement.
pub fn members(
    conn: &mut Conn,
    disk_paths: &[String],
    storage: &str,
    upstream_only: bool,
) -> Result<Vec<Member>> {
    if disk_paths.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = Members { disk_paths, storage, upstream_only }.load(conn)?;
    Ok(rows.into_iter().map(Member::from).collect())
}

statement! {
    struct Row {
        pool: Text = "f.pool",
        is_upstream: Bool = "f.step = 0",
        id: BigInt = "p.id",
        visibility_level: Integer = "p.visibility_level",
        storage_version: Nullable<SmallInt> = "p.storage_version",
        full_path: Text = "ro.path",
        storage: Text = "p.repository_storage",
    }
}

impl From<Row> for Member {
    fn from(row: Row) -> Self {
        let storage = Storage::of_project(row.storage, row.storage_version, row.id, &row.full_path);
        let public = Visibility::from_level(row.visibility_level) == Visibility::Public;
        Self { pool: row.pool, disk_path: storage.disk_path, public, is_upstream: row.is_upstream }
    }
}

#[derive(Debug)]
struct Members<'a> {
    disk_paths: &'a [String],
    storage: &'a str,
    upstream_only: bool,
}

impl QueryFragment<MultiBackend> for Members<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql(
            "WITH pools AS (SELECT po.id, po.disk_path, po.source_project_id FROM pool_repositories po \
             JOIN shards s ON s.id = po.shard_id WHERE s.name = ",
        );
        out.push_bind_param::<Text, _>(self.storage)?;
        for (i, disk_path) in self.disk_paths.iter().enumerate() {
            out.push_sql(if i == 0 { " AND po.disk_path IN (" } else { ", " });
            out.push_bind_param::<Text, _>(disk_path)?;
        }
        // A pool may outlive the project that it was created from.
        out.push_sql(
            ")), found AS (SELECT po.disk_path AS pool, 0 AS step, p.id FROM pools po \
             JOIN projects p ON p.id = po.source_project_id",
        );
        if !self.upstream_only {
            out.push_sql(
                " UNION ALL SELECT po.disk_path, 1, p.id FROM pools po JOIN projects p ON p.pool_repository_id = po.id \
                 AND p.id <> COALESCE(po.source_project_id, -1)",
            );
        }
        out.push_sql(") SELECT ");
        Row::select(&mut out);
        out.push_sql(
            " FROM found f JOIN projects p ON p.id = f.id \
             JOIN routes ro ON ro.source_type = 'Project' AND ro.source_id = p.id ORDER BY f.pool, f.step, p.id",
        );
        Ok(())
    }
}

query!(Members<'_>, row Row);

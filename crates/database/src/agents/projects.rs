//! The projects that agents ask about. The statement reads no table about users, keys, restrictions or bans.
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, SmallInt, Text};
use domain::{FeatureLevel, Visibility};

use crate::git_access::{ProjectId, Storage};
use crate::sql::statement::{StatementRow, query, statement};
use crate::{Conn, MultiBackend, Result};

/// A project that is not being deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentProject {
    pub id: i64,
    pub full_path: String,
    pub visibility: Visibility,
    pub repository: FeatureLevel,
    pub hidden: bool,
    pub storage: Storage,
}

/// Finds a project by its id or path. A path matches exactly, then in any case, then as a former path.
pub fn find(conn: &mut Conn, project: &ProjectId) -> Result<Option<AgentProject>> {
    let row: Option<Row> = Find { project }.get_result(conn).optional()?;
    Ok(row.map(Row::into_project))
}

statement! {
    struct Row {
        id: BigInt = "p.id",
        full_path: Text = "ro.path",
        visibility_level: Integer = "p.visibility_level",
        repository_access_level: Nullable<Integer> = "f.repository_access_level",
        hidden: Bool = "p.hidden",
        repository_storage: Text = "p.repository_storage",
        storage_version: Nullable<SmallInt> = "p.storage_version",
    }
}

impl Row {
    fn into_project(self) -> AgentProject {
        let (version, name) = (self.storage_version, self.repository_storage);
        AgentProject {
            id: self.id,
            storage: Storage::of_project(name, version, self.id, &self.full_path),
            full_path: self.full_path,
            visibility: Visibility::from_level(self.visibility_level),
            repository: FeatureLevel::from_level(self.repository_access_level),
            hidden: self.hidden,
        }
    }
}

struct Find<'a> {
    project: &'a ProjectId,
}

const FROM: &str = " FROM projects p JOIN routes ro ON ro.source_type = 'Project' AND ro.source_id = p.id \
    LEFT JOIN project_features f ON f.project_id = p.id \
    WHERE NOT COALESCE(p.pending_delete, false) AND p.id = ";

/// Each source of paths, in the order of preference.
const PATHS: [&str; 3] = [
    "SELECT source_id AS id, 0 AS step FROM routes WHERE source_type = 'Project' AND path = ",
    " UNION ALL SELECT source_id, 1 FROM routes WHERE source_type = 'Project' AND lower(path) = lower(",
    ") UNION ALL SELECT source_id, 2 FROM redirect_routes WHERE source_type = 'Project' AND lower(path) = lower(",
];

impl QueryFragment<MultiBackend> for Find<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        Row::select(&mut out);
        out.push_sql(FROM);
        match self.project {
            ProjectId::Id(id) => out.push_bind_param::<BigInt, _>(id)?,
            ProjectId::Path(path) => {
                out.push_sql("(SELECT id FROM (");
                for part in PATHS {
                    out.push_sql(part);
                    out.push_bind_param::<Text, _>(path)?;
                }
                out.push_sql(")) AS found ORDER BY step LIMIT 1)");
            }
        }
        Ok(())
    }
}

query!(Find<'_>, row Row);

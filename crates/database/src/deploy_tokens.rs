//! Deploy tokens, with which machines pull from a project or from all projects of a group.
use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Bool, Timestamp};

use crate::sql::statement::query;
use crate::{Conn, MultiBackend, Result};
use domain::project::DeployTokenGrant;

/// Returns the access that the token gives to the project. The outer `None` means an unknown token. The
/// inner `None` means a token for other projects, or one that is revoked or expired. One statement.
pub fn find(
    conn: &mut Conn,
    id: i64,
    project_id: Option<i64>,
    now: NaiveDateTime,
) -> Result<Option<Option<DeployTokenGrant>>> {
    let asked = TokenInProject { id, project_id: project_id.unwrap_or(-1), now };
    let row: Option<(bool, bool)> = asked.get_result(conn).optional()?;
    Ok(row.map(|(valid, read_repository)| valid.then_some(DeployTokenGrant { read_repository })))
}

struct TokenInProject {
    id: i64,
    project_id: i64,
    now: NaiveDateTime,
}

impl QueryFragment<MultiBackend> for TokenInProject {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("WITH RECURSIVE asked AS (SELECT ");
        out.push_bind_param::<BigInt, _>(&self.project_id)?;
        out.push_sql(
            " AS project_id), up AS (\
             SELECT n.id, n.parent_id FROM namespaces n \
              WHERE n.id = (SELECT namespace_id FROM projects WHERE id = (SELECT project_id FROM asked)) \
             UNION ALL SELECT n.id, n.parent_id FROM up JOIN namespaces n ON n.id = up.parent_id) \
             SELECT COALESCE(t.revoked, false) = false AND t.expires_at > ",
        );
        out.push_bind_param::<Timestamp, _>(&self.now)?;
        out.push_sql(
            " AND (EXISTS (SELECT 1 FROM project_deploy_tokens p \
                            WHERE p.deploy_token_id = t.id AND p.project_id = (SELECT project_id FROM asked)) \
                OR EXISTS (SELECT 1 FROM group_deploy_tokens g JOIN up ON up.id = g.group_id \
                            WHERE g.deploy_token_id = t.id)), t.read_repository \
             FROM deploy_tokens t WHERE t.id = ",
        );
        out.push_bind_param::<BigInt, _>(&self.id)?;
        Ok(())
    }
}

query!(static TokenInProject, (Bool, Bool));

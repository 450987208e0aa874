//! The initial authorizations of a new project.
use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Date};

use crate::memberships::conditions::{effective_membership, unexpired};
use crate::sql::statement::query;
use crate::{Conn, MultiBackend, Result};

/// Writes the rows that [`crate::memberships::recompute`] would write for each user. Call this inside
/// [`Conn::write`]. One statement.
pub(super) fn authorize(conn: &mut Conn, project_id: i64, today: NaiveDate) -> Result<()> {
    // A later release may drop this column.
    let has_is_unique = conn.catalogue()?.has("project_authorizations", "is_unique");
    Authorize { project_id, today, has_is_unique }.execute(conn)?;
    Ok(())
}

/// Inserts rows for all users with access through the project's group, and for the owner of a personal
/// project. The project must be new, so that nothing else refers to it.
struct Authorize {
    project_id: i64,
    today: NaiveDate,
    has_is_unique: bool,
}

impl QueryFragment<MultiBackend> for Authorize {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        const MEMBER: &str = concat!(
            "m.type = 'GroupMember' AND m.source_type = 'Namespace' AND ",
            effective_membership!("m", "(SELECT today FROM asked)")
        );
        out.push_sql("WITH RECURSIVE asked AS (SELECT ");
        out.push_bind_param::<BigInt, _>(&self.project_id)?;
        out.push_sql(" AS project_id, ");
        out.push_bind_param::<Date, _>(&self.today)?;
        out.push_sql(
            " AS today), up AS (\
             SELECT n.id, n.parent_id, n.owner_id, n.type FROM namespaces n \
              WHERE n.id = (SELECT namespace_id FROM projects WHERE id = (SELECT project_id FROM asked)) \
             UNION ALL SELECT n.id, n.parent_id, n.owner_id, n.type FROM up JOIN namespaces n ON n.id = up.parent_id), \
             reached AS (\
             SELECT owner_id AS user_id, 50 AS access_level FROM up WHERE type = 'User' AND owner_id IS NOT NULL \
             UNION ALL SELECT m.user_id, m.access_level FROM up JOIN members m ON m.source_id = up.id WHERE ",
        );
        out.push_sql(MEMBER);
        out.push_sql(
            " UNION ALL SELECT m.user_id, \
                    CASE WHEN m.access_level < l.group_access THEN m.access_level ELSE l.group_access END \
               FROM up JOIN group_group_links l ON l.shared_group_id = up.id \
               JOIN members m ON m.source_id = l.shared_with_group_id WHERE ",
        );
        out.push_sql(unexpired!("l", "(SELECT today FROM asked)"));
        out.push_sql(" AND ");
        out.push_sql(MEMBER);
        let (column, value) = if self.has_is_unique { (", is_unique", ", true") } else { ("", "") };
        for part in [
            ") INSERT INTO project_authorizations (user_id, project_id, access_level",
            column,
            ") SELECT user_id, (SELECT project_id FROM asked), max(access_level)",
            value,
            " FROM reached WHERE user_id IS NOT NULL GROUP BY user_id",
        ] {
            out.push_sql(part);
        }
        Ok(())
    }
}

query!(Authorize);

//! The text of the statement. It consists of a part for the actor and a part for the project. Each
//! combination is prepared once per connection and cached by its text.
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Text};

use super::row::Row;
use super::{ActorId, ProjectId};
use crate::MultiBackend;
use crate::keys::may_authenticate_sql;
use crate::sql::statement::{StatementRow, query};

#[derive(Debug)]
pub(super) struct GitAccess<'a> {
    pub actor: &'a ActorId,
    pub project: &'a ProjectId,
    /// Whether `namespaces.state` exists (since GitLab 18.4).
    pub has_namespace_state: bool,
}

const KEY: &str = "id, user_id, COALESCE(type, 'Key') AS type, COALESCE(key, '') AS text, expires_at, last_used_at FROM keys";
const USER: &str = "id, username, admin, COALESCE(external, false) AS external, state, user_type, \
    confirmed_at IS NOT NULL AS confirmed, accepted_term_id, password_expires_at, \
    COALESCE(password_automatically_set, false) \
      OR EXISTS (SELECT 1 FROM identities WHERE identities.user_id = users.id) AS password_managed_elsewhere, \
    locked_at, last_activity_on FROM users";

/// Columns without a row: a service that does not look up keys needs no right on the table `keys`.
const NO_KEY: &str = "CAST(NULL AS bigint) AS id, CAST(NULL AS bigint) AS user_id, CAST(NULL AS text) AS type, \
    CAST(NULL AS text) AS text, CAST(NULL AS timestamp) AS expires_at, CAST(NULL AS timestamp) AS last_used_at \
    WHERE 1 = 0";

/// Keys of usage type 2 can only sign.
fn push_actor<'b>(actor: &'b ActorId, out: &mut AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
    out.push_sql("WITH RECURSIVE k AS (SELECT ");
    if let ActorId::Key(id) = actor {
        out.push_sql(KEY);
        out.push_sql(concat!(" WHERE ", may_authenticate_sql!(), " AND id = "));
        out.push_bind_param::<BigInt, _>(id)?;
    } else {
        out.push_sql(NO_KEY);
    }
    out.push_sql("), u AS (SELECT ");
    out.push_sql(USER);
    out.push_sql(" WHERE ");
    match actor {
        ActorId::Anonymous | ActorId::DeployToken(_) => out.push_sql("id = -1"),
        ActorId::Key(_) => out.push_sql("id = (SELECT user_id FROM k)"),
        ActorId::User(id) => {
            out.push_sql("id = ");
            out.push_bind_param::<BigInt, _>(id)?;
        }
        ActorId::Username(name) => {
            out.push_sql("lower(username) = lower(");
            out.push_bind_param::<Text, _>(name)?;
            out.push_sql(")");
        }
        ActorId::Email(address) => {
            out.push_sql("confirmed_at IS NOT NULL AND lower(email) = lower(");
            out.push_bind_param::<Text, _>(address)?;
            out.push_sql(")");
        }
        ActorId::Kerberos(principal) => {
            out.push_sql(
                "id = (SELECT user_id FROM identities WHERE provider = 'kerberos' AND lower(extern_uid) = lower(",
            );
            out.push_bind_param::<Text, _>(principal)?;
            out.push_sql(") LIMIT 1)");
        }
    }
    out.push_sql(" LIMIT 1), ");
    Ok(())
}

/// A path is matched exactly, then case-insensitively, then among former paths.
fn push_project<'b>(project: &'b ProjectId, out: &mut AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
    match project {
        ProjectId::Id(id) => {
            out.push_sql("r AS (SELECT ");
            out.push_bind_param::<BigInt, _>(id)?;
            out.push_sql(" AS project_id, 0 AS step)");
        }
        ProjectId::Path(path) => {
            out.push_sql(
                "r AS (SELECT project_id, step FROM (\
                 SELECT source_id AS project_id, 0 AS step FROM routes WHERE source_type = 'Project' AND path = ",
            );
            out.push_bind_param::<Text, _>(path)?;
            for (step, table) in [(1, "routes"), (2, "redirect_routes")] {
                out.push_sql(if step == 1 {
                    " UNION ALL SELECT source_id, 1 FROM "
                } else {
                    " UNION ALL SELECT source_id, 2 FROM "
                });
                out.push_sql(table);
                out.push_sql(" WHERE source_type = 'Project' AND lower(path) = lower(");
                out.push_bind_param::<Text, _>(path)?;
                out.push_sql(")");
            }
            out.push_sql(") AS found ORDER BY step LIMIT 1)");
        }
    }
    Ok(())
}

/// `up` contains the project's namespace and its ancestors. Their settings are looked up one by one. With a
/// join, PostgreSQL would read the whole table, because it cannot know how few ancestors there are.
macro_rules! ancestors {
    (state: $state:literal) => {
        concat!(
            ", up AS (\
  SELECT n.id, n.parent_id, ",
            $state,
            " AS state FROM namespaces n \
   WHERE n.id = (SELECT namespace_id FROM projects WHERE id = (SELECT project_id FROM r)) \
  UNION ALL SELECT n.id, n.parent_id, ",
            $state,
            " FROM up JOIN namespaces n ON n.id = up.parent_id), \
above AS (\
  SELECT max(CASE WHEN up.parent_id IS NULL THEN up.id END) AS root_id, \
         max(CASE WHEN up.state = 1 THEN 1 ELSE \
               (SELECT CASE WHEN s.archived THEN 1 ELSE 0 END \
                  FROM namespace_settings s WHERE s.namespace_id = up.id) END) AS archived, \
         max((SELECT CASE WHEN s.repository_read_only THEN 1 ELSE 0 END \
                FROM namespace_settings s WHERE s.namespace_id = up.id)) AS read_only FROM up) "
        )
    };
}

macro_rules! from {
    (own: $own:literal) => {
        concat!(
            " FROM (SELECT 1 AS one) AS one \
LEFT JOIN k ON 1 = 1 LEFT JOIN u ON 1 = 1 LEFT JOIN r ON 1 = 1 \
LEFT JOIN projects p ON p.id = r.project_id LEFT JOIN ", $own, " \
LEFT JOIN routes ro ON ro.source_type = 'Project' AND ro.source_id = p.id \
LEFT JOIN project_features f ON f.project_id = p.id \
LEFT JOIN namespaces n ON n.id = p.namespace_id LEFT JOIN namespace_settings ns ON ns.namespace_id = n.id \
LEFT JOIN above ON 1 = 1 LEFT JOIN namespace_settings rs ON rs.namespace_id = above.root_id"
        )
    };
}

/// The statement around the SELECT list. Without a column for the state of a namespace, every state is NULL.
const WITH_STATE: (&str, &str) =
    (ancestors!(state: "n.state"), from!(own: "namespaces own ON own.id = p.project_namespace_id"));
const WITHOUT_STATE: (&str, &str) = (
    ancestors!(state: "CAST(NULL AS smallint)"),
    from!(own: "(SELECT CAST(NULL AS smallint) AS state) AS own ON 1 = 1"),
);

impl QueryFragment<MultiBackend> for GitAccess<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        push_actor(self.actor, &mut out)?;
        push_project(self.project, &mut out)?;
        let (ancestors, from) = if self.has_namespace_state { WITH_STATE } else { WITHOUT_STATE };
        out.push_sql(ancestors);
        out.push_sql("SELECT ");
        Row::select(&mut out);
        out.push_sql(from);
        Ok(())
    }
}

query!(GitAccess<'_>, row Row);

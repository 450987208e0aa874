//! The text of the statement. It consists of a part for the project and a part for the actor. Each combination
//! is prepared once per connection and cached by its text.
//!
//! PostgreSQL spends most of its time on starting the nodes of the plan and on the columns that each join
//! copies, and little on reading rows. So a row is looked up once, the widest tables are joined last, and what
//! is rarely needed is a scalar subquery, which a plan evaluates only if its value is used. A joined table is a
//! subquery with only the columns that are read, as GitLab's tables are wide.
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Text};

use super::row::Row;
use super::{ActorId, ProjectId};
use crate::keys::may_authenticate_sql;
use crate::sql::statement::{StatementRow, query};
use crate::{Conn, MultiBackend};

#[derive(Debug)]
pub(super) struct GitAccess<'a> {
    pub actor: &'a ActorId,
    pub project: &'a ProjectId,
    pub ancestors: Ancestors,
    /// Whether `namespaces.state` exists (since GitLab 18.4).
    pub has_namespace_state: bool,
}

/// How the ancestors of the project are found. The two ways have the same result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ancestors {
    /// By `namespaces.traversal_ids`. There is no root for a namespace whose array is not synchronised. SQLite
    /// has no arrays.
    TraversalIds,
    /// From parent to parent. Works on both databases, for every namespace.
    Walk,
}

impl Ancestors {
    /// The fastest way on this database.
    pub(super) fn fastest(conn: &Conn) -> Self {
        match conn {
            Conn::Postgresql(_) => Self::TraversalIds,
            Conn::Sqlite(_) => Self::Walk,
        }
    }
}

/// Keys of usage type 2 can only sign.
const KEY: &str = concat!(
    "SELECT id, user_id, COALESCE(type, 'Key') AS type, COALESCE(key, '') AS text, expires_at, last_used_at \
       FROM keys WHERE ",
    may_authenticate_sql!()
);

/// Columns without a row: a service that does not look up keys needs no right on the table `keys`.
const NO_KEY: &str = "SELECT CAST(NULL AS bigint) AS id, CAST(NULL AS bigint) AS user_id, \
    CAST(NULL AS text) AS type, CAST(NULL AS text) AS text, CAST(NULL AS timestamp) AS expires_at, \
    CAST(NULL AS timestamp) AS last_used_at WHERE 1 = 0";

/// `password_managed_elsewhere` matters only for a password that expires, so that the identities of other
/// users are not read.
const USER: &str = "SELECT id, username, admin, COALESCE(external, false) AS external, state, user_type, \
    confirmed_at IS NOT NULL AS confirmed, accepted_term_id, password_expires_at, \
    COALESCE(password_automatically_set, false) \
      OR (password_expires_at IS NOT NULL \
          AND EXISTS (SELECT 1 FROM identities WHERE identities.user_id = users.id)) \
      AS password_managed_elsewhere, \
    locked_at, last_activity_on FROM users";

macro_rules! project {
    (state: $state:literal) => {
        concat!(
            "SELECT id, namespace_id, visibility_level, archived, \
                    COALESCE(pending_delete, false) AS pending_delete, \
                    hidden, marked_for_deletion_at IS NOT NULL AS is_marked_for_deletion, \
                    COALESCE(repository_read_only, false) AS repository_read_only, repository_storage, \
                    storage_version, ",
            $state,
            " AS state FROM projects"
        )
    };
}

/// The array of a namespace that was synchronised ends with its own id.
macro_rules! ancestors_by_traversal_ids {
    (archived: $archived:literal, from: $from:literal) => {
        concat!(
            " LEFT JOIN (SELECT id, traversal_ids, default_branch_protection, \
                  CASE WHEN traversal_ids[cardinality(traversal_ids)] = id THEN traversal_ids[1] END AS root_id \
                FROM namespaces) AS n ON n.id = p.namespace_id \
LEFT JOIN LATERAL (SELECT n.root_id AS root_id, \
    max(CASE WHEN ", $archived, " THEN 1 ELSE 0 END) AS archived, \
    max(CASE WHEN s.repository_read_only THEN 1 ELSE 0 END) AS read_only, \
    max(CASE WHEN s.namespace_id = n.root_id THEN s.enabled_git_access_protocol END) AS root_git_protocol, \
    max(CASE WHEN s.namespace_id = n.root_id AND s.enforce_ssh_certificates THEN 1 ELSE 0 END) \
      AS root_enforces_certificates, \
    max(CASE WHEN s.namespace_id = n.id THEN CAST(s.default_branch_protection_defaults AS text) END) \
      AS branch_protection_defaults \
  FROM ", $from, " = ANY (n.traversal_ids)) AS above ON 1 = 1"
        )
    };
}

macro_rules! setting {
    ($expression:literal) => {
        concat!("(SELECT ", $expression, " FROM namespace_settings s WHERE s.namespace_id = up.id)")
    };
}

/// `up` contains the project's namespace and its ancestors. Their settings are looked up one by one. With a
/// join, PostgreSQL would read the whole table, because it cannot know how few ancestors there are.
macro_rules! ancestors_by_walk {
    (state: $state:literal) => {
        concat!(
            ", up AS (\
  SELECT n.id, n.parent_id, 1 AS is_own, ",
            $state,
            " AS state FROM namespaces n \
   WHERE n.id = (SELECT namespace_id FROM projects WHERE id = (SELECT project_id FROM r)) \
  UNION ALL SELECT n.id, n.parent_id, 0, ",
            $state,
            " FROM up JOIN namespaces n ON n.id = up.parent_id), \
above AS (SELECT max(CASE WHEN up.parent_id IS NULL THEN up.id END) AS root_id, \
    max(CASE WHEN up.state = 1 THEN 1 ELSE ",
            setting!("CASE WHEN s.archived THEN 1 ELSE 0 END"),
            " END) AS archived, \
    max(",
            setting!("CASE WHEN s.repository_read_only THEN 1 ELSE 0 END"),
            ") AS read_only, \
    max(CASE WHEN up.parent_id IS NULL THEN ",
            setting!("s.enabled_git_access_protocol"),
            " END) AS root_git_protocol, \
    max(CASE WHEN up.parent_id IS NULL THEN ",
            setting!("CASE WHEN s.enforce_ssh_certificates THEN 1 ELSE 0 END"),
            " END) \
      AS root_enforces_certificates, \
    max(CASE WHEN up.is_own = 1 THEN ",
            setting!("CAST(s.default_branch_protection_defaults AS text)"),
            " END) \
      AS branch_protection_defaults \
  FROM up) "
        )
    };
}

/// The parts of the text that name the state of a namespace. In a database without that column, every state is
/// NULL.
struct Texts {
    project: &'static str,
    by_traversal_ids: &'static str,
    walk: &'static str,
}

const WITH_STATE: Texts = Texts {
    project: project!(state: "(SELECT own.state FROM namespaces own WHERE own.id = projects.project_namespace_id)"),
    by_traversal_ids: ancestors_by_traversal_ids!(
        archived: "a.state = 1 OR s.archived",
        from: "namespaces a LEFT JOIN namespace_settings s ON s.namespace_id = a.id WHERE a.id"
    ),
    walk: ancestors_by_walk!(state: "n.state"),
};
const WITHOUT_STATE: Texts = Texts {
    project: project!(state: "CAST(NULL AS smallint)"),
    by_traversal_ids: ancestors_by_traversal_ids!(
        archived: "s.archived",
        from: "namespace_settings s WHERE s.namespace_id"
    ),
    walk: ancestors_by_walk!(state: "CAST(NULL AS smallint)"),
};

/// Appends the id of the project. A path is matched exactly, then case-insensitively, then among former paths.
/// COALESCE stops at the first match.
fn push_project_id<'b>(project: &'b ProjectId, out: &mut AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
    match project {
        ProjectId::Id(id) => out.push_bind_param::<BigInt, _>(id)?,
        ProjectId::Path(path) => {
            out.push_sql("COALESCE((SELECT source_id FROM routes WHERE source_type = 'Project' AND path = ");
            out.push_bind_param::<Text, _>(path)?;
            for table in ["routes", "redirect_routes"] {
                out.push_sql("), (SELECT source_id FROM ");
                out.push_sql(table);
                out.push_sql(" WHERE source_type = 'Project' AND lower(path) = lower(");
                out.push_bind_param::<Text, _>(path)?;
                out.push_sql(") LIMIT 1");
            }
            out.push_sql("))");
        }
    }
    Ok(())
}

/// Appends the key and the user.
fn push_actor<'b>(actor: &'b ActorId, out: &mut AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
    out.push_sql(" LEFT JOIN (");
    if let ActorId::Key(id) = actor {
        out.push_sql(KEY);
        out.push_sql(") AS k ON k.id = ");
        out.push_bind_param::<BigInt, _>(id)?;
    } else {
        out.push_sql(NO_KEY);
        out.push_sql(") AS k ON 1 = 1");
    }
    out.push_sql(" LEFT JOIN (");
    out.push_sql(USER);
    out.push_sql(") AS u ON u.id = ");
    match actor {
        ActorId::Anonymous | ActorId::DeployToken(_) => out.push_sql("-1"),
        ActorId::Key(_) => out.push_sql("k.user_id"),
        ActorId::User(id) => out.push_bind_param::<BigInt, _>(id)?,
        ActorId::Username(name) => {
            out.push_sql("(SELECT id FROM users WHERE lower(username) = lower(");
            out.push_bind_param::<Text, _>(name)?;
            out.push_sql(") LIMIT 1)");
        }
        ActorId::Email(address) => {
            out.push_sql("(SELECT id FROM users WHERE confirmed_at IS NOT NULL AND lower(email) = lower(");
            out.push_bind_param::<Text, _>(address)?;
            out.push_sql(") LIMIT 1)");
        }
        ActorId::Kerberos(principal) => {
            out.push_sql(
                "(SELECT user_id FROM identities WHERE provider = 'kerberos' AND lower(extern_uid) = lower(",
            );
            out.push_bind_param::<Text, _>(principal)?;
            out.push_sql(") LIMIT 1)");
        }
    }
    Ok(())
}

impl QueryFragment<MultiBackend> for GitAccess<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        let texts = if self.has_namespace_state { WITH_STATE } else { WITHOUT_STATE };
        if self.ancestors == Ancestors::Walk {
            out.push_sql("WITH RECURSIVE r AS (SELECT ");
            push_project_id(self.project, &mut out)?;
            out.push_sql(" AS project_id)");
            out.push_sql(texts.walk);
        }
        out.push_sql("SELECT ");
        Row::select(&mut out);
        out.push_sql(" FROM (SELECT 1 AS one) AS one LEFT JOIN (");
        out.push_sql(texts.project);
        out.push_sql(") AS p ON p.id = ");
        match self.ancestors {
            Ancestors::TraversalIds => push_project_id(self.project, &mut out)?,
            Ancestors::Walk => out.push_sql("(SELECT project_id FROM r)"),
        }
        out.push_sql(" LEFT JOIN project_features f ON f.project_id = p.id");
        out.push_sql(match self.ancestors {
            Ancestors::TraversalIds => texts.by_traversal_ids,
            Ancestors::Walk => " LEFT JOIN namespaces n ON n.id = p.namespace_id LEFT JOIN above ON 1 = 1",
        });
        push_actor(self.actor, &mut out)
    }
}

query!(GitAccess<'_>, row Row);

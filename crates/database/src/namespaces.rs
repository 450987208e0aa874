//! Groups and personal namespaces, for group wikis and new projects.
pub(crate) mod create;

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, SmallInt, Text};

use crate::git_access::{Storage, ip_ranges};
use crate::sql::statement::{StatementRow, query, statement};
use crate::{Conn, MultiBackend, Result, memberships};
use domain::namespace::{Kind, Namespace, NamespaceFacts};
use domain::project::{GitProtocols, RootNamespace};
use domain::{Role, Visibility};

/// The identifier of a namespace in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamespaceId {
    Id(i64),
    /// The full path, case-insensitive.
    Path(String),
}

#[derive(Debug, Clone)]
pub struct FoundNamespace {
    pub facts: NamespaceFacts,
    /// The location of the group's wiki, or `None` if it has none yet.
    pub wiki: Option<Storage>,
}

/// Finds a group or personal namespace and the user's access to it. At most two statements.
pub fn find(
    conn: &mut Conn,
    id: &NamespaceId,
    user_id: Option<i64>,
    today: NaiveDate,
) -> Result<Option<FoundNamespace>> {
    let catalogue = conn.catalogue()?;
    let ancestors =
        ancestors(catalogue.has("namespaces", "state"), catalogue.has("namespace_details", "deleted_at"));
    let row: Option<Row> =
        NamespaceAccess { id, user_id: user_id.unwrap_or(-1), ancestors }.get_result(conn).optional()?;
    let Some(row) = row else { return Ok(None) };
    let role = match user_id {
        Some(user_id) if row.kind == "Group" => memberships::role_in_group(conn, user_id, row.id, today)?,
        _ => Role::NONE,
    };
    Ok(Some(row.into_found(role)))
}

statement! {
    struct Row {
        id: BigInt = "n.id",
        full_path: Text = "ro.path",
        kind: Text = "n.type",
        owner_id: Nullable<BigInt> = "n.owner_id",
        visibility_level: Integer = "n.visibility_level",
        project_creation_level: Nullable<Integer> = "n.project_creation_level",
        root_id: Nullable<BigInt> = "above.root_id",
        any_archived: Nullable<Integer> = "above.archived",
        any_read_only: Nullable<Integer> = "above.read_only",
        any_deleted: Nullable<Bool> = "above.deleted",
        root_git_protocol: Nullable<SmallInt> = "rs.enabled_git_access_protocol",
        root_enforces_certificates: Nullable<Bool> = "rs.enforce_ssh_certificates",
        root_ip_ranges: Nullable<Text> =
            "(SELECT string_agg(i.range, ',') FROM ip_restrictions i WHERE i.group_id = above.root_id)",
        banned: Bool =
            "EXISTS (SELECT 1 FROM namespace_bans b WHERE b.namespace_id = above.root_id AND b.user_id = asked.user_id)",
        projects_left: Nullable<BigInt> =
            "(SELECT u.projects_limit - (SELECT count(*) FROM projects p JOIN namespaces own ON own.id = p.namespace_id \
                                          WHERE own.type = 'User' AND own.owner_id = u.id) \
                FROM users u WHERE u.id = asked.user_id)",
        wiki_disk_path: Nullable<Text> = "w.disk_path",
        wiki_shard: Nullable<Text> = "sh.name",
    }
}

impl Row {
    fn into_found(self, role: Role) -> FoundNamespace {
        let kind = match self.kind.as_str() {
            "Group" => Kind::Group { project_creation_level: self.project_creation_level },
            _ => Kind::Personal { owner_id: self.owner_id },
        };
        let namespace = Namespace {
            id: self.id,
            full_path: self.full_path,
            kind,
            visibility: Visibility::from_level(self.visibility_level),
            archived: self.any_archived == Some(1),
            deleted: self.any_deleted == Some(true),
            repository_read_only: self.any_read_only == Some(1),
            root: RootNamespace {
                id: self.root_id.unwrap_or(self.id),
                git_protocols: GitProtocols::from_number(self.root_git_protocol),
                enforce_ssh_certificates: self.root_enforces_certificates == Some(true),
                ip_ranges: ip_ranges(self.root_ip_ranges.as_deref()),
            },
        };
        FoundNamespace {
            facts: NamespaceFacts {
                namespace,
                role,
                banned: self.banned,
                projects_left: self.projects_left.unwrap_or(0),
            },
            wiki: self
                .wiki_shard
                .zip(self.wiki_disk_path)
                .map(|(name, disk_path)| Storage { name, disk_path }),
        }
    }
}

struct NamespaceAccess<'a> {
    id: &'a NamespaceId,
    user_id: i64,
    /// The common table expressions that depend on the release of GitLab.
    ancestors: &'static str,
}

/// `up` contains the namespace and its ancestors, and `above` what is true of any of them.
macro_rules! ancestors {
    (state: $state:literal, archived: $archived:literal, deleted: $deleted:literal) => {
        concat!(
            ", up AS (\
  SELECT n.id, n.parent_id",
            $state,
            " FROM namespaces n \
   WHERE n.id = (SELECT id FROM g) AND n.type IN ('User', 'Group') \
  UNION ALL SELECT n.id, n.parent_id",
            $state,
            " FROM up JOIN namespaces n ON n.id = up.parent_id), \
above AS (\
  SELECT max(CASE WHEN up.parent_id IS NULL THEN up.id END) AS root_id, \
         max(CASE WHEN ",
            $archived,
            " THEN 1 ELSE \
               (SELECT CASE WHEN s.archived THEN 1 ELSE 0 END \
                  FROM namespace_settings s WHERE s.namespace_id = up.id) END) AS archived, \
         max((SELECT CASE WHEN s.repository_read_only THEN 1 ELSE 0 END \
                FROM namespace_settings s WHERE s.namespace_id = up.id)) AS read_only, ",
            $deleted,
            " AS deleted \
    FROM up) "
        )
    };
}

const FROM: &str = " FROM asked JOIN namespaces n ON n.id = (SELECT id FROM g) AND n.type IN ('User', 'Group') \
JOIN routes ro ON ro.source_type = 'Namespace' AND ro.source_id = n.id \
LEFT JOIN above ON 1 = 1 LEFT JOIN namespace_settings rs ON rs.namespace_id = above.root_id \
LEFT JOIN group_wiki_repositories w ON w.group_id = n.id LEFT JOIN shards sh ON sh.id = w.shard_id";

/// GitLab stores the state of a namespace in `namespaces.state` since 18.4, and marks a deletion in
/// `namespace_details.deleted_at` before 18.10. Where both exist, either is sufficient.
fn ancestors(has_state: bool, has_deleted_at: bool) -> &'static str {
    match (has_state, has_deleted_at) {
        (false, false) => ancestors!(state: "", archived: "false", deleted: "false"),
        (false, true) => ancestors!(
            state: "",
            archived: "false",
            deleted: "EXISTS (SELECT 1 FROM namespace_details d JOIN up ON up.id = d.namespace_id \
                              WHERE d.deleted_at IS NOT NULL)"
        ),
        (true, false) => ancestors!(
            state: ", n.state",
            archived: "up.state = 1",
            deleted: "EXISTS (SELECT 1 FROM up WHERE up.state = 4)"
        ),
        (true, true) => ancestors!(
            state: ", n.state",
            archived: "up.state = 1",
            deleted: "(EXISTS (SELECT 1 FROM up WHERE up.state = 4) \
                       OR EXISTS (SELECT 1 FROM namespace_details d JOIN up ON up.id = d.namespace_id \
                                   WHERE d.deleted_at IS NOT NULL))"
        ),
    }
}

impl QueryFragment<MultiBackend> for NamespaceAccess<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("WITH RECURSIVE asked AS (SELECT ");
        out.push_bind_param::<BigInt, _>(&self.user_id)?;
        out.push_sql(" AS user_id), g AS (SELECT ");
        match self.id {
            NamespaceId::Id(id) => {
                out.push_bind_param::<BigInt, _>(id)?;
                out.push_sql(" AS id)");
            }
            NamespaceId::Path(path) => {
                out.push_sql(
                    "id FROM (SELECT source_id AS id, 0 AS step FROM routes \
                     WHERE source_type = 'Namespace' AND path = ",
                );
                out.push_bind_param::<Text, _>(path)?;
                out.push_sql(
                    " UNION ALL SELECT source_id, 1 FROM routes \
                     WHERE source_type = 'Namespace' AND lower(path) = lower(",
                );
                out.push_bind_param::<Text, _>(path)?;
                out.push_sql(")) AS found ORDER BY step LIMIT 1)");
            }
        }
        out.push_sql(self.ancestors);
        out.push_sql("SELECT ");
        Row::select(&mut out);
        out.push_sql(FROM);
        Ok(())
    }
}

query!(NamespaceAccess<'_>, row Row);

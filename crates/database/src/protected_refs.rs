//! The rules for protected branches and tags of a project. `domain` matches them.
use std::collections::BTreeMap;

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, Text};

use crate::memberships::conditions::{effective_membership, unexpired};
use crate::sql::statement::{StatementRow, query, statement};
use crate::{Conn, MultiBackend, Result};
use domain::Role;
use domain::access::protected_refs::{Grant, ProtectedBranch, ProtectedTag};
use domain::access::push::Rules;

/// Loads the rules of a project and of its top-level group. `user_id` is the pusher. One statement.
pub fn load(
    conn: &mut Conn,
    project_id: i64,
    root_namespace_id: i64,
    user_id: Option<i64>,
    today: NaiveDate,
) -> Result<Rules> {
    let asked = ProtectedRefs {
        project: project_id,
        root_namespace: root_namespace_id,
        user: user_id.unwrap_or(-1),
        today,
    };
    let rows: Vec<RuleRow> = asked.load(conn)?;

    let mut branches: BTreeMap<i64, ProtectedBranch> = BTreeMap::new();
    let mut tags: BTreeMap<i64, ProtectedTag> = BTreeMap::new();
    for row in rows {
        let grant = row.grant();
        let RuleRow { kind, rule_id, name, allow_force_push, .. } = row;
        if kind == Kind::TAG {
            let tag =
                tags.entry(rule_id).or_insert_with(|| ProtectedTag { id: rule_id, name, create: Vec::new() });
            tag.create.extend(grant);
        } else {
            let branch = branches.entry(rule_id).or_insert_with(|| ProtectedBranch {
                id: rule_id,
                name,
                allow_force_push,
                ..ProtectedBranch::default()
            });
            let list = if kind == Kind::PUSH { &mut branch.push } else { &mut branch.merge };
            list.extend(grant);
        }
    }
    Ok(Rules { branches: branches.into_values().collect(), tags: tags.into_values().collect() })
}

struct Kind;

impl Kind {
    const PUSH: i32 = 0;
    const TAG: i32 = 2;
}

statement! {
    struct RuleRow {
        kind: Integer = "k.kind",
        rule_id: BigInt = "b.id",
        name: Text = "b.name",
        allow_force_push: Bool = "b.allow_force_push",
        /// `None` if the rule has no access levels.
        level_id: Nullable<BigInt> = "l.id",
        access_level: Nullable<Integer> = "l.access_level",
        user_id: Nullable<BigInt> = "l.user_id",
        group_id: Nullable<BigInt> = "l.group_id",
        deploy_key_id: Nullable<BigInt> = "l.deploy_key_id",
        /// The owner of the deploy key, if the key has write access to the project.
        deploy_key_owner_id: Nullable<BigInt> = "w.owner_id",
        /// The role that the invitation gives the group.
        group_access: Nullable<Integer> = "i.group_access",
        /// The user's role in the group.
        group_role: Nullable<Integer> = "m.access_level",
    }
}

impl RuleRow {
    fn grant(&self) -> Option<Grant> {
        self.level_id?;
        Some(match (self.user_id, self.group_id, self.deploy_key_id) {
            (Some(id), _, _) => Grant::User(id),
            (_, Some(_), _) => {
                let role = self.group_access.unwrap_or(0).min(self.group_role.unwrap_or(0));
                Grant::Group { role: Role(role) }
            }
            (_, _, Some(_)) => Grant::DeployKey { owner_id: self.deploy_key_owner_id },
            // A missing access level grants nothing.
            _ => Grant::Role(Role(self.access_level.unwrap_or(0))),
        })
    }
}

struct ProtectedRefs {
    project: i64,
    root_namespace: i64,
    user: i64,
    today: NaiveDate,
}

/// The rules of each kind and their access levels, joined so that rules without levels are included. Levels of
/// merging have no deploy keys.
const SOURCES_OF_KINDS: [&str; 3] = [
    "(SELECT 0 AS kind) AS k CROSS JOIN rules b \
     LEFT JOIN protected_branch_push_access_levels l ON l.protected_branch_id = b.id",
    "(SELECT 1 AS kind) AS k CROSS JOIN rules b \
     LEFT JOIN (SELECT id, access_level, user_id, group_id, CAST(NULL AS bigint) AS deploy_key_id, protected_branch_id \
                  FROM protected_branch_merge_access_levels) AS l ON l.protected_branch_id = b.id",
    "(SELECT 2 AS kind) AS k CROSS JOIN tags b \
     LEFT JOIN protected_tag_create_access_levels l ON l.protected_tag_id = b.id",
];

/// Deploy keys with write access to the project, groups that the project is shared with, and the user's
/// roles in these groups and their ancestors.
const SOURCES: &str = concat!(
    "writers AS (\
  SELECT d.deploy_key_id, max(k.user_id) AS owner_id FROM deploy_keys_projects d JOIN keys k ON k.id = d.deploy_key_id \
   WHERE d.project_id = (SELECT project_id FROM asked) AND d.can_push AND k.type = 'DeployKey' \
   GROUP BY d.deploy_key_id), \
invited AS (\
  SELECT group_id, max(group_access) AS group_access FROM project_group_links \
   WHERE project_id = (SELECT project_id FROM asked) AND ",
    unexpired!("project_group_links", "(SELECT today FROM asked)"),
    " \
   GROUP BY group_id), \
up (group_id, id, parent_id) AS (\
  SELECT n.id, n.id, n.parent_id FROM namespaces n WHERE n.id IN (SELECT group_id FROM invited) \
  UNION ALL SELECT up.group_id, n.id, n.parent_id FROM up JOIN namespaces n ON n.id = up.parent_id), \
mine AS (\
  SELECT up.group_id, max(m.access_level) AS access_level FROM up \
    JOIN members m ON m.source_type = 'Namespace' AND m.source_id = up.id \
   WHERE m.user_id = (SELECT user_id FROM asked) AND ",
    effective_membership!("m", "(SELECT today FROM asked)"),
    " \
   GROUP BY up.group_id)"
);

impl QueryFragment<MultiBackend> for ProtectedRefs {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("WITH RECURSIVE asked AS (SELECT ");
        out.push_bind_param::<BigInt, _>(&self.project)?;
        out.push_sql(" AS project_id, ");
        out.push_bind_param::<BigInt, _>(&self.root_namespace)?;
        out.push_sql(" AS root_id, ");
        out.push_bind_param::<BigInt, _>(&self.user)?;
        out.push_sql(" AS user_id, ");
        out.push_bind_param::<Date, _>(&self.today)?;
        out.push_sql(" AS today), ");
        out.push_sql(SOURCES);
        out.push_sql(
            ", rules AS (SELECT id, name, allow_force_push FROM protected_branches \
             WHERE project_id = (SELECT project_id FROM asked) OR namespace_id = (SELECT root_id FROM asked)), \
             tags AS (SELECT id, name, false AS allow_force_push FROM protected_tags WHERE project_id = (SELECT project_id FROM asked)) ",
        );
        for (index, source) in SOURCES_OF_KINDS.iter().enumerate() {
            out.push_sql(if index == 0 { "SELECT " } else { " UNION ALL SELECT " });
            RuleRow::select(&mut out);
            out.push_sql(" FROM ");
            out.push_sql(source);
            out.push_sql(
                " LEFT JOIN writers w ON w.deploy_key_id = l.deploy_key_id LEFT JOIN invited i ON i.group_id = l.group_id LEFT JOIN mine m ON m.group_id = l.group_id",
            );
        }
        Ok(())
    }
}

query!(static ProtectedRefs, row RuleRow);

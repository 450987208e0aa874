//! Selects the checks that are enabled for a project, in one statement.
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};

use crate::MultiBackend;
use crate::catalogue::{Catalogue, InstancePushRule};
use crate::sql::statement::{StatementColumns, StatementRow, query, statement};
use domain::access::PushRule;

statement! {
    pub(super) struct Row {
        pub checks: ChecksRow,
        pub rule: Option<RuleRow>,
    }
}

statement! {
    pub(super) struct ChecksRow {
        pub lfs_enabled: Nullable<Bool> =
            "COALESCE((SELECT p.lfs_enabled FROM projects p WHERE p.id = a.project_id), \
               (SELECT up.lfs_enabled FROM up WHERE up.lfs_enabled IS NOT NULL ORDER BY up.distance LIMIT 1))",
        pub has_lfs_objects: Bool =
            "EXISTS (SELECT 1 FROM lfs_objects_projects l WHERE l.project_id = a.project_id)",
        pub locked: Bool =
            "EXISTS (SELECT 1 FROM lfs_file_locks l WHERE l.project_id = a.project_id AND l.user_id <> a.user_id)",
        pub has_commits: Bool =
            "EXISTS (SELECT 1 FROM project_statistics s WHERE s.project_id = a.project_id AND s.commit_count > 0)",
    }
}

statement! {
    /// The push rule that applies. Each column has the name of its field in the tables of push rules.
    pub(super) struct RuleRow {
        branch_name_regex: Nullable<Text> = "r.branch_name_regex",
        commit_message_regex: Nullable<Text> = "r.commit_message_regex",
        commit_message_negative_regex: Nullable<Text> = "r.commit_message_negative_regex",
        author_email_regex: Nullable<Text> = "r.author_email_regex",
        file_name_regex: Nullable<Text> = "r.file_name_regex",
        max_file_size: Integer = "r.max_file_size",
        deny_delete_tag: Bool = "r.deny_delete_tag",
        member_check: Bool = "r.member_check",
        prevent_secrets: Bool = "r.prevent_secrets",
        reject_unsigned_commits: Bool = "r.reject_unsigned_commits",
        commit_committer_check: Bool = "r.commit_committer_check",
        commit_committer_name_check: Bool = "r.commit_committer_name_check",
        reject_non_dco_commits: Bool = "r.reject_non_dco_commits",
    }
}

impl From<RuleRow> for PushRule {
    fn from(row: RuleRow) -> Self {
        let set = |regex: Option<String>| regex.filter(|regex| !regex.is_empty());
        Self {
            branch_name_regex: set(row.branch_name_regex),
            commit_message_regex: set(row.commit_message_regex),
            commit_message_negative_regex: set(row.commit_message_negative_regex),
            author_email_regex: set(row.author_email_regex),
            file_name_regex: set(row.file_name_regex),
            max_file_size: u64::try_from(row.max_file_size).unwrap_or(0),
            deny_delete_tag: row.deny_delete_tag,
            member_check: row.member_check,
            prevent_secrets: row.prevent_secrets,
            reject_unsigned_commits: row.reject_unsigned_commits,
            commit_committer_check: row.commit_committer_check,
            commit_committer_name_check: row.commit_committer_name_check,
            reject_non_dco_commits: row.reject_non_dco_commits,
        }
    }
}

pub(super) struct PushChecksQuery<'a> {
    pub project: i64,
    pub user: i64,
    pub catalogue: &'a Catalogue,
}

/// `up` contains the project's namespace and its ancestors, nearest first.
const UP: &str = ", up AS (\
  SELECT n.parent_id, n.lfs_enabled, 0 AS distance FROM namespaces n \
   WHERE n.id = (SELECT namespace_id FROM projects WHERE id = (SELECT project_id FROM asked)) \
  UNION ALL SELECT n.parent_id, n.lfs_enabled, up.distance + 1 FROM up JOIN namespaces n ON n.id = up.parent_id) ";

const PROJECT_RULE: &str =
    "(SELECT max(id) FROM push_rules WHERE project_id = (SELECT project_id FROM asked))";

/// Selects the project's own rule and the instance's. `step` distinguishes them.
fn push_rules(catalogue: &Catalogue, out: &mut AstPass<'_, '_, MultiBackend>) {
    let table = |table: &str, step: u8| {
        let columns = RuleRow::FIELDS.iter().map(|(column, sql_type)| {
            match (catalogue.has(table, column), *sql_type) {
                (true, "boolean") => format!("COALESCE({column}, false) AS {column}"),
                (true, _) => (*column).to_owned(),
                (false, "boolean") => format!("false AS {column}"),
                (false, "integer") => format!("0 AS {column}"),
                (false, _) => format!("CAST(NULL AS {sql_type}) AS {column}"),
            }
        });
        let columns: Vec<String> = columns.collect();
        format!("SELECT {step} AS step, {} FROM {table} WHERE ", columns.join(", "))
    };
    out.push_sql("(");
    out.push_sql(&table("push_rules", 0));
    match catalogue.instance_push_rule() {
        InstancePushRule::SampleRow => {
            out.push_sql("id = COALESCE(");
            out.push_sql(PROJECT_RULE);
            out.push_sql(", (SELECT max(id) FROM push_rules WHERE is_sample))");
        }
        InstancePushRule::Organization => {
            out.push_sql("id = ");
            out.push_sql(PROJECT_RULE);
            out.push_sql(" UNION ALL ");
            out.push_sql(&table("organization_push_rules", 1));
            out.push_sql(
                "organization_id = (SELECT organization_id FROM projects \
                  WHERE id = (SELECT project_id FROM asked)) ORDER BY step LIMIT 1",
            );
        }
    }
    out.push_sql(") AS r");
}

impl QueryFragment<MultiBackend> for PushChecksQuery<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("WITH RECURSIVE asked AS (SELECT ");
        out.push_bind_param::<BigInt, _>(&self.project)?;
        out.push_sql(" AS project_id, ");
        out.push_bind_param::<BigInt, _>(&self.user)?;
        out.push_sql(" AS user_id)");
        out.push_sql(UP);
        out.push_sql("SELECT ");
        Row::select(&mut out);
        out.push_sql(" FROM asked a LEFT JOIN ");
        push_rules(self.catalogue, &mut out);
        out.push_sql(" ON 1 = 1");
        Ok(())
    }
}

query!(PushChecksQuery<'_>, row Row);

//! Selects the checks that are enabled for a project, in one statement.
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text};

use crate::MultiBackend;
use crate::catalogue::{Catalogue, InstancePushRule};
use domain::access::PushRule;

#[derive(Queryable)]
pub(super) struct Row {
    pub lfs: LfsRow,
    pub has_commits: bool,
    pub rule: Option<RuleRow>,
}

#[derive(Queryable)]
pub(super) struct LfsRow {
    pub enabled: Option<bool>,
    pub has_objects: bool,
    pub locked: bool,
}

#[derive(Queryable)]
pub(super) struct RuleRow {
    branch_name_regex: Option<String>,
    commit_message_regex: Option<String>,
    commit_message_negative_regex: Option<String>,
    author_email_regex: Option<String>,
    file_name_regex: Option<String>,
    max_file_size: i32,
    deny_delete_tag: bool,
    member_check: bool,
    prevent_secrets: bool,
    reject_unsigned_commits: bool,
    commit_committer_check: bool,
    commit_committer_name_check: bool,
    reject_non_dco_commits: bool,
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
const REST: &str = ", up AS (\
  SELECT n.parent_id, n.lfs_enabled, 0 AS distance FROM namespaces n \
   WHERE n.id = (SELECT namespace_id FROM projects WHERE id = (SELECT project_id FROM asked)) \
  UNION ALL SELECT n.parent_id, n.lfs_enabled, up.distance + 1 FROM up JOIN namespaces n ON n.id = up.parent_id) \
SELECT COALESCE((SELECT p.lfs_enabled FROM projects p WHERE p.id = a.project_id), \
    (SELECT up.lfs_enabled FROM up WHERE up.lfs_enabled IS NOT NULL ORDER BY up.distance LIMIT 1)), \
  EXISTS (SELECT 1 FROM lfs_objects_projects l WHERE l.project_id = a.project_id), \
  EXISTS (SELECT 1 FROM lfs_file_locks l WHERE l.project_id = a.project_id AND l.user_id <> a.user_id), \
  EXISTS (SELECT 1 FROM project_statistics s WHERE s.project_id = a.project_id AND s.commit_count > 0)";

/// The columns of a push rule, each with the value to use if the table does not have the column.
const RULE_COLUMNS: &[(&str, &str)] = &[
    ("branch_name_regex", "CAST(NULL AS text)"),
    ("commit_message_regex", "CAST(NULL AS text)"),
    ("commit_message_negative_regex", "CAST(NULL AS text)"),
    ("author_email_regex", "CAST(NULL AS text)"),
    ("file_name_regex", "CAST(NULL AS text)"),
    ("max_file_size", "0"),
    ("deny_delete_tag", "false"),
    ("member_check", "false"),
    ("prevent_secrets", "false"),
    ("reject_unsigned_commits", "false"),
    ("commit_committer_check", "false"),
    ("commit_committer_name_check", "false"),
    ("reject_non_dco_commits", "false"),
];

const PROJECT_RULE: &str =
    "(SELECT max(id) FROM push_rules WHERE project_id = (SELECT project_id FROM asked))";

/// Selects the project's own rule and the instance's. `step` distinguishes them.
fn push_rules(catalogue: &Catalogue, out: &mut AstPass<'_, '_, MultiBackend>) {
    let table = |table: &str, step: u8| {
        let columns = RULE_COLUMNS.iter().map(|(column, fallback)| {
            let is_boolean = *fallback == "false";
            match (catalogue.has(table, column), is_boolean) {
                (false, _) => format!("{fallback} AS {column}"),
                (true, false) => (*column).to_owned(),
                (true, true) => format!("COALESCE({column}, false) AS {column}"),
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
        out.push_sql(REST);
        for (column, _) in RULE_COLUMNS {
            out.push_sql(", r.");
            out.push_sql(column);
        }
        out.push_sql(" FROM asked a LEFT JOIN ");
        push_rules(self.catalogue, &mut out);
        out.push_sql(" ON 1 = 1");
        Ok(())
    }
}

type N<T> = Nullable<T>;
type RuleColumns =
    (N<Text>, N<Text>, N<Text>, N<Text>, N<Text>, Integer, Bool, Bool, Bool, Bool, Bool, Bool, Bool);

impl Query for PushChecksQuery<'_> {
    type SqlType = ((N<Bool>, Bool, Bool), Bool, N<RuleColumns>);
}

/// The text depends on the catalogue, so a connection caches the prepared statement by its text.
impl QueryId for PushChecksQuery<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C> RunQueryDsl<C> for PushChecksQuery<'_> {}

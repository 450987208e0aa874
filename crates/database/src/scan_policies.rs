//! Scan execution policies of a project and of the groups above it.
use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Bool, Nullable, SmallInt, Text, Timestamp};

use crate::sql::List;
use crate::sql::statement::{StatementRow, query, statement};
use crate::{Conn, MultiBackend, Result};

/// The number of policies of a configuration that are used.
const MAX_POLICIES: usize = 5;

/// A policy that applies to a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub name: String,
    pub description: Option<String>,
    pub enabled: bool,
    /// The content as JSON, in the stored order.
    pub content: String,
    /// The rules of `scan_execution_policy_rules`, in order.
    pub rules: Vec<Rule>,
    pub updated_at: NaiveDateTime,
}

/// A rule, with its content as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub is_scheduled: bool,
    pub content: String,
}

statement! {
    struct Row {
        id: BigInt = "s.id",
        configuration_id: BigInt = "c.id",
        name: Text = "s.name",
        description: Nullable<Text> = "s.description",
        enabled: Bool = "s.enabled",
        content: Text = "CAST(s.content AS text)",
        updated_at: Timestamp = "s.updated_at",
        configured_at: Nullable<Timestamp> = "c.configured_at",
    }
}

/// The policies of a project: its own ones before those of its groups, the nearest group first.
pub fn find_by_project(conn: &mut Conn, project_id: i64) -> Result<Vec<Policy>> {
    let mut rows: Vec<Row> = ByProject { project_id }.load(conn)?;
    let mut counts: HashMap<i64, usize> = HashMap::new();
    rows.retain(|row| {
        let count = counts.entry(row.configuration_id).or_default();
        *count += 1;
        *count <= MAX_POLICIES
    });
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut rules = rules(conn, &ids)?;
    Ok(rows
        .into_iter()
        .map(|row| Policy {
            name: row.name,
            description: row.description,
            enabled: row.enabled,
            content: row.content,
            rules: rules.remove(&row.id).unwrap_or_default(),
            updated_at: row.configured_at.map_or(row.updated_at, |time| time.max(row.updated_at)),
        })
        .collect())
}

struct ByProject {
    project_id: i64,
}

impl QueryFragment<MultiBackend> for ByProject {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("WITH RECURSIVE parameters AS (SELECT ");
        out.push_bind_param::<BigInt, _>(&self.project_id)?;
        out.push_sql(
            " AS project_id), up AS (\
             SELECT n.id, n.parent_id, 1 AS distance FROM projects p JOIN namespaces n ON n.id = p.namespace_id \
              WHERE p.id = (SELECT project_id FROM parameters) \
             UNION ALL SELECT n.id, n.parent_id, distance + 1 FROM up JOIN namespaces n ON n.id = up.parent_id), \
             c AS (SELECT id, configured_at, 0 AS distance FROM security_orchestration_policy_configurations \
              WHERE project_id = (SELECT project_id FROM parameters) \
             UNION ALL SELECT s.id, s.configured_at, up.distance FROM up \
              JOIN security_orchestration_policy_configurations s ON s.namespace_id = up.id) \
             SELECT ",
        );
        Row::select(&mut out);
        out.push_sql(
            " FROM c JOIN security_policies s ON s.security_orchestration_policy_configuration_id = c.id AND s.type = 1 \
              ORDER BY c.distance, s.policy_index",
        );
        Ok(())
    }
}

query!(static ByProject, row Row);

fn rules(conn: &mut Conn, policies: &[i64]) -> Result<HashMap<i64, Vec<Rule>>> {
    let mut found: HashMap<i64, Vec<Rule>> = HashMap::new();
    if policies.is_empty() {
        return Ok(found);
    }
    let rows: Vec<(i64, i16, String)> = RulesByPolicy { policies: List(policies) }.load(conn)?;
    for (policy, kind, content) in rows {
        found.entry(policy).or_default().push(Rule { is_scheduled: kind == 1, content });
    }
    Ok(found)
}

struct RulesByPolicy<'a> {
    policies: List<'a, i64>,
}

impl QueryFragment<MultiBackend> for RulesByPolicy<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql(
            "SELECT security_policy_id, type, CAST(content AS text) FROM scan_execution_policy_rules \
             WHERE security_policy_id IN ",
        );
        self.policies.push(&mut out)?;
        out.push_sql(" ORDER BY security_policy_id, rule_index");
        Ok(())
    }
}

query!(RulesByPolicy<'_>, (BigInt, SmallInt, Text));

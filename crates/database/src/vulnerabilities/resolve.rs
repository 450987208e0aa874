//! The resolution after a scan: findings that it did not report are resolved.
use std::collections::BTreeSet;

use chrono::NaiveDateTime;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Bool, Nullable, SmallInt, Text, Timestamp};
use domain::agents::vulnerability::{CLUSTER_IMAGE_SCANNING, State};
use uuid::Uuid;

use crate::schema::{vulnerabilities, vulnerability_occurrences as occurrences};
use crate::sql::List;
use crate::sql::statement::query;
use crate::{Conn, MultiBackend, Result};

/// Vulnerabilities per transaction.
const BATCH_SIZE: i64 = 100;

/// The values that a resolution stores.
#[derive(Debug, Clone, Copy)]
pub struct Resolution {
    pub project_id: i64,
    pub by: Option<i64>,
    pub at: NaiveDateTime,
}

/// Resolves the detected and confirmed vulnerabilities that agents found in a project, except these findings.
/// Returns how many were resolved.
pub fn resolve_others(
    conn: &mut Conn,
    project_id: i64,
    found: &BTreeSet<Uuid>,
    by: Option<i64>,
    at: NaiveDateTime,
) -> Result<usize> {
    let resolution = Resolution { project_id, by, at };
    let (mut resolved, mut after) = (0, 0);
    loop {
        let batch = batch(conn, project_id, after)?;
        let Some((last, _)) = batch.last() else { return Ok(resolved) };
        after = *last;
        // A row without a UUID is not among the findings.
        let is_gone = |uuid: &str| Uuid::parse_str(uuid).map_or(true, |uuid| !found.contains(&uuid));
        let gone: Vec<i64> = batch.into_iter().filter(|(_, uuid)| is_gone(uuid)).map(|(id, _)| id).collect();
        if !gone.is_empty() {
            resolved += conn.write(|conn| resolve(conn, resolution, &gone))?;
        }
    }
}

fn batch(conn: &mut Conn, project_id: i64, after: i64) -> Result<Vec<(i64, String)>> {
    Ok(vulnerabilities::table
        .inner_join(occurrences::table.on(occurrences::id.eq(vulnerabilities::finding_id)))
        .filter(vulnerabilities::project_id.eq(project_id))
        .filter(vulnerabilities::report_type.eq(CLUSTER_IMAGE_SCANNING))
        .filter(
            vulnerabilities::state.eq(State::DETECTED.0).or(vulnerabilities::state.eq(State::CONFIRMED.0)),
        )
        .filter(vulnerabilities::id.gt(after))
        .order(vulnerabilities::id)
        .limit(BATCH_SIZE)
        .select((vulnerabilities::id, sql::<Text>("CAST(vulnerability_occurrences.uuid AS text)")))
        .load(conn)?)
}

fn resolve(conn: &mut Conn, resolution: Resolution, ids: &[i64]) -> Result<usize> {
    if let Conn::Postgresql(pg) = conn {
        // Without this lock, two scans of one project that end at the same time could deadlock.
        sql::<Bool>("SELECT pg_advisory_xact_lock(hashtextextended('resolve:' || ")
            .bind::<Text, _>(resolution.project_id.to_string())
            .sql(", 0))")
            .execute(pg)?;
    }
    let mut count = 0;
    for from in [State::DETECTED, State::CONFIRMED] {
        let resolved: Vec<i64> =
            Step { resolution, from, ids: List(ids), table: StepTable::Vulnerabilities }.load(conn)?;
        if !resolved.is_empty() {
            Step { resolution, from, ids: List(&resolved), table: StepTable::Transitions }.execute(conn)?;
            Step { resolution, from, ids: List(&resolved), table: StepTable::Reads }.execute(conn)?;
        }
        count += resolved.len();
    }
    Ok(count)
}

/// One statement of a resolution, about the vulnerabilities of `ids` that still have the state `from`.
struct Step<'a> {
    resolution: Resolution,
    from: State,
    ids: List<'a, i64>,
    table: StepTable,
}

#[derive(Debug, Clone, Copy)]
enum StepTable {
    Vulnerabilities,
    Transitions,
    Reads,
}

impl QueryFragment<MultiBackend> for Step<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        let Resolution { by, at, .. } = &self.resolution;
        match self.table {
            StepTable::Vulnerabilities => {
                out.push_sql(
                    "UPDATE vulnerabilities SET resolved_on_default_branch = true, auto_resolved = true, state = ",
                );
                out.push_bind_param::<SmallInt, _>(&State::RESOLVED.0)?;
                out.push_sql(", resolved_by_id = ");
                out.push_bind_param::<Nullable<BigInt>, _>(by)?;
                out.push_sql(", resolved_at = ");
                out.push_bind_param::<Timestamp, _>(at)?;
                out.push_sql(", updated_at = ");
                out.push_bind_param::<Timestamp, _>(at)?;
                out.push_sql(" WHERE state = ");
                out.push_bind_param::<SmallInt, _>(&self.from.0)?;
                out.push_sql(" AND id IN ");
                self.ids.push(&mut out)?;
                out.push_sql(" RETURNING id");
            }
            StepTable::Transitions => {
                out.push_sql(
                    "INSERT INTO vulnerability_state_transitions \
                     (vulnerability_id, project_id, to_state, from_state, author_id, created_at, updated_at) \
                     SELECT id, project_id, CAST(",
                );
                out.push_bind_param::<SmallInt, _>(&State::RESOLVED.0)?;
                out.push_sql(" AS smallint), ");
                out.push_bind_param::<SmallInt, _>(&self.from.0)?;
                out.push_sql(", resolved_by_id, resolved_at, updated_at FROM vulnerabilities WHERE id IN ");
                self.ids.push(&mut out)?;
            }
            StepTable::Reads => {
                out.push_sql(
                    "UPDATE vulnerability_reads SET resolved_on_default_branch = true, auto_resolved = true, state = ",
                );
                out.push_bind_param::<SmallInt, _>(&State::RESOLVED.0)?;
                out.push_sql(" WHERE vulnerability_id IN ");
                self.ids.push(&mut out)?;
            }
        }
        Ok(())
    }
}

query!(Step<'_>, BigInt);

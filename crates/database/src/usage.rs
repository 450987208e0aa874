//! Usage reports of kas in tables of our own, for an instance without Redis.
use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDateTime, TimeDelta};
use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};
use domain::agents::usage::{Event, Report, iso_week};

use crate::schema::{kas_counters, kas_events, kas_unique_counters};
use crate::sql::List;
use crate::sql::statement::query;
use crate::{Conn, MultiBackend, Result};

/// Rows per statement.
const CHUNK_SIZE: usize = 500;
/// Events that are kept, approximately.
const MAX_EVENTS: i64 = 1_000_000;
/// How long the sets of a week are kept.
const SET_LIFETIME: TimeDelta = TimeDelta::weeks(6);

/// Stores a report as a whole.
pub fn record(conn: &mut Conn, report: &Report, now: NaiveDateTime) -> Result<()> {
    let week = iso_week(now.date());
    conn.write(|conn| {
        for (name, n) in &report.counters {
            Rows::Counter(name, *n).execute(conn)?;
        }
        for (name, ids) in &report.sets {
            let ids: Vec<i64> = ids.iter().copied().collect();
            for ids in ids.chunks(CHUNK_SIZE) {
                Rows::Set(name, &week, ids).execute(conn)?;
            }
        }
        let mut events = report.all_events();
        loop {
            let chunk: Vec<Event> = events.by_ref().take(CHUNK_SIZE).collect();
            if chunk.is_empty() {
                return Ok(());
            }
            Rows::Events(&chunk, now).execute(conn)?;
        }
    })
}

/// One statement of a report.
enum Rows<'a> {
    Counter(&'a str, i64),
    Set(&'a str, &'a str, &'a [i64]),
    Events(&'a [Event], NaiveDateTime),
}

impl QueryFragment<MultiBackend> for Rows<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        match self {
            Self::Counter(name, n) => {
                out.push_sql("INSERT INTO kas_counters (name, value) VALUES (");
                out.push_bind_param::<Text, _>(name)?;
                out.push_sql(", ");
                out.push_bind_param::<BigInt, _>(n)?;
                // The counter saturates at the greatest number.
                out.push_sql(
                    ") ON CONFLICT (name) DO UPDATE SET value = \
                     CASE WHEN kas_counters.value > 9223372036854775807 - excluded.value THEN 9223372036854775807 \
                          ELSE kas_counters.value + excluded.value END",
                );
            }
            Self::Set(name, week, ids) => {
                out.push_sql("INSERT INTO kas_unique_counters (name, iso_week, entity_id) VALUES ");
                for (index, id) in ids.iter().enumerate() {
                    out.push_sql(if index == 0 { "(" } else { ", (" });
                    out.push_bind_param::<Text, _>(name)?;
                    out.push_sql(", ");
                    out.push_bind_param::<Text, _>(week)?;
                    out.push_sql(", ");
                    out.push_bind_param::<BigInt, _>(id)?;
                    out.push_sql(")");
                }
                out.push_sql(" ON CONFLICT DO NOTHING");
            }
            Self::Events(events, now) => {
                out.push_sql(
                    "INSERT INTO kas_events (name, user_id, project_id, properties, created_at) VALUES ",
                );
                for (index, event) in events.iter().enumerate() {
                    out.push_sql(if index == 0 { "(" } else { ", (" });
                    out.push_bind_param::<Text, _>(event.name)?;
                    out.push_sql(", ");
                    out.push_bind_param::<Nullable<BigInt>, _>(&event.user_id)?;
                    out.push_sql(", ");
                    out.push_bind_param::<Nullable<BigInt>, _>(&event.project_id)?;
                    out.push_sql(", ");
                    out.push_bind_param::<Text, _>(event.properties_text())?;
                    out.push_sql(", ");
                    out.push_bind_param::<Timestamp, _>(now)?;
                    out.push_sql(")");
                }
            }
        }
        if !matches!(self, Self::Counter(..)) {
            // The text depends on the number of rows.
            out.unsafe_to_cache_prepared();
        }
        Ok(())
    }
}

query!(Rows<'_>);

/// The counters, and the sizes of the sets in the week of `now`.
pub fn counts(conn: &mut Conn, now: NaiveDateTime) -> Result<(BTreeMap<String, i64>, BTreeMap<String, i64>)> {
    let counters: Vec<(String, i64)> =
        kas_counters::table.select((kas_counters::name, kas_counters::value)).load(conn)?;
    let sets: Vec<(String, i64)> = kas_unique_counters::table
        .filter(kas_unique_counters::iso_week.eq(iso_week(now.date())))
        .group_by(kas_unique_counters::name)
        .select((kas_unique_counters::name, count_star()))
        .load(conn)?;
    Ok((counters.into_iter().collect(), sets.into_iter().collect()))
}

/// The users and projects of events.
#[derive(Debug, Clone, Default)]
pub struct References {
    users: BTreeSet<i64>,
    projects: BTreeSet<i64>,
}

impl References {
    pub fn new(events: &[Event]) -> Self {
        Self {
            users: events.iter().filter_map(|event| event.user_id).collect(),
            projects: events.iter().filter_map(|event| event.project_id).collect(),
        }
    }

    /// The users and projects that exist.
    pub fn known(&self, conn: &mut Conn) -> Result<Self> {
        Ok(Self {
            users: known(conn, "users", &self.users)?,
            projects: known(conn, "projects", &self.projects)?,
        })
    }

    /// Removes the events of unknown projects, and unknown users from the other events. Returns the number of
    /// removed events.
    pub fn retain(&self, events: &mut Vec<Event>) -> usize {
        let before = events.len();
        events.retain(|event| event.project_id.is_some_and(|id| self.projects.contains(&id)));
        for event in events.iter_mut() {
            event.user_id = event.user_id.filter(|id| self.users.contains(id));
        }
        before - events.len()
    }
}

fn known(conn: &mut Conn, table: &'static str, ids: &BTreeSet<i64>) -> Result<BTreeSet<i64>> {
    let ids: Vec<i64> = ids.iter().copied().collect();
    let mut found = BTreeSet::new();
    for ids in ids.chunks(CHUNK_SIZE) {
        found.extend(Known { table, ids: List(ids) }.load::<i64>(conn)?);
    }
    Ok(found)
}

struct Known<'a> {
    table: &'static str,
    ids: List<'a, i64>,
}

impl QueryFragment<MultiBackend> for Known<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("SELECT id FROM ");
        out.push_sql(self.table);
        out.push_sql(" WHERE id IN ");
        self.ids.push(&mut out)
    }
}

query!(Known<'_>, BigInt);

/// Deletes old sets and surplus events. Returns the number of deleted rows.
pub fn prune(conn: &mut Conn, now: NaiveDateTime) -> Result<usize> {
    conn.write(|conn| {
        let oldest = iso_week((now - SET_LIFETIME).date());
        let sets = kas_unique_counters::table.filter(kas_unique_counters::iso_week.lt(oldest));
        let mut deleted = diesel::delete(sets).execute(conn)?;
        let newest: Option<i64> =
            kas_events::table.order(kas_events::id.desc()).select(kas_events::id).first(conn).optional()?;
        if let Some(newest) = newest {
            let old = kas_events::table.filter(kas_events::id.le(newest - MAX_EVENTS));
            deleted += diesel::delete(old).execute(conn)?;
        }
        Ok(deleted)
    })
}

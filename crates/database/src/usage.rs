//! What kas reports, where there is no Redis to count it in: the same in tables of our own.
use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDateTime, TimeDelta};
use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Text, Timestamp};
use domain::agents::usage::{Event, Report, iso_week};

use crate::ext::List;
use crate::schema::{kas_counters, kas_events, kas_unique_counters};
use crate::{Conn, MultiBackend, Result};

/// Rows that one statement writes.
const ROWS: usize = 500;
/// Events that are kept, about.
const KEPT_EVENTS: i64 = 1_000_000;
/// How long the sets of a week are kept.
const KEPT_SETS: TimeDelta = TimeDelta::weeks(6);

/// Notes a whole report, or nothing of it.
pub fn record(conn: &mut Conn, report: &Report, now: NaiveDateTime) -> Result<()> {
    let week = iso_week(now.date());
    conn.write(|conn| {
        for (name, n) in &report.totals {
            Rows::Total(name, *n).execute(conn)?;
        }
        for (name, ids) in &report.sets {
            let ids: Vec<i64> = ids.iter().copied().collect();
            for ids in ids.chunks(ROWS) {
                Rows::Set(name, &week, ids).execute(conn)?;
            }
        }
        let events: Vec<(&Event, String)> = report
            .events
            .iter()
            .map(|event| (event, serde_json::Value::Object(event.properties.clone()).to_string()))
            .collect();
        for events in events.chunks(ROWS) {
            Rows::Events(events, now).execute(conn)?;
        }
        Ok(())
    })
}

/// One statement of a report.
enum Rows<'a> {
    Total(&'a str, i64),
    Set(&'a str, &'a str, &'a [i64]),
    Events(&'a [(&'a Event, String)], NaiveDateTime),
}

impl QueryFragment<MultiBackend> for Rows<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        match self {
            Self::Total(name, n) => {
                out.push_sql("INSERT INTO kas_counters (name, value) VALUES (");
                out.push_bind_param::<Text, _>(name)?;
                out.push_sql(", ");
                out.push_bind_param::<BigInt, _>(n)?;
                // A sum that does not fit stays at the greatest number.
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
                for (index, (event, properties)) in events.iter().enumerate() {
                    out.push_sql(if index == 0 { "(" } else { ", (" });
                    out.push_bind_param::<Text, _>(event.name)?;
                    out.push_sql(", ");
                    out.push_bind_param::<Nullable<BigInt>, _>(&event.user_id)?;
                    out.push_sql(", ");
                    out.push_bind_param::<Nullable<BigInt>, _>(&event.project_id)?;
                    out.push_sql(", ");
                    out.push_bind_param::<Text, _>(properties)?;
                    out.push_sql(", ");
                    out.push_bind_param::<Timestamp, _>(now)?;
                    out.push_sql(")");
                }
            }
        }
        if !matches!(self, Self::Total(..)) {
            // As many texts as there are numbers of rows: not worth a place in the cache.
            out.unsafe_to_cache_prepared();
        }
        Ok(())
    }
}

impl QueryId for Rows<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C> RunQueryDsl<C> for Rows<'_> {}

/// The totals, and how many ids each set has in the week of `now`.
pub fn counts(conn: &mut Conn, now: NaiveDateTime) -> Result<(BTreeMap<String, i64>, BTreeMap<String, i64>)> {
    let totals: Vec<(String, i64)> =
        kas_counters::table.select((kas_counters::name, kas_counters::value)).load(conn)?;
    let sets: Vec<(String, i64)> = kas_unique_counters::table
        .filter(kas_unique_counters::iso_week.eq(iso_week(now.date())))
        .group_by(kas_unique_counters::name)
        .select((kas_unique_counters::name, count_star()))
        .load(conn)?;
    Ok((totals.into_iter().collect(), sets.into_iter().collect()))
}

/// Takes people and projects that are not there out of events.
pub fn forget_unknown(conn: &mut Conn, events: &mut [Event]) -> Result<()> {
    let users = known(conn, "users", events.iter().filter_map(|event| event.user_id))?;
    let projects = known(conn, "projects", events.iter().filter_map(|event| event.project_id))?;
    for event in events {
        event.user_id = event.user_id.filter(|id| users.contains(id));
        event.project_id = event.project_id.filter(|id| projects.contains(id));
    }
    Ok(())
}

fn known(conn: &mut Conn, table: &'static str, ids: impl Iterator<Item = i64>) -> Result<BTreeSet<i64>> {
    let asked: BTreeSet<i64> = ids.collect();
    let asked: Vec<i64> = asked.into_iter().collect();
    let mut found = BTreeSet::new();
    for ids in asked.chunks(ROWS) {
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

impl QueryId for Known<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Known<'_> {
    type SqlType = BigInt;
}

impl<C> RunQueryDsl<C> for Known<'_> {}

/// Takes away what is too old or too much; how many rows went.
pub fn prune(conn: &mut Conn, now: NaiveDateTime) -> Result<usize> {
    conn.write(|conn| {
        let oldest = iso_week((now - KEPT_SETS).date());
        let sets = kas_unique_counters::table.filter(kas_unique_counters::iso_week.lt(oldest));
        let mut gone = diesel::delete(sets).execute(conn)?;
        let newest: Option<i64> =
            kas_events::table.order(kas_events::id.desc()).select(kas_events::id).first(conn).optional()?;
        if let Some(newest) = newest {
            let old = kas_events::table.filter(kas_events::id.le(newest - KEPT_EVENTS));
            gone += diesel::delete(old).execute(conn)?;
        }
        Ok(gone)
    })
}

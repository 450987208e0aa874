//! Usage reports of kas, under GitLab's keys. One report is one transaction, and one round trip unless it
//! is large.
use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDateTime;
use domain::agents::usage::{COUNTERS, Event, Report, UNIQUE_SETS, iso_week};
use redis::{Cmd, Pipeline, Value, cmd, pipe};

use crate::RedisError;
use crate::redis::Store;

/// GitLab keeps a week's sets for six weeks.
const SET_LIFETIME_S: i64 = 6 * 7 * 24 * 60 * 60;

/// The stream of events, and its approximate maximum length.
const EVENTS: &str = "kas:events";
const KEPT_EVENTS: usize = 1_000_000;

/// Commands of a pipeline, and ids of a command. A body of 10 MiB can hold a million ids and 160,000
/// events, and a command takes about a kilobyte until it is sent.
const BATCH: usize = 1_000;

/// Counts by name.
pub type Counts = BTreeMap<String, i64>;

impl Store {
    /// Records a whole report or nothing, except for keys that have another type. A total that would
    /// overflow stays at the maximum.
    pub async fn record(&self, report: &Report, now: NaiveDateTime) -> Result<(), RedisError> {
        if report.is_empty() {
            return Ok(());
        }
        let pipelines = || batches(commands(report, now)).map(pipeline);
        let mut first = pipelines();
        let replies = match (first.next(), first.next()) {
            (Some(only), None) => self.transact_each(&only).await?,
            _ => self.transact_batches(pipelines).await?,
        };
        let is_in_part = replies.iter().any(Result::is_ok);
        let mut full = pipe();
        for (index, reply) in replies.into_iter().enumerate() {
            match (reply, report.counters.keys().nth(index)) {
                (Ok(_), _) => {}
                (Err(error), Some(name))
                    if error.detail().is_some_and(|words| words.contains("overflow")) =>
                {
                    full.set(total_key(name), i64::MAX);
                }
                // The rest has been counted, and must not be counted again with the next report.
                (Err(error), _) if is_in_part => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a part of a report could not be noted: is a key of another type?"
                ),
                (Err(error), _) => return Err(RedisError::sent(error)),
            }
        }
        if full.is_empty() { Ok(()) } else { self.transact::<Value>(&full).await.map(drop) }
    }

    /// Returns the totals, and the approximate cardinality of each set in the week of `now`.
    pub async fn usage(&self, now: NaiveDateTime) -> Result<(Counts, Counts), RedisError> {
        let week = iso_week(now.date());
        let mut pipeline = pipe();
        for name in COUNTERS {
            pipeline.get(total_key(name));
        }
        for name in UNIQUE_SETS {
            pipeline.pfcount(set_key(name, &week));
        }
        let counts: Vec<Option<i64>> = self.ask_safely(&pipeline).await?;
        let (totals, sets) = counts.split_at(COUNTERS.len());
        let named = |names: &[&str], counts: &[Option<i64>]| {
            let pairs =
                names.iter().zip(counts).filter_map(|(name, count)| Some(((*name).to_owned(), (*count)?)));
            pairs.collect()
        };
        Ok((named(COUNTERS, totals), named(UNIQUE_SETS, sets)))
    }
}

/// Totals come first, because their replies may report an overflow.
fn commands(report: &Report, now: NaiveDateTime) -> impl Iterator<Item = Cmd> {
    let (week, created_at) = (iso_week(now.date()), now.and_utc().to_rfc3339());
    let totals = report.counters.iter().map(|(name, n)| {
        let mut add = cmd("INCRBY");
        add.arg(total_key(name)).arg(*n);
        add
    });
    let sets = report.sets.iter().flat_map(move |(name, ids)| add_ids(set_key(name, &week), ids));
    let events = report.all_events().map(move |event| add_event(&event, &created_at));
    totals.chain(sets).chain(events)
}

fn add_ids(key: String, ids: &BTreeSet<i64>) -> impl Iterator<Item = Cmd> {
    let mut expire = cmd("EXPIRE");
    expire.arg(&key).arg(SET_LIFETIME_S);
    let adds = batches(ids.iter().copied()).map(move |ids| {
        let mut add = cmd("PFADD");
        add.arg(&key).arg(ids);
        add
    });
    adds.chain(std::iter::once(expire))
}

fn add_event(event: &Event, created_at: &str) -> Cmd {
    let mut add = cmd("XADD");
    add.arg(EVENTS).arg("MAXLEN").arg("~").arg(KEPT_EVENTS).arg("*");
    add.arg("name").arg(event.name).arg("created_at").arg(created_at);
    for (field, id) in [("user_id", event.user_id), ("project_id", event.project_id)] {
        if let Some(id) = id {
            add.arg(field).arg(id);
        }
    }
    if event.properties.is_some() {
        add.arg("properties").arg(event.properties_text());
    }
    add
}

fn batches<T>(mut items: impl Iterator<Item = T>) -> impl Iterator<Item = Vec<T>> {
    std::iter::from_fn(move || {
        let batch: Vec<T> = items.by_ref().take(BATCH).collect();
        (!batch.is_empty()).then_some(batch)
    })
}

fn pipeline(commands: Vec<Cmd>) -> Pipeline {
    let mut pipeline = pipe();
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline
}

fn total_key(name: &str) -> String {
    format!("USAGE_KUBERNETES_AGENT_{}", name.to_ascii_uppercase())
}

/// The braces are part of the key. They place the sets in the same cluster slot.
fn set_key(name: &str, week: &str) -> String {
    format!("{{hll_counters}}_{name}-{week}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_gitlab() {
        assert_eq!(total_key("k8s_api_proxy_request"), "USAGE_KUBERNETES_AGENT_K8S_API_PROXY_REQUEST");
        let key = set_key("k8s_api_proxy_requests_unique_users_via_ci_access", "2026-47");
        assert_eq!(key, "{hll_counters}_k8s_api_proxy_requests_unique_users_via_ci_access-2026-47");
        assert_eq!(SET_LIFETIME_S, 3_628_800);
    }
}

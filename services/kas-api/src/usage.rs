//! Storage of usage reports, in Redis or in tables of our own, and their metrics.
use std::fmt::Write;

use database::Pool;
use domain::agents::usage::{COUNTERS, Report, UNIQUE_SETS};
use endpoint::{Clock, FurtherMetrics};
use shared_state::{Counters, Counts, StoreName};

use crate::App;
use crate::error::KasError;

impl App {
    /// Stores a report as a whole.
    pub(crate) async fn record(&self, report: Report) -> Result<(), KasError> {
        if report.is_empty() {
            return Ok(());
        }
        let now = self.core.clock.now();
        match self.core.counters.store(StoreName::SharedState) {
            Some(redis) => Ok(redis.record(&report, now).await?),
            None => Ok(self.core.pool.run(move |conn| database::usage::record(conn, &report, now)).await?),
        }
    }
}

/// The counters in Prometheus' text format; empty while they cannot be read.
pub(crate) fn metrics(pool: Pool, counters: Counters, clock: Clock) -> FurtherMetrics {
    FurtherMetrics(Box::new(move || {
        let (pool, counters, now) = (pool.clone(), counters.clone(), clock.now());
        Box::pin(async move {
            let counts = match counters.store(StoreName::SharedState) {
                Some(redis) => redis.usage(now).await.map_err(KasError::from),
                None => {
                    pool.read(move |conn| database::usage::counts(conn, now)).await.map_err(KasError::from)
                }
            };
            match counts {
                Ok((counters, sets)) => text(&counters, &sets),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "failed to read the usage counters"
                    );
                    String::new()
                }
            }
        })
    }))
}

fn text(totals: &Counts, sets: &Counts) -> String {
    let mut text = String::new();
    for (name, kind, help, names, counts) in [
        (
            "kas_usage_counter_total",
            "counter",
            "Usage of the agent server as reported by kas",
            COUNTERS,
            totals,
        ),
        ("kas_unique_counter", "gauge", "Unique users, agents or projects of this week", UNIQUE_SETS, sets),
    ] {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for label in names {
            let _ = writeln!(text, "{name}{{name=\"{label}\"}} {}", counts.get(*label).unwrap_or(&0));
        }
    }
    text
}

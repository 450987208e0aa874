//! Where reports of kas go: to Redis, or into tables of our own; and what the metrics tell of them.
use std::fmt::Write;

use database::Pool;
use domain::agents::usage::{Report, SETS, TOTALS};
use endpoint::{Clock, FurtherMetrics};
use shared_state::{Counters, Counts};

use crate::App;
use crate::error::KasError;

impl App {
    /// Notes a whole report, or nothing of it.
    pub(crate) async fn record(&self, report: Report) -> Result<(), KasError> {
        if report.is_empty() {
            return Ok(());
        }
        let now = self.core.clock.now();
        match &self.core.counters {
            Counters::Redis(redis) => Ok(redis.record(&report, now).await?),
            Counters::Memory(_) => {
                Ok(self.core.pool.run(move |conn| database::usage::record(conn, &report, now)).await?)
            }
        }
    }
}

/// The counts, in Prometheus' text; none while they cannot be read.
pub(crate) fn metrics(pool: Pool, counters: Counters, clock: Clock) -> FurtherMetrics {
    FurtherMetrics(Box::new(move || {
        let (pool, counters, now) = (pool.clone(), counters.clone(), clock.now());
        Box::pin(async move {
            let counts = match &counters {
                Counters::Redis(redis) => redis.usage(now).await.map_err(KasError::from),
                Counters::Memory(_) => {
                    pool.read(move |conn| database::usage::counts(conn, now)).await.map_err(KasError::from)
                }
            };
            match counts {
                Ok((totals, sets)) => text(&totals, &sets),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the counts of kas cannot be read"
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
        ("kas_usage_counter_total", "counter", "What kas has reported, in all", TOTALS, totals),
        ("kas_unique_counter", "gauge", "Whom or what kas has seen this week", SETS, sets),
    ] {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for label in names {
            let _ = writeln!(text, "{name}{{name=\"{label}\"}} {}", counts.get(*label).unwrap_or(&0));
        }
    }
    text
}

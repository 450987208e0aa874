//! The state of one request: its correlation id, client address, deadline and log fields.
use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::{HttpMessage, HttpRequest};
use telemetry::LogFields;
use telemetry::metrics::Metrics;
use tokio::time::Instant;

use crate::Endpoint;
use crate::body::Room;

/// Stored in the request's extensions by the middleware in `server`.
#[derive(Debug, Clone)]
pub struct Context {
    pub correlation_id: Rc<str>,
    /// The client's address. Taken from the proxy's header if the proxy is trusted.
    pub remote_ip: Option<IpAddr>,
    pub endpoint: Option<&'static Endpoint>,
    /// The body limit in bytes: the endpoint's limit, capped by the configured maximum.
    pub max_body: usize,
    /// The body's share of the memory budget.
    pub room: Room,
    pub timeout: Duration,
    pub deadline: Rc<Cell<Instant>>,
    /// The metrics of the service.
    pub metrics: Metrics,
    /// The fields of the access log entry.
    pub fields: LogFields,
}

tokio::task_local! {
    /// The context of the request that this task handles.
    pub static CONTEXT: Context;
}

impl Context {
    /// Returns the context of the request that this task handles. Work outside of a request has none.
    pub fn current() -> Option<Self> {
        CONTEXT.try_with(Clone::clone).ok()
    }

    /// Returns the context of a request. Every request has one.
    pub fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }

    /// Extends the deadline while the body arrives, because receiving it has a deadline of its own.
    pub(crate) fn begin_body(&self) {
        self.deadline.set(Instant::now() + crate::body::DEADLINE + self.timeout);
    }

    /// Starts the deadline of the handler, once the body has arrived.
    pub fn begin_work(&self) {
        self.deadline.set(Instant::now() + self.timeout);
    }
}

/// Counts the statements, calls and durations of a request. Any code in the request's task can add to it.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    statements: AtomicU64,
    database_micros: AtomicU64,
    database_wait_micros: AtomicU64,
    redis_calls: AtomicU64,
    redis_micros: AtomicU64,
    gitaly_calls: AtomicU64,
    gitaly_micros: AtomicU64,
    git_processes: AtomicU64,
    git_micros: AtomicU64,
}

tokio::task_local! {
    pub static TALLY: Tally;
}

/// Counts, and durations in seconds, for the log.
#[derive(Debug)]
pub struct Costs {
    pub statements: u64,
    pub database_s: f64,
    pub database_wait_s: f64,
    pub redis_calls: u64,
    pub redis_s: f64,
    pub gitaly_calls: u64,
    pub gitaly_s: f64,
    pub git_processes: u64,
    pub git_s: f64,
}

impl Tally {
    /// Counts a use of a database connection, and the wait for it.
    pub fn database(statements: u32, duration: Duration, wait: Duration) {
        Self::add(|counts| {
            counts.statements.fetch_add(statements.into(), Ordering::Relaxed);
            counts.database_micros.fetch_add(micros(duration), Ordering::Relaxed);
            counts.database_wait_micros.fetch_add(micros(wait), Ordering::Relaxed);
        });
    }

    pub fn redis(duration: Duration) {
        Self::add(|counts| {
            counts.redis_calls.fetch_add(1, Ordering::Relaxed);
            counts.redis_micros.fetch_add(micros(duration), Ordering::Relaxed);
        });
    }

    pub fn gitaly(duration: Duration) {
        Self::add(|counts| {
            counts.gitaly_calls.fetch_add(1, Ordering::Relaxed);
            counts.gitaly_micros.fetch_add(micros(duration), Ordering::Relaxed);
        });
    }

    pub fn git(duration: Duration) {
        Self::add(|counts| {
            counts.git_processes.fetch_add(1, Ordering::Relaxed);
            counts.git_micros.fetch_add(micros(duration), Ordering::Relaxed);
        });
    }

    /// Changes the counts of the current request. Work outside of a request has none.
    fn add(change: impl FnOnce(&Counts)) {
        let _ = TALLY.try_with(|Self(counts)| change(counts));
    }

    pub fn costs(&self) -> Costs {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let seconds = |micros: &AtomicU64| Duration::from_micros(count(micros)).as_secs_f64();
        let counts = &self.0;
        Costs {
            statements: count(&counts.statements),
            database_s: seconds(&counts.database_micros),
            database_wait_s: seconds(&counts.database_wait_micros),
            redis_calls: count(&counts.redis_calls),
            redis_s: seconds(&counts.redis_micros),
            gitaly_calls: count(&counts.gitaly_calls),
            gitaly_s: seconds(&counts.gitaly_micros),
            git_processes: count(&counts.git_processes),
            git_s: seconds(&counts.git_micros),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

//! The state of one request: its correlation id, client address, deadline and log fields.
use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::{HttpMessage, HttpRequest};
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
    pub fields: Rc<RefCell<LogFields>>,
}

/// Fields that a handler adds to the access log entry.
#[derive(Debug, Default)]
pub struct LogFields {
    pub user_id: Option<i64>,
    pub user_name: Option<String>,
    pub project_id: Option<i64>,
    pub namespace_id: Option<i64>,
    /// The id of an agent for Kubernetes.
    pub agent_id: Option<i64>,
    pub rate_limit_key: Option<String>,
    /// Fields that only some endpoints have, by their names in the dictionary.
    pub further: serde_json::Map<String, serde_json::Value>,
    /// Set by the middleware from the error that produced the response.
    pub error_message: Option<String>,
}

impl Context {
    /// Returns the context of a request. Every request has one.
    pub fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }

    /// Records the user that the request is about in the access log.
    pub fn note_user(&self, id: i64, name: &str) {
        let mut fields = self.fields.borrow_mut();
        fields.user_id = Some(id);
        fields.user_name = Some(name.to_owned());
    }

    /// Adds a field to the request's line in the log.
    pub fn log(&self, name: &'static str, value: impl Into<serde_json::Value>) {
        self.fields.borrow_mut().further.insert(name.to_owned(), value.into());
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

/// Counts what a request has cost so far, from anywhere in its task.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    statements: AtomicU64,
    database_micros: AtomicU64,
    redis_calls: AtomicU64,
    redis_micros: AtomicU64,
}

tokio::task_local! {
    pub static TALLY: Tally;
}

/// Counts, and durations in seconds, for the log.
#[derive(Debug)]
pub struct Costs {
    pub statements: u64,
    pub database_s: f64,
    pub redis_calls: u64,
    pub redis_s: f64,
}

impl Tally {
    pub fn database(statements: u32, duration: Duration) {
        // Work outside a request has no tally.
        let _ = TALLY.try_with(|Self(counts)| {
            counts.statements.fetch_add(statements.into(), Ordering::Relaxed);
            counts.database_micros.fetch_add(micros(duration), Ordering::Relaxed);
        });
    }

    pub fn redis(duration: Duration) {
        let _ = TALLY.try_with(|Self(counts)| {
            counts.redis_calls.fetch_add(1, Ordering::Relaxed);
            counts.redis_micros.fetch_add(micros(duration), Ordering::Relaxed);
        });
    }

    pub fn costs(&self) -> Costs {
        let seconds =
            |micros: &AtomicU64| Duration::from_micros(micros.load(Ordering::Relaxed)).as_secs_f64();
        Costs {
            statements: self.0.statements.load(Ordering::Relaxed),
            database_s: seconds(&self.0.database_micros),
            redis_calls: self.0.redis_calls.load(Ordering::Relaxed),
            redis_s: seconds(&self.0.redis_micros),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

//! What belongs to one request: its name, its sender, its time, and what its log line will say.
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

/// Kept in the request's extensions by the observing middleware.
#[derive(Debug, Clone)]
pub struct Context {
    pub correlation_id: Rc<str>,
    /// Of the client: the proxy's word where the proxy is trusted.
    pub remote_ip: Option<IpAddr>,
    pub endpoint: Option<&'static Endpoint>,
    /// Bytes of a body, by endpoint and ceiling.
    pub max_body: usize,
    /// The body's share of the memory that all bodies have together.
    pub room: Room,
    pub timeout: Duration,
    pub deadline: Rc<Cell<Instant>>,
    pub fields: Rc<RefCell<LogFields>>,
}

/// What a handler adds to the line in the access log.
#[derive(Debug, Default)]
pub struct LogFields {
    pub user_id: Option<i64>,
    pub user_name: Option<String>,
    pub project_id: Option<i64>,
    pub namespace_id: Option<i64>,
    /// Of an agent for Kubernetes.
    pub agent_id: Option<i64>,
    pub rate_limit_key: Option<String>,
    /// Filled by the middleware, from the error that became the answer.
    pub error_message: Option<String>,
}

impl Context {
    /// The context of a request; every request has one.
    pub fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }

    /// Whom the request is about, for its line in the log.
    pub fn note_user(&self, id: i64, name: &str) {
        let mut fields = self.fields.borrow_mut();
        fields.user_id = Some(id);
        fields.user_name = Some(name.to_owned());
    }

    /// The body has come: from now on the time is that of the work.
    pub fn begin_work(&self) {
        self.deadline.set(Instant::now() + self.timeout);
    }
}

/// What a request has cost so far, counted wherever in its task the costs arise.
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

/// Counts and seconds, for the log.
#[derive(Debug)]
pub struct Costs {
    pub statements: u64,
    pub database_s: f64,
    pub redis_calls: u64,
    pub redis_s: f64,
}

impl Tally {
    pub fn database(statements: u32, duration: Duration) {
        // Work outside of a request has no tally.
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

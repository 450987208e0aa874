//! The state that the handlers of a service share.
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use database::{Conn, Pool};
use futures_util::future::LocalBoxFuture;
use ipnet::IpNet;
use shared_state::Counters;
use telemetry::metrics::Metrics;

use crate::rate_limit::RateLimits;
use crate::{ClientEntry, Clock, EndpointTable, Lifecycle, MemoryBudget, log_field};

/// The static description of a service.
#[derive(Debug)]
pub struct ServiceInfo {
    /// `shell-api`
    pub name: &'static str,
    /// `shell`
    pub consumer: &'static str,
    pub version: &'static str,
    pub port: u16,
    pub monitoring_port: u16,
    pub endpoints: &'static EndpointTable,
    /// The default of `--body-budget`: bytes that all request bodies may use together.
    pub body_budget: usize,
    /// Sections of the configuration file that have no command-line flag.
    pub structures: &'static [&'static str],
    /// The response to a request that its deadline (503) or a panic (500) has interrupted, in the format of
    /// the service.
    pub interrupted: fn(StatusCode) -> HttpResponse,
}

/// The shared state that every handler can use.
#[derive(Debug)]
pub struct Core {
    pub info: &'static ServiceInfo,
    pub pool: Pool,
    /// The connections to the database of the service's tables that are not in `main`, if GitLab's tables are
    /// split.
    pub other_pool: Option<Pool>,
    pub counters: Counters,
    pub clock: Clock,
    pub metrics: Metrics,
    pub lifecycle: Lifecycle,
    /// The base URL of links for users, without a trailing slash.
    pub external_url: String,
    /// The prefix of every route: empty, or a path with a leading slash and no trailing slash.
    pub relative_url_root: String,
    pub trusted_proxies: Vec<IpNet>,
    pub client_entry: ClientEntry,
    pub monitoring_allowlist: Vec<IpNet>,
    pub request_timeout: Option<Duration>,
    pub max_body_bytes: Option<usize>,
    pub body_budget: MemoryBudget,
    /// The memory for bodies that are too small to count against `body_budget`.
    pub small_body_budget: MemoryBudget,
    /// The memory for request heads of more than 7 KiB.
    pub head_budget: MemoryBudget,
    pub rate_limits: RateLimits,
    /// Additional metrics of the service, collected on each scrape, in Prometheus' text format.
    pub further_metrics: OnceLock<FurtherMetrics>,
}

impl Core {
    /// Counts a rejected credential, and names the reason in the request's line in the log. `scheme` and
    /// `reason` are among those of `docs/observability.md`.
    pub fn reject_credential(&self, scheme: &'static str, reason: &'static str) {
        self.metrics.auth_failure(self.info.consumer, scheme, reason);
        log_field("auth_scheme", scheme);
        log_field("auth_failure_reason", reason);
    }

    /// The pool of the database of the service's tables that are not in `main`.
    pub fn split_pool(&self) -> &Pool {
        self.other_pool.as_ref().unwrap_or(&self.pool)
    }

    /// All pools, the one of the main database first.
    pub fn pools(&self) -> impl Iterator<Item = &Pool> {
        std::iter::once(&self.pool).chain(&self.other_pool)
    }

    /// Runs `f` with a connection to the main database, and one to the other database if the tables are split.
    pub async fn run_split<T, F>(&self, f: F) -> database::Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Conn, Option<&mut Conn>) -> database::Result<T> + Send + 'static,
    {
        self.pool.run_with(self.other_pool.as_ref(), f).await
    }
}

/// Metrics that are stored outside this process.
pub struct FurtherMetrics(pub Box<dyn Fn() -> LocalBoxFuture<'static, String> + Send + Sync>);

impl std::fmt::Debug for FurtherMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FurtherMetrics")
    }
}

/// The [`Core`], shared by all threads.
pub type Shared = Arc<Core>;

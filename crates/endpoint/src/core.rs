//! What every service has at hand while it runs.
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use database::Pool;
use futures_util::future::LocalBoxFuture;
use ipnet::IpNet;
use shared_state::Counters;
use telemetry::metrics::Metrics;

use crate::rate_limit::RateLimits;
use crate::{BodyBudget, ClientEntry, Clock, Endpoint, Lifecycle};

/// What a service is, before it runs.
#[derive(Debug)]
pub struct ServiceInfo {
    /// `shell-api`
    pub name: &'static str,
    /// `shell`
    pub consumer: &'static str,
    pub version: &'static str,
    pub port: u16,
    pub monitoring_port: u16,
    pub endpoints: &'static [Endpoint],
    /// Bytes that all request bodies may take together, unless `--body-budget` says otherwise.
    pub body_budget: usize,
    /// Sections of the configuration file that no flag can say.
    pub structures: &'static [&'static str],
}

/// What every handler may use.
#[derive(Debug)]
pub struct Core {
    pub info: &'static ServiceInfo,
    pub pool: Pool,
    pub counters: Counters,
    pub clock: Clock,
    pub metrics: Metrics,
    pub lifecycle: Lifecycle,
    /// Base of the links that people see; no slash at the end.
    pub external_url: String,
    /// In front of every route: empty, or a path with a slash in front and none behind.
    pub relative_url_root: String,
    pub trusted_proxies: Vec<IpNet>,
    pub client_entry: ClientEntry,
    pub monitoring_allowlist: Vec<IpNet>,
    pub request_timeout: Option<Duration>,
    pub max_body_bytes: Option<usize>,
    pub body_budget: BodyBudget,
    pub rate_limits: RateLimits,
    /// What the service itself adds to the metrics, asked each time; in Prometheus' text.
    pub further_metrics: OnceLock<FurtherMetrics>,
}

/// Metrics that are kept elsewhere than in this process.
pub struct FurtherMetrics(pub Box<dyn Fn() -> LocalBoxFuture<'static, String> + Send + Sync>);

impl std::fmt::Debug for FurtherMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FurtherMetrics")
    }
}

/// Shared by all threads.
pub type Shared = Arc<Core>;

//! The metrics of a service, for Prometheus.
//!
//! Metrics that GitLab also has use GitLab's names, so that its dashboards and alerts keep working. Label
//! values must be bounded: use the pattern of the route or `unmatched`, and never ids, paths, users or
//! addresses. Known series are created at start (`initialise_…`), so that `rate()` has no gaps.

mod families;

use std::sync::{Arc, OnceLock};

use prometheus::{IntGauge, TextEncoder};

use families::Families;

/// Methods with their own label value. A caller can send any word as a method.
const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// The actions of git access with their own label value.
const DECIDED_ACTIONS: [&str; 4] = ["git-upload-pack", "git-receive-pack", "git-upload-archive", "other"];

/// The reasons for rejected credentials, as listed in `docs/observability.md`.
const AUTH_FAILURES: [&str; 15] = [
    "missing",
    "malformed",
    "signature",
    "expired",
    "not_yet_valid",
    "issuer",
    "audience",
    "crit",
    "unknown",
    "revoked",
    "blocked",
    "scope",
    "not_admin",
    "admin_mode",
    "no_keys",
];

/// The metrics of one service. Clones share their values; two services in one process do not.
#[derive(Clone, Debug)]
pub struct Metrics {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    families: Families,
    pool: OnceLock<Pool>,
}

/// The gauges of the connection pool.
#[derive(Debug)]
struct Pool {
    size: IntGauge,
    busy: IntGauge,
    idle: IntGauge,
    waiting: IntGauge,
}

/// A request that is being handled. Decreases the gauge when dropped.
#[derive(Debug)]
#[must_use = "the request counts until this is dropped"]
pub struct Inflight(IntGauge);

impl Drop for Inflight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Creates all metrics of a service. `routes` contains methods, patterns and feature categories.
    pub fn new(service: &str, version: &str, revision: &str, routes: &[(&str, &str, &str)]) -> Self {
        let families = Families::new();
        families.build_info.with_label_values(&[service, version, revision]).set(1);
        families.health_requests.with_label_values(&["get", "200"]);
        for (method, route, feature_category) in routes {
            let method = method_label(method);
            families.http_requests.with_label_values(&[method, "200", feature_category, route]);
            families.http_duration.with_label_values(&[method, route]);
        }
        Self { inner: Arc::new(Inner { families, pool: OnceLock::new() }) }
    }

    fn families(&self) -> &Families {
        &self.inner.families
    }

    /// Counts a completed request.
    pub fn http_request(&self, method: &str, route: &str, status: u16, feature_category: &str, seconds: f64) {
        let (method, status) = (method_label(method), status.to_string());
        let labels = [method, &status, feature_category, route];
        self.families().http_requests.with_label_values(&labels).inc();
        self.families().http_duration.with_label_values(&[method, route]).observe(seconds);
    }

    /// Counts a completed health request. Health requests are not counted as HTTP requests.
    pub fn health_request(&self, method: &str, status: u16) {
        let labels = [method_label(method), &status.to_string()];
        self.families().health_requests.with_label_values(&labels).inc();
    }

    /// Counts a panic that became a 500 response.
    pub fn uncaught_error(&self) {
        self.families().uncaught_errors.inc();
    }

    /// Counts a request that is being handled until the returned guard is dropped.
    pub fn inflight(&self) -> Inflight {
        let gauge = self.families().inflight.clone();
        gauge.inc();
        Inflight(gauge)
    }

    /// The used and available memory for request bodies, in bytes.
    pub fn body_budget(&self, taken: usize, budget: usize) {
        let gauge = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
        self.families().body_bytes.set(gauge(taken));
        self.families().body_budget.set(gauge(budget));
    }

    /// Records whether the service is shutting down.
    pub fn draining(&self, draining: bool) {
        self.families().draining.set(draining.into());
    }

    /// Creates the series of the decisions that allow an action.
    pub fn initialise_decisions(&self) {
        for action in DECIDED_ACTIONS {
            self.families().decisions.with_label_values(&[action, "allowed", "30"]);
        }
    }

    /// Counts a decision about git access. `row` is empty if no rule decided.
    pub fn decision(&self, action: &str, result: &str, row: &str) {
        let known = DECIDED_ACTIONS.into_iter().find(|known| *known == action);
        self.families().decisions.with_label_values(&[known.unwrap_or("other"), result, row]).inc();
    }

    /// Records how long a request waited for a connection, in seconds.
    pub fn pool_wait(&self, seconds: f64) {
        self.families().pool_wait.observe(seconds);
    }

    /// Creates the series of calls to Gitaly, by method, and of processes of git, by command.
    pub fn initialise_repositories(&self, methods: &[&str], commands: &[&str]) {
        for method in methods {
            self.families().gitaly_requests.with_label_values(&[method, "OK"]);
            self.families().gitaly_duration.with_label_values(&[method]);
        }
        for command in commands {
            self.families().git_processes.with_label_values(&[command, "ok"]);
            self.families().git_duration.with_label_values(&[command]);
        }
    }

    /// Counts a call to Gitaly. `code` is the name of its gRPC status.
    pub fn gitaly_request(&self, method: &str, code: &str, seconds: f64) {
        self.families().gitaly_requests.with_label_values(&[method, code]).inc();
        self.families().gitaly_duration.with_label_values(&[method]).observe(seconds);
    }

    /// Counts a process of git that has started.
    pub fn git_process_started(&self) {
        self.families().git_running.inc();
    }

    /// Counts a process of git that has ended: `ok`, `failed` or `timeout`.
    pub fn git_process_ended(&self, command: &str, result: &str, seconds: f64) {
        self.families().git_running.dec();
        self.families().git_processes.with_label_values(&[command, result]).inc();
        self.families().git_duration.with_label_values(&[command]).observe(seconds);
    }

    /// Records when a certificate expires.
    pub fn certificate_expiry(&self, certificate: &str, unix_seconds: f64) {
        self.families().certificate_expiry.with_label_values(&[certificate]).set(unix_seconds);
    }

    /// Creates the series of audit events.
    pub fn initialise_audit_events(&self, event_names: &[&str]) {
        for event_name in event_names {
            self.families().audit_events.with_label_values(&[event_name]);
        }
    }

    /// Counts an audit event.
    pub fn audit_event(&self, event_name: &str) {
        self.families().audit_events.with_label_values(&[event_name]).inc();
    }

    /// Records the duration of a statement in seconds.
    pub fn sql(&self, seconds: f64) {
        self.families().sql_duration.observe(seconds);
    }

    /// Sets the labels of the database. Only the first call has an effect. An embedded database has no port.
    pub fn set_database(&self, host: &str, port: Option<u16>) {
        self.inner.pool.get_or_init(|| self.pool_gauges(host, port));
    }

    /// Records the state of the connection pool.
    pub fn pool(&self, size: u32, busy: u32, idle: u32, waiting: u32) {
        let pool = self.inner.pool.get_or_init(|| self.pool_gauges("", None));
        pool.size.set(size.into());
        pool.busy.set(busy.into());
        pool.idle.set(idle.into());
        pool.waiting.set(waiting.into());
    }

    fn pool_gauges(&self, host: &str, port: Option<u16>) -> Pool {
        let port = port.map(|port| port.to_string()).unwrap_or_default();
        let labels = ["main", host, &port];
        Pool {
            size: self.families().pool_size.with_label_values(&labels),
            busy: self.families().pool_busy.with_label_values(&labels),
            idle: self.families().pool_idle.with_label_values(&labels),
            waiting: self.families().pool_waiting.with_label_values(&labels),
        }
    }

    /// Creates the series of a storage, with those of the kinds of errors.
    pub fn initialise_redis(&self, storage: &str, exceptions: &[&str]) {
        self.families().redis_requests.with_label_values(&[storage]);
        for exception in exceptions {
            self.families().redis_exceptions.with_label_values(&[storage, exception]);
        }
    }

    /// Counts a Redis call. `error` is the kind of error, if it failed.
    pub fn redis(&self, storage: &str, error: Option<&str>) {
        self.families().redis_requests.with_label_values(&[storage]).inc();
        if let Some(exception) = error {
            self.families().redis_exceptions.with_label_values(&[storage, exception]).inc();
        }
    }

    /// Records how much of a limit is used. `peek` means that the request itself was not counted.
    pub fn throttle(&self, throttle_key: &str, peek: bool, feature_category: &str, ratio: f64) {
        let labels = [throttle_key, if peek { "true" } else { "false" }, feature_category];
        self.families().throttle_utilization.with_label_values(&labels).observe(ratio);
    }

    /// Creates the series of a limit.
    pub fn initialise_throttled(&self, consumer: &str, throttle_key: &str) {
        self.families().throttled.with_label_values(&[consumer, throttle_key]);
    }

    /// Counts a rate-limited request.
    pub fn throttled(&self, consumer: &str, throttle_key: &str) {
        self.families().throttled.with_label_values(&[consumer, throttle_key]).inc();
    }

    /// Creates the series of an authentication scheme.
    pub fn initialise_auth(&self, consumer: &str, scheme: &str) {
        for reason in AUTH_FAILURES {
            self.families().auth_failures.with_label_values(&[consumer, scheme, reason]);
        }
    }

    /// Counts a rejected credential by its reason.
    pub fn auth_failure(&self, consumer: &str, scheme: &str, reason: &str) {
        self.families().auth_failures.with_label_values(&[consumer, scheme, reason]).inc();
    }

    /// Records when the current secret was loaded, and creates the series of its reloads.
    pub fn secret_loaded(&self, secret: &str, unix_seconds: f64) {
        self.families().secret_loaded.with_label_values(&[secret]).set(unix_seconds);
        for ok in [true, false] {
            self.families().secret_reload.with_label_values(&[secret, result(ok)]);
        }
    }

    /// Counts an attempt to reload a secret.
    pub fn secret_reload(&self, secret: &str, ok: bool) {
        self.families().secret_reload.with_label_values(&[secret, result(ok)]).inc();
    }

    /// Creates the series of a queue.
    pub fn initialise_jobs(&self, queue: &str) {
        for ok in [true, false] {
            self.families().jobs_enqueued.with_label_values(&[queue, result(ok)]);
        }
    }

    /// Counts an attempt to enqueue a job.
    pub fn job_enqueued(&self, queue: &str, ok: bool) {
        self.families().jobs_enqueued.with_label_values(&[queue, result(ok)]).inc();
    }

    /// Formats all metrics in Prometheus' text format 0.0.4.
    pub fn render(&self) -> String {
        let families = self.families().registry.gather();
        TextEncoder::new().encode_to_string(&families).unwrap_or_else(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "the metrics cannot be written");
            String::new()
        })
    }
}

fn method_label(method: &str) -> &'static str {
    METHODS.into_iter().find(|known| known.eq_ignore_ascii_case(method)).unwrap_or("other")
}

fn result(ok: bool) -> &'static str {
    if ok { "ok" } else { "error" }
}

#[cfg(test)]
mod tests;

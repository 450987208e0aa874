//! The definitions: name, type, labels and buckets of each metric.

#[cfg(target_os = "linux")]
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, Result, core::Collector,
};

const HTTP_BUCKETS: [f64; 18] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.7, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0,
    60.0,
];
/// In seconds: GitLab's three buckets, finer ones for nearby databases, and one for very slow statements.
const SQL_BUCKETS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.25, 1.0, 5.0];
const POOL_WAIT_BUCKETS: [f64; 9] = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];
/// Calls of Gitaly and processes of git.
const REPOSITORY_BUCKETS: [f64; 10] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0];
const RATIO_BUCKETS: [f64; 4] = [0.25, 0.5, 0.75, 1.0];

/// All metrics of a service, in their own registry.
#[derive(Debug)]
pub(super) struct Families {
    pub(super) registry: Registry,
    pub(super) http_requests: IntCounterVec,
    pub(super) http_duration: HistogramVec,
    pub(super) health_requests: IntCounterVec,
    pub(super) uncaught_errors: IntCounter,
    pub(super) decisions: IntCounterVec,
    pub(super) sql_duration: Histogram,
    pub(super) pool_wait: Histogram,
    pub(super) pool_size: IntGaugeVec,
    pub(super) pool_busy: IntGaugeVec,
    pub(super) pool_idle: IntGaugeVec,
    pub(super) pool_waiting: IntGaugeVec,
    pub(super) redis_requests: IntCounterVec,
    pub(super) redis_exceptions: IntCounterVec,
    pub(super) gitaly_requests: IntCounterVec,
    pub(super) gitaly_duration: HistogramVec,
    pub(super) git_processes: IntCounterVec,
    pub(super) git_duration: HistogramVec,
    pub(super) git_running: IntGauge,
    pub(super) throttle_utilization: HistogramVec,
    pub(super) auth_failures: IntCounterVec,
    pub(super) throttled: IntCounterVec,
    pub(super) inflight: IntGauge,
    pub(super) draining: IntGauge,
    pub(super) body_bytes: IntGauge,
    pub(super) body_budget: IntGauge,
    pub(super) secret_reload: IntCounterVec,
    pub(super) secret_loaded: GaugeVec,
    pub(super) certificate_expiry: GaugeVec,
    pub(super) jobs_enqueued: IntCounterVec,
    pub(super) audit_events: IntCounterVec,
    pub(super) build_info: IntGaugeVec,
}

impl Families {
    #[expect(clippy::too_many_lines, reason = "one entry for each family")]
    pub(super) fn new() -> Self {
        let registry = Registry::new();
        #[cfg(target_os = "linux")]
        register_process(&registry);
        let new = Definitions(&registry);
        let pool_labels = ["class", "host", "port"];
        Self {
            http_requests: new.counters(
                "http_requests_total",
                "Completed requests",
                &["method", "status", "feature_category", "route"],
            ),
            http_duration: new.histograms(
                "http_request_duration_seconds",
                "Time from a request to its response",
                &HTTP_BUCKETS,
                &["method", "route"],
            ),
            health_requests: new.counters(
                "http_health_requests_total",
                "Completed health requests",
                &["method", "status"],
            ),
            uncaught_errors: new.counter("rack_uncaught_errors_total", "Requests that ended in a panic"),
            decisions: new.counters(
                "internal_api_git_access_decisions_total",
                "Decisions about git access, by the rule that decided",
                &["action", "result", "row"],
            ),
            pool_wait: new.histogram(
                "internal_api_database_pool_wait_seconds",
                "Time that a request waited for a connection",
                &POOL_WAIT_BUCKETS,
            ),
            sql_duration: new.histogram("gitlab_sql_duration_seconds", "Time of a statement", &SQL_BUCKETS),
            pool_size: new.gauges(
                "gitlab_database_connection_pool_size",
                "Connections that the pool may open",
                &pool_labels,
            ),
            pool_busy: new.gauges("gitlab_database_connection_pool_busy", "Connections in use", &pool_labels),
            pool_idle: new.gauges(
                "gitlab_database_connection_pool_idle",
                "Connections not in use",
                &pool_labels,
            ),
            pool_waiting: new.gauges(
                "gitlab_database_connection_pool_waiting",
                "Requests that wait for a connection",
                &pool_labels,
            ),
            redis_requests: new.counters(
                "gitlab_redis_client_requests_total",
                "Calls to Redis",
                &["storage"],
            ),
            redis_exceptions: new.counters(
                "gitlab_redis_client_exceptions_total",
                "Calls to Redis that failed",
                &["storage", "exception"],
            ),
            gitaly_requests: new.counters(
                "internal_api_gitaly_requests_total",
                "Calls to Gitaly",
                &["method", "code"],
            ),
            gitaly_duration: new.histograms(
                "internal_api_gitaly_request_duration_seconds",
                "Time of a call to Gitaly",
                &REPOSITORY_BUCKETS,
                &["method"],
            ),
            git_processes: new.counters(
                "internal_api_git_processes_total",
                "Processes of git that ended",
                &["command", "result"],
            ),
            git_duration: new.histograms(
                "internal_api_git_process_duration_seconds",
                "Time of a process of git",
                &REPOSITORY_BUCKETS,
                &["command"],
            ),
            git_running: new.gauge("internal_api_git_processes_running", "Processes of git that run now"),
            throttle_utilization: new.histograms(
                "gitlab_application_rate_limiter_throttle_utilization_ratio",
                "How much of a limit is used",
                &RATIO_BUCKETS,
                &["throttle_key", "peek", "feature_category"],
            ),
            auth_failures: new.counters(
                "internal_api_auth_failures_total",
                "Rejected credentials",
                &["consumer", "scheme", "reason"],
            ),
            throttled: new.counters(
                "internal_api_requests_throttled_total",
                "Requests refused because of a limit",
                &["consumer", "throttle_key"],
            ),
            inflight: new.gauge("internal_api_inflight_requests", "Requests in progress"),
            draining: new.gauge("internal_api_draining", "1 while the service stops"),
            body_bytes: new.gauge("internal_api_body_bytes", "Bytes of the budget that request bodies take"),
            body_budget: new
                .gauge("internal_api_body_budget_bytes", "Bytes that all request bodies may take"),
            secret_reload: new.counters(
                "internal_api_secret_reload_total",
                "Attempts to read a secret again",
                &["secret", "result"],
            ),
            secret_loaded: new.timestamps(
                "internal_api_secret_loaded_timestamp_seconds",
                "When the secret in use was loaded",
                &["secret"],
            ),
            certificate_expiry: new.timestamps(
                "internal_api_certificate_expiry_timestamp_seconds",
                "When the certificate expires",
                &["certificate"],
            ),
            audit_events: new.counters(
                "internal_api_audit_events_total",
                "Changes in the audit log",
                &["event_name"],
            ),
            jobs_enqueued: new.counters(
                "internal_api_jobs_enqueued_total",
                "Jobs added to a queue",
                &["queue", "result"],
            ),
            build_info: new.gauges(
                "internal_api_build_info",
                "The version and the commit of this service",
                &["service", "version", "revision"],
            ),
            registry,
        }
    }
}

/// Creates metrics in a registry.
struct Definitions<'a>(&'a Registry);

impl Definitions<'_> {
    fn counter(&self, name: &str, help: &str) -> IntCounter {
        register(self.0, IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        register(self.0, IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        register(self.0, IntGauge::new(name, help))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        register(self.0, IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn timestamps(&self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        register(self.0, GaugeVec::new(Opts::new(name, help), labels))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        register(self.0, Histogram::with_opts(options))
    }

    fn histograms(&self, name: &str, help: &str, buckets: &[f64], labels: &[&str]) -> HistogramVec {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        register(self.0, HistogramVec::new(options, labels))
    }
}

#[expect(
    clippy::expect_used,
    reason = "the definitions are constants: any test would show a mistake in them"
)]
fn register<C: Collector + Clone + 'static>(registry: &Registry, metric: Result<C>) -> C {
    let metric = metric.expect("the definition is valid");
    registry.register(Box::new(metric.clone())).expect("the name is used once");
    metric
}

/// Registers CPU time, memory and open files of this process.
#[cfg(target_os = "linux")]
#[expect(clippy::expect_used, reason = "the names are the library's: any test would show that one is taken")]
fn register_process(registry: &Registry) {
    let collector = ProcessCollector::for_self();
    registry.register(Box::new(collector)).expect("the name is used once");
}

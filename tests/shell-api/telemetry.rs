//! Metrics and traces.
use std::collections::{BTreeMap, BTreeSet};

use super::binary::{Binary, Setup, clone, push};
use super::support::in_one_minute;
use serde_json::{Value, json};
use testkit::git::repositories;
use testkit::gitaly::Gitaly;
use testkit::{Collector, Database, Redis, Span};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const UNSAMPLED: &str = "1bf7651916cd43dd8448eb211c80319d";

/// Label names by metric name, and label values by label name.
fn labels(text: &str) -> (BTreeMap<String, BTreeSet<String>>, BTreeMap<String, BTreeSet<String>>) {
    let (mut names, mut values) = (BTreeMap::<_, BTreeSet<_>>::new(), BTreeMap::<_, BTreeSet<_>>::new());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let series = line.rsplit_once(' ').unwrap().0;
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let family =
            ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let family = names.entry(family.to_owned()).or_default();
        for label in labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty()) {
            let (name, value) = label.split_once("=\"").unwrap();
            if name != "le" {
                family.insert(name.to_owned());
                values.entry(name.to_owned()).or_default().insert(value.trim_end_matches('"').to_owned());
            }
        }
    }
    (names, values)
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[actix_web::test]
async fn metrics_have_their_names_and_few_labels() {
    let (database, mut redis) = (Database::sqlite(), Redis::start());
    database.sql("UPDATE application_settings SET gitlab_shell_operation_limit = 2");
    let binary = in_one_minute(async |_| {
        let binary = Setup::new(&database).start(&["--redis-url", &redis.url()], &[]);
        let _: String = redis.ask(&["FLUSHALL"]);
        for _ in 0..3 {
            binary.clone().await;
        }
        binary
    })
    .await;
    binary.check_with("another secret").await;
    for (method, path) in [
        ("BREW", "/allowed"),
        ("GET", "/allowed"),
        ("GET", "/nope/17"),
        ("GET", "/discover?key_id=11"),
        ("GET", "/check/"),
    ] {
        binary.request(method, path).send().await;
    }
    binary
        .request("POST", "/post_receive")
        .json(&json!({ "gl_repository": "project-3", "identifier": "key-11" }))
        .send()
        .await;
    redis.stop();
    binary.clone().await;
    binary.process.request("GET", "/-/readiness").send().await;
    let answer = binary.process.monitor("/-/metrics").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("text/plain; version=0.0.4; charset=utf-8"))
    );
    assert_eq!(binary.process.request("GET", "/-/metrics").send().await.status, 200);
    let (names, values) = labels(&answer.text);
    let pool = ["class", "host", "port"];
    for (name, kind, expected) in [
        ("http_requests_total", "counter", &["method", "status", "feature_category", "route"][..]),
        ("http_request_duration_seconds", "histogram", &["method", "route"]),
        ("http_health_requests_total", "counter", &["method", "status"]),
        ("rack_uncaught_errors_total", "counter", &[]),
        ("gitlab_sql_duration_seconds", "histogram", &[]),
        ("gitlab_database_connection_pool_size", "gauge", &pool),
        ("gitlab_database_connection_pool_busy", "gauge", &pool),
        ("gitlab_database_connection_pool_idle", "gauge", &pool),
        ("gitlab_database_connection_pool_waiting", "gauge", &pool),
        ("gitlab_redis_client_requests_total", "counter", &["storage"]),
        ("gitlab_redis_client_exceptions_total", "counter", &["storage", "exception"]),
        (
            "gitlab_application_rate_limiter_throttle_utilization_ratio",
            "histogram",
            &["throttle_key", "peek", "feature_category"],
        ),
        ("internal_api_auth_failures_total", "counter", &["consumer", "scheme", "reason"]),
        ("internal_api_requests_throttled_total", "counter", &["consumer", "throttle_key"]),
        ("internal_api_inflight_requests", "gauge", &[]),
        ("internal_api_draining", "gauge", &[]),
        ("internal_api_secret_reload_total", "counter", &["secret", "result"]),
        ("internal_api_secret_loaded_timestamp_seconds", "gauge", &["secret"]),
        ("internal_api_jobs_enqueued_total", "counter", &["queue", "result"]),
        ("internal_api_git_access_decisions_total", "counter", &["action", "result", "row"]),
        ("internal_api_database_pool_wait_seconds", "histogram", &[]),
        ("internal_api_gitaly_requests_total", "counter", &["method", "code"]),
        ("internal_api_gitaly_request_duration_seconds", "histogram", &["method"]),
        ("internal_api_git_processes_total", "counter", &["command", "result"]),
        ("internal_api_git_process_duration_seconds", "histogram", &["command"]),
        ("internal_api_git_processes_running", "gauge", &[]),
        ("internal_api_audit_events_total", "counter", &["event_name"]),
        ("internal_api_build_info", "gauge", &["service", "version", "revision"]),
        ("process_cpu_seconds_total", "counter", &[]),
        ("process_resident_memory_bytes", "gauge", &[]),
    ] {
        assert_eq!(names.get(name), Some(&set(expected)), "{name}");
        assert!(answer.text.contains(&format!("# TYPE {name} {kind}\n")), "{name}");
    }
    let mut routes: BTreeSet<String> =
        shell_api::ENDPOINTS.iter().map(|endpoint| endpoint.path.to_owned()).collect();
    routes.insert("unmatched".to_owned());
    assert_eq!(values["route"], routes);
    let methods: BTreeSet<_> = values["method"].iter().filter(|name| !name.contains('/')).cloned().collect();
    assert!(methods.is_subset(&set(&["get", "post", "other"])), "{methods:?}");
    assert_eq!(values["consumer"], set(&["shell"]));
    assert_eq!(values["throttle_key"], set(&["gitlab_shell_operation"]));
    assert!(values["feature_category"].is_subset(&set(&[
        "source_code_management",
        "system_access",
        "observability",
        "gitaly",
        "not_owned"
    ])));
    let value = |series: &str| {
        answer.text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse::<f64>().ok())
    };
    let allowed = |status: u16| {
        value(&format!(
            "http_requests_total{{feature_category=\"source_code_management\",method=\"post\",route=\"/api/\
             v4/internal/allowed\",status=\"{status}\"}}"
        ))
    };
    assert_eq!((allowed(200), allowed(429)), (Some(3.0), Some(1.0)));
    assert_eq!(
        value(
            r#"internal_api_requests_throttled_total{consumer="shell",throttle_key="gitlab_shell_operation"}"#
        ),
        Some(1.0)
    );
    assert_eq!(
        value(r#"internal_api_auth_failures_total{consumer="shell",reason="signature",scheme="jwt"}"#),
        Some(1.0)
    );
    assert_eq!(value(r#"internal_api_jobs_enqueued_total{queue="default",result="ok"}"#), Some(1.0));
    assert_eq!(
        value(r#"gitlab_redis_client_exceptions_total{exception="connection",storage="rate_limiting"}"#),
        Some(1.0)
    );
    assert_eq!(value("rack_uncaught_errors_total"), Some(0.0));
}

async fn traced(binary: &Binary, trace: &str, flags: &str, name: &str) {
    let parent = format!("00-{trace}-b7ad6b7169203331-{flags}");
    let request =
        binary.request("POST", "/allowed").header("traceparent", &parent).header("X-Request-Id", name);
    assert_eq!(request.json(&clone()).send().await.status, 200);
}

/// The median in seconds of the histogram with these labels, as `histogram_quantile` of Prometheus estimates
/// it: within a bucket, durations are assumed to be evenly distributed.
fn estimated_median(metrics: &str, labels: &str) -> f64 {
    let prefix = format!("http_request_duration_seconds_bucket{{{labels},le=\"");
    let buckets: Vec<(f64, f64)> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix(&prefix)?.split_once("\"} "))
        .map(|(bound, count)| (bound.replace('+', "").parse().unwrap(), count.parse().unwrap()))
        .collect();
    let rank = buckets.last().unwrap().1 / 2.0;
    let (mut lower, mut before) = (0.0, 0.0);
    for (bound, count) in buckets {
        if count >= rank {
            return lower + (bound - lower) * (rank - before) / (count - before);
        }
        (lower, before) = (bound, count);
    }
    f64::NAN
}

#[actix_web::test]
async fn buckets_can_tell_how_quick_requests_are() {
    let database = Database::sqlite();
    let binary = Binary::start(&database);
    let mut durations = Vec::new();
    for _ in 0..1000 {
        assert_eq!(binary.request("GET", "/discover?key_id=11").send().await.status, 200);
        durations.push(binary.access()["duration_s"].as_f64().unwrap());
    }
    durations.sort_by(f64::total_cmp);
    let measured = durations[500];
    let metrics = binary.process.monitor("/-/metrics").await.text;
    let labels = r#"method="get",route="/api/v4/internal/discover""#;
    let estimated = estimated_median(&metrics, labels);
    assert!((0.5..=2.0).contains(&(estimated / measured)), "measured {measured} s, estimated {estimated} s");
}

/// The attributes of a span with these names.
fn attributes(span: &Span, names: &[&str]) -> Value {
    names.iter().filter_map(|&name| Some((name, span.attributes.get(name)?.clone()))).collect()
}

/// A push that needs PostgreSQL, Redis and Gitaly, in the trace of its caller.
#[actix_web::test]
async fn trace_of_a_request_contains_its_calls() {
    let (database, redis, collector, git) =
        (Database::postgresql(), Redis::start(), Collector::start(), repositories());
    let gitaly = Gitaly::start(&git.path);
    let setup = Setup::new(&database);
    let config = format!("storages: {{default: {{address: '{}'}}}}\n", gitaly.address);
    std::fs::write(setup.path("config.yaml"), config).unwrap();
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint.as_str()),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
        ("OTEL_SERVICE_NAME", "shell"),
    ];
    let arguments = ["--shutdown-blackout", "0s", "--redis-url", &redis.url()];
    let mut binary = setup.start(&arguments, &environment);
    for path in ["/-/liveness", "/-/readiness?all=1", "/-/metrics"] {
        binary.process.monitor(path).await;
        binary.process.request("GET", path).send().await;
    }
    traced(&binary, UNSAMPLED, "00", "not-sampled").await;
    let protected = push(&format!("{} {} refs/heads/main\n", git.a, git.b));
    let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let request = binary.request("POST", "/allowed").header("traceparent", &parent);
    let request = request.header("tracestate", "vendor=1").header("X-Request-Id", "the-correlation-id");
    assert_eq!(request.json(&protected).send().await.status, 401);
    let line = binary.process.log_line(|line| line["correlation_id"] == "the-correlation-id");
    assert_eq!(line["trace_id"], TRACE);
    // The remaining spans are exported at shutdown.
    binary.process.signal("TERM");
    assert_eq!(binary.process.wait().code(), Some(0));
    let spans = collector.rest();

    let of_probes: Vec<&str> =
        spans.iter().filter(|span| span.trace_id != TRACE).map(|span| span.name.as_str()).collect();
    assert!(of_probes.is_empty(), "{of_probes:?}");
    let server = spans.iter().find(|span| span.kind == "SERVER").unwrap();
    assert_eq!((server.name.as_str(), server.is_error), ("POST /api/v4/internal/allowed", false));
    assert_eq!((server.trace_id.as_str(), server.parent_id.as_str()), (TRACE, "b7ad6b7169203331"));
    let expected = json!({
        "http.request.method": "POST", "http.route": "/api/v4/internal/allowed",
        "http.response.status_code": 401, "url.path": "/api/v4/internal/allowed", "url.scheme": "http",
        "client.address": "127.0.0.1", "network.protocol.version": "1.1", "consumer": "shell",
        "correlation_id": "the-correlation-id", "gitlab.user.id": 2, "gitlab.project.id": 3,
        "gitlab.namespace.id": 20, "internal_api.decision.row": "29g",
    });
    let names: Vec<&str> = expected.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(attributes(server, &names), expected);
    assert_eq!(server.resource["service.name"], "shell");
    assert_eq!(server.resource["deployment.environment.name"], "test");

    let calls: Vec<&Span> = spans.iter().filter(|span| span.kind == "CLIENT").collect();
    assert!(calls.iter().all(|span| span.parent_id == server.id), "{calls:?}");
    let names: BTreeSet<&str> = calls.iter().map(|span| span.name.as_str()).collect();
    let look_up = calls.iter().find(|span| span.name == "facts.look_up").unwrap();
    let expected = json!({
        "db.system.name": "postgresql", "db.query.summary": "facts.look_up", "internal_api.statements": 1,
    });
    assert_eq!(
        attributes(look_up, &["db.system.name", "db.query.summary", "internal_api.statements"]),
        expected
    );
    assert!(look_up.attributes["internal_api.pool.wait_ms"].is_f64(), "{look_up:?}");
    assert!(look_up.attributes["db.namespace"].is_string() && look_up.attributes["server.port"].is_i64());
    assert!(names.contains("refs.check"), "different work has different names: {names:?}");
    let count =
        calls.iter().find(|span| span.attributes.get("db.system.name") == Some(&json!("redis"))).unwrap();
    assert_eq!((count.name.as_str(), &count.attributes["db.operation.name"]), ("MULTI", &json!("MULTI")));
    let ancestor = calls.iter().find(|span| span.name == "gitaly.CommitService/CommitIsAncestor").unwrap();
    let expected = json!({
        "rpc.system.name": "grpc", "rpc.method": "gitaly.CommitService/CommitIsAncestor",
        "rpc.response.status_code": "OK", "server.address": "127.0.0.1",
    });
    let names: Vec<&str> = expected.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(attributes(ancestor, &names), expected);
    assert!(ancestor.attributes["server.port"].is_i64(), "{ancestor:?}");

    let call =
        gitaly.calls().into_iter().find(|call| call.method == "CommitService/CommitIsAncestor").unwrap();
    assert_eq!(call.metadata["traceparent"], format!("00-{TRACE}-{}-01", ancestor.id));
    assert_eq!(call.metadata["tracestate"], "vendor=1");
    assert_eq!(call.metadata["x-gitlab-correlation-id"], "the-correlation-id");
}

#[actix_web::test]
async fn traces_can_be_switched_off() {
    for switch in [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_TRACES_SAMPLER", "always_off"),
    ] {
        let (database, collector) = (Database::sqlite(), Collector::start());
        let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint.as_str()), switch];
        let mut binary = Setup::new(&database).start(&["--shutdown-blackout", "0s"], &environment);
        traced(&binary, TRACE, "01", "abc").await;
        binary.process.signal("TERM");
        assert_eq!(binary.process.wait().code(), Some(0));
        assert_eq!(collector.rest(), [], "{switch:?}");
    }
}

#[actix_web::test]
async fn unknown_settings_of_traces_are_refused() {
    let setup = Setup::new(&Database::sqlite());
    for (name, value) in [
        ("OTEL_TRACES_EXPORTER", "jaeger"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_TRACES_SAMPLER", "xray"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
    ] {
        let output = setup.run(&[], &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"), (name, value)]);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{errors}");
        assert!(errors.contains(name) && errors.contains(value), "{errors}");
    }
}

#[actix_web::test]
async fn without_an_endpoint_there_are_no_traces() {
    let database = Database::sqlite();
    let binary = Binary::start(&database);
    traced(&binary, TRACE, "01", "abc").await;
    assert_eq!(binary.access().get("trace_id"), None);
}

#[actix_web::test]
async fn unavailable_collector_delays_no_request() {
    let database = Database::sqlite();
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")];
    let mut binary = Setup::new(&database).start(&["--shutdown-blackout", "0s"], &environment);
    traced(&binary, TRACE, "01", "abc").await;
    assert!(binary.access()["duration_s"].as_f64().unwrap() < 5.0);
    let started = std::time::Instant::now();
    binary.process.signal("TERM");
    assert_eq!(binary.process.wait().code(), Some(0));
    assert!(started.elapsed().as_secs() < 50, "{:?}", started.elapsed());
}

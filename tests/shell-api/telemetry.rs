//! Metrics and traces.
use std::collections::{BTreeMap, BTreeSet};

use super::binary::{Binary, Setup, clone};
use super::support::in_one_minute;
use serde_json::json;
use testkit::{Collector, Database, Redis};

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
    assert!(values["method"].is_subset(&set(&["get", "post", "other"])), "{:?}", values["method"]);
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
        value(r#"gitlab_redis_client_exceptions_total{exception="connection",storage="shared_state"}"#),
        Some(1.0)
    );
    assert_eq!(value("rack_uncaught_errors_total"), Some(0.0));
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

async fn traced(binary: &Binary, trace: &str, flags: &str, name: &str) {
    let parent = format!("00-{trace}-b7ad6b7169203331-{flags}");
    let request =
        binary.request("POST", "/allowed").header("traceparent", &parent).header("X-Request-Id", name);
    assert_eq!(request.json(&clone()).send().await.status, 200);
}

#[actix_web::test]
async fn traces_reach_the_collector() {
    let (database, collector) = (Database::sqlite(), Collector::start());
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint.as_str())];
    let mut binary = Setup::new(&database).start(&["--shutdown-blackout", "0s"], &environment);
    traced(&binary, UNSAMPLED, "00", "not-sampled").await;
    traced(&binary, TRACE, "01", "the-correlation-id").await;
    let line = binary.process.log_line(|line| line["correlation_id"] == "the-correlation-id");
    assert_eq!(line["trace_id"], TRACE);
    // The remaining spans are exported at shutdown.
    binary.process.signal("TERM");
    let (trace, parent) = (bytes(TRACE), bytes("b7ad6b7169203331"));
    let parts: [&[u8]; 9] = [
        &trace,
        &parent,
        b"POST /api/v4/internal/allowed",
        b"the-correlation-id",
        b"correlation_id",
        b"consumer",
        b"http.request.method",
        b"http.route",
        // An integer of 200, as OpenTelemetry's semantic conventions have it.
        b"http.response.status_code\x12\x03\x18\xc8\x01",
    ];
    let body = collector.body_with(&parts);
    let has = |part: &[u8]| body.windows(part.len()).any(|window| window == part);
    assert!(has(b"shell-api") && has(b"database"));
    assert!(!has(&bytes(UNSAMPLED)) && !has(b"not-sampled"));
    assert_eq!(binary.process.wait().code(), Some(0));
}

#[actix_web::test]
async fn without_an_endpoint_there_are_no_traces() {
    let database = Database::sqlite();
    let binary = Binary::start(&database);
    traced(&binary, TRACE, "01", "abc").await;
    assert_eq!(binary.access().get("trace_id"), None);
}

#[actix_web::test]
async fn a_dead_collector_holds_nothing_up() {
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

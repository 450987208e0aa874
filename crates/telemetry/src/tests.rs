//! A whole process: its standard output, and the traces that reach its collector.

mod collector;

use std::{
    net::TcpListener,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;

pub(crate) use self::collector::Collector;
use super::*;

const ROLE: &str = "TELEMETRY_TEST_ROLE";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Runs only the test `the_process` in its own process, and returns its output.
fn output(role: &str, endpoint: Option<&str>) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "tests::the_process", "--nocapture"]).env(ROLE, role);
    command.env_remove("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").env_remove("OTEL_EXPORTER_OTLP_ENDPOINT");
    if let Some(endpoint) = endpoint {
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
        // As in an image without certificates.
        command.env("SSL_CERT_FILE", "/dev/null").env("SSL_CERT_DIR", "/dev/null");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The objects which such a process logs.
fn run(role: &str, endpoint: Option<&str>) -> Vec<Value> {
    let text = output(role, endpoint);
    let objects = text.lines().filter_map(|line| Some(&line[line.find('{')?..]));
    objects.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A minimal service. Does nothing when it runs with the other tests.
#[test]
fn the_process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let flood = if role == "stuck" { 10_000 } else { 0 };
    let log_format = (role == "pretty").then_some(Format::Pretty);
    let options = Options { log_format, log_level: None };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let guard = init("shell-api", "shell", "1.2.3", &options).unwrap();
        assert!(init("shell-api", "shell", "1.2.3", &options).is_err());
        let span = tracing::info_span!("GET /", correlation_id = "01");
        set_parent(&span, |name| (name == "traceparent").then(|| format!("00-{TRACE}-b7ad6b7169203331-01")));
        span.in_scope(|| {
            tracing::debug!("too small");
            guard.set_level("debug").unwrap();
            tracing::debug!("now logged");
            guard.set_level("warning").unwrap_err();
            guard.set_level("warn").unwrap();
            tracing::info!("no longer logged");
            // More than the queue takes, so that OpenTelemetry complains in the middle of a request.
            for _ in 0..flood {
                tracing::info_span!("query").in_scope(|| ());
            }
            tracing::warn!(role, "the end");
        });
        drop(span);
        let start = Instant::now();
        guard.shutdown();
        assert!(start.elapsed() < Duration::from_secs(45), "{:?}", start.elapsed());
    });
}

fn messages(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["message"].as_str().unwrap()).collect()
}

#[test]
fn a_traced_process() {
    let collector = Collector::start();
    let lines = run("traced", Some(&collector.endpoint()));
    assert_eq!(messages(&lines), ["now logged", "the end"]);
    for line in &lines {
        assert_eq!((&line["correlation_id"], &line["trace_id"]), (&"01".into(), &TRACE.into()), "{line}");
    }
    let spans = collector.spans();
    let names: Vec<_> = spans.iter().map(|span| (span.name.as_str(), span.trace_id.as_str())).collect();
    assert_eq!(names, [("GET /", TRACE)]);
    assert_eq!(collector.path(), "/v1/traces");
    for text in ["service.name", "shell-api", "service.version", "1.2.3"] {
        assert!(collector.saw(text), "{text}");
    }
}

#[test]
fn a_process_without_traces() {
    let lines = run("plain", None);
    assert_eq!(messages(&lines), ["now logged", "the end"]);
    assert_eq!((&lines[1]["role"], lines[1].get("trace_id")), (&"plain".into(), None));
}

#[test]
fn a_process_for_people() {
    let text = output("pretty", None);
    let lines: Vec<_> = text.lines().filter(|line| line.contains("the end")).collect();
    assert!(lines.len() == 1 && lines[0].contains("WARN") && lines[0].contains("correlation_id"), "{text}");
    assert!(!text.contains(['{', '\u{1b}']), "{text}");
}

#[test]
fn a_process_whose_collector_never_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let lines = run("stuck", Some(&format!("http://{}", silent.local_addr().unwrap())));
    let dropping = "BatchSpanProcessor dropped a Span due to queue full";
    assert!(messages(&lines)[1].starts_with(dropping), "{lines:?}");
    assert_eq!(messages(&lines)[2], "the end");
}

#[test]
fn a_process_whose_collector_is_gone() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let lines = run("gone", Some(&format!("http://{address}")));
    assert_eq!(messages(&lines)[..2], ["now logged", "the end"]);
    assert!(lines.len() > 2 && lines.len() < 10, "{lines:?}");
    assert!(lines[2..].iter().all(|line| line["severity"] == "warn"), "{lines:?}");
}

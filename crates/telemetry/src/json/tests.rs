use std::{
    error::Error,
    io,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tracing::field::Empty;
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::LogFields;

/// Remembers each call of `write` by itself.
#[derive(Clone, Default)]
struct Writes(Arc<Mutex<Vec<String>>>);

impl Write for Writes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().push(String::from_utf8(bytes.to_vec()).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines which `act` logs at `level`, as text.
fn lines_at(level: &str, act: impl FnOnce()) -> Vec<String> {
    let writes = Writes::default();
    let written = writes.clone();
    let layer = JsonLayer::new("shell-api", "shell", move || writes.clone());
    let filter = crate::filter::log(crate::filter::directives(level).unwrap());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer.with_filter(filter)), act);
    written.0.lock().unwrap().clone()
}

/// The one line which `act` logs: its text, and its object without the timestamp.
fn line(act: impl FnOnce()) -> (String, Value) {
    let lines = lines_at("trace", act);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let text = lines[0].clone();
    assert_eq!(text.find('\n'), Some(text.len() - 1), "{text:?}");
    let mut object: Value = serde_json::from_str(&text).unwrap();
    let timestamp = object.as_object_mut().unwrap().remove("timestamp").unwrap();
    let timestamp = timestamp.as_str().unwrap();
    assert!(timestamp.len() == "2026-01-01T00:00:00.000Z".len() && timestamp.ends_with('Z'), "{timestamp}");
    DateTime::parse_from_rfc3339(timestamp).unwrap();
    (text, object)
}

#[test]
fn an_event_is_one_flat_line() {
    let (text, object) = line(|| {
        tracing::info!(
            target: "access",
            method = "GET",
            status = 200,
            duration_s = 0.25,
            redis_calls = 0_u64,
            cached = true,
            big = u128::from(u64::MAX),
            huge = u128::MAX,
            r#type = %"push",
            "access"
        );
    });
    let expected = json!({
        "severity": "info", "message": "access", "service_name": "shell-api", "consumer": "shell",
        "method": "GET", "status": 200, "duration_s": 0.25, "redis_calls": 0, "cached": true,
        "big": u64::MAX, "huge": u128::MAX.to_string(), "type": "push",
    });
    assert_eq!(object, expected);
    assert!(text.starts_with(r#"{"timestamp":""#), "{text}");
}

#[test]
fn json_text_is_logged_as_a_value() {
    let (_, object) = line(|| {
        tracing::info!(
            json.before = "null",
            json.after = %json!({ "seats": 85, "end_date": null }),
            json.fields = %json!({ "agents": 2, "counters": ["a"] }),
            json.broken = "{",
            "audit"
        );
    });
    let expected = json!({
        "severity": "info", "message": "audit", "service_name": "shell-api", "consumer": "shell",
        "before": null, "after": { "seats": 85, "end_date": null }, "agents": 2, "counters": ["a"], "broken": "{",
    });
    assert_eq!(object, expected);
}

#[test]
fn collected_fields_are_logged_as_they_are() {
    let fields = LogFields::default();
    let (_, object) = line(|| tracing::info!(json.fields = fields.as_value(), "access"));
    assert_eq!(object.as_object().unwrap().len(), 4, "{object}");
    fields.set("decision", "allowed");
    fields.set("gl_key_id", 11_i64);
    fields.set("counters", vec!["a"]);
    let (_, object) = line(|| tracing::info!(json.fields = fields.as_value(), "access"));
    let expected = json!({
        "severity": "info", "message": "access", "service_name": "shell-api", "consumer": "shell",
        "decision": "allowed", "gl_key_id": 11, "counters": ["a"],
    });
    assert_eq!(object, expected);
}

#[test]
fn spans_that_add_nothing_to_lines_are_not_enabled() {
    lines_at("trace", || {
        let query = tracing::info_span!("query", db.system.name = "sqlite", "error.type" = Empty);
        let request = tracing::info_span!("request", otel.name = "GET /", correlation_id = "01");
        assert_eq!((query.is_disabled(), request.is_disabled()), (true, false));
    });
}

#[test]
fn inner_fields_replace_outer_ones() {
    let (text, object) = line(|| {
        let request = tracing::info_span!(
            "request",
            otel.name = "GET /",
            correlation_id = "outer",
            route = "/",
            consumer = "nobody",
            gl_user_id = Empty,
            late = Empty
        );
        let _request = request.enter();
        request.record("late", 1).record("late", 2);
        let query = tracing::info_span!("query", correlation_id = "inner", table = "users", route = "/users");
        let _query = query.enter();
        tracing::warn!(table = "keys", "slow {}", "query");
    });
    let expected = json!({
        "severity": "warn", "message": "slow query", "service_name": "shell-api", "consumer": "shell",
        "table": "keys", "correlation_id": "inner", "route": "/users", "late": 2,
    });
    assert_eq!(object, expected);
    for key in object.as_object().unwrap().keys() {
        assert_eq!(text.matches(&format!("\"{key}\":")).count(), 1, "{key} in {text}");
    }
}

#[test]
fn absent_and_infinite_values_are_left_out() {
    let (_, object) = line(|| {
        tracing::debug!(none = None::<u64>, some = Some(7), empty = Empty, ratio = f64::NAN, "optional");
    });
    let expected = json!({
        "severity": "debug", "message": "optional", "service_name": "shell-api", "consumer": "shell", "some": 7,
    });
    assert_eq!(object, expected);
}

#[test]
fn control_characters_are_escaped() {
    let forged = "a\"\n{\"severity\":\"info\"}\u{1b}[31m\u{0}";
    let (text, object) = line(|| tracing::info!(user_agent = forged, "{forged}"));
    assert_eq!((&object["user_agent"], &object["message"]), (&json!(forged), &json!(forged)));
    assert!(text.trim_end().chars().all(|letter| !letter.is_control()), "{text:?}");
}

#[derive(Debug, thiserror::Error)]
#[error("the database is unavailable")]
struct Outer(#[source] Middle);

#[derive(Debug, thiserror::Error)]
#[error("connection failed: {0}")]
struct Middle(#[source] io::Error);

#[test]
fn error_is_logged_with_its_causes() {
    let error = Outer(Middle(io::Error::other("refused")));
    let (_, object) = line(|| tracing::error!(error = &error as &dyn Error, "request failed"));
    let expected = json!({
        "severity": "error", "message": "request failed", "service_name": "shell-api", "consumer": "shell",
        "error_message": "the database is unavailable: connection failed: refused",
    });
    assert_eq!(object, expected);
}

#[test]
fn opentelemetry_is_never_an_error_of_ours() {
    let (_, object) = line(|| {
        let _span = tracing::info_span!("request", correlation_id = "01").entered();
        tracing::error!(name: "Export.Failed", target: "opentelemetry_sdk", error = "refused");
    });
    let expected = json!({
        "severity": "warn", "message": "Export.Failed", "service_name": "shell-api", "consumer": "shell",
        "error_message": "refused",
    });
    assert_eq!(object, expected);
}

#[test]
fn the_level_hides_events_but_not_the_fields_of_their_spans() {
    let lines = lines_at("warn", || {
        let _span = tracing::info_span!("request", correlation_id = "01").entered();
        tracing::info!("hidden");
        tracing::warn!("shown");
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(r#""message":"shown""#) && lines[0].contains(r#""correlation_id":"01""#));
}

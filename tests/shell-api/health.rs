//! Health checks on the main listener, which only load balancers on the same host may use.
use super::support::eventually;
use super::{Shell, shell_api, shell_api_with};
use serde_json::{Value, json};
use testkit::Redis;

const PATHS: &[&str] = &["/-/health", "/-/liveness", "/-/readiness", "/-/readiness?all=1", "/-/metrics"];

fn ok() -> Value {
    json!([{ "status": "ok" }])
}

fn failed(message: &str) -> Value {
    json!([{ "status": "failed", "message": message }])
}

/// Retries, because a check has a timeout of one second and the machine may be busy.
async fn comes_to(shell: &Shell, path: &str, expected: &(u16, Value)) {
    eventually(&format!("{path}: {expected:?}"), async || shell.service.get(path).await.json() == *expected)
        .await;
}

#[testkit::test]
async fn health_endpoints_have_the_responses_of_gitlab(database: Database) {
    let shell = shell_api(database).await;
    let service = &shell.service;
    let health = service.get("/-/health").await;
    let content_type = health.header("content-type");
    assert_eq!(
        (health.status, &*health.text, content_type),
        (200, "GitLab OK", Some("text/plain; charset=utf-8"))
    );
    assert_eq!(service.get("/-/liveness").await.json(), (200, json!({ "status": "ok" })));
    let ready = json!({ "status": "ok", "master_check": ok() });
    for path in ["/-/readiness", "/-/readiness?all=0", "/-/readiness?all="] {
        assert_eq!(service.get(path).await.json(), (200, ready.clone()), "{path}");
    }
    let all = json!({
        "status": "ok", "master_check": ok(), "db_check": ok(), "migrations_check": ok(), "redis_check": ok(),
    });
    comes_to(&shell, "/-/readiness?all=1", &(200, all)).await;
    let metrics = service.get("/-/metrics").await;
    assert_eq!(
        (metrics.status, metrics.header("content-type")),
        (200, Some("text/plain; version=0.0.4; charset=utf-8"))
    );
    assert!(metrics.text.contains("\n# TYPE http_requests_total counter\n"), "{}", metrics.text);
    for path in ["/-/", "/-", "/-/nope", "/-/health/more"] {
        assert_eq!(service.get(path).await.json(), (404, json!({ "error": "404 Not Found" })), "{path}");
    }
}

#[testkit::test]
async fn health_is_limited_to_the_monitoring_allowlist(database: Database) {
    let shell = shell_api_with(database, &["--monitoring-allowlist", "127.0.0.0/8,10.1.0.0/16"]).await;
    for path in PATHS {
        for (client, status) in [
            ("127.0.0.1", 200),
            ("10.1.2.3", 200),
            ("10.2.2.3", 404),
            ("1.2.3.4", 404),
            ("6.6.6.6, 10.1.2.3", 200),
            ("10.1.2.3, 6.6.6.6", 404),
        ] {
            let answer = shell.service.request("GET", path).header("X-Forwarded-For", client).send().await;
            assert_eq!(answer.status, status, "{path} {client}");
            if status == 404 {
                assert_eq!(answer.text, r#"{"error":"404 Not Found"}"#);
            }
        }
    }
}

#[testkit::test]
async fn readiness_names_the_failed_check(database: Database) {
    let mut redis = Redis::start();
    let shell = shell_api_with(database, &["--redis-url", &redis.url()]).await;
    let service = &shell.service;
    redis.stop();
    let broken = json!({
        "status": "failed", "master_check": ok(), "db_check": ok(), "migrations_check": ok(),
        "redis_check": failed("Redis is unavailable"),
    });
    comes_to(&shell, "/-/readiness?all=1", &(503, broken)).await;
    assert_eq!(
        service.get("/-/readiness").await.json(),
        (200, json!({ "status": "ok", "master_check": ok() }))
    );
    redis.restart();
    let sound = json!({
        "status": "ok", "master_check": ok(), "db_check": ok(), "migrations_check": ok(), "redis_check": ok(),
    });
    comes_to(&shell, "/-/readiness?all=1", &(200, sound)).await;
    // A probe does not check the tables. A missing one is noticed by a request.
    shell.sql("ALTER TABLE protected_tags RENAME TO elsewhere");
    let tag = format!("{} {} refs/tags/t", "0".repeat(40), "1".repeat(40));
    assert_eq!(shell.push(14, &tag).await.0, 500);
    let (status, body) = service.get("/-/readiness?all=1").await.json();
    let message = body["migrations_check"][0]["message"].as_str().unwrap();
    assert!(status == 503 && message.contains("protected_tags"), "{body}");
    service.core.lifecycle.drain();
    let draining = json!({ "status": "failed", "master_check": failed("draining") });
    assert_eq!(service.get("/-/readiness").await.json(), (503, draining));
    assert_eq!(service.get("/-/liveness").await.status, 200);
    // Requests are still answered while draining, with `Connection: close`.
    let answer = shell.request("GET", "/check").send().await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
}

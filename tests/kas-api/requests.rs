//! The rules that all endpoints share: routing, bodies, media types.
use super::support::{KUBERNETES, NOTHING, SECRET, error, message, token};
use super::{Kas, kas_api};
use serde_json::json;
use testkit::kas_fixture::T5;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Sends these bytes and returns the complete response after the service has closed the connection.
pub async fn raw(kas: &Kas, head: &str, body: &str) -> String {
    let address = kas.service.url().strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let credentials = format!("Gitlab-Kas-Api-Request: {}\r\nAuthorization: Bearer {T5}\r\n", token());
    stream
        .write_all(
            format!("{head} HTTP/1.1\r\nHost: kas\r\nConnection: close\r\n{credentials}{body}").as_bytes(),
        )
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[testkit::test]
async fn unknown_path_is_not_found(database: Database) {
    let kas = kas_api(database).await;
    let unknown = (404, error("404 Not Found"));
    for path in [
        "/modules/nope",
        "/modules/remote_development/reconcile",
        "/agent_info/x",
        "/modules",
        "//agent_info",
        "",
    ] {
        assert_eq!(kas.agent("POST", path).answer().await, unknown, "{path}");
        assert_eq!(kas.anonymous("GET", path).answer().await, unknown, "{path}");
    }
    for path in [
        "/api/v4/job/allowed_agents",
        "/api/v4/internal/agents/agentw/agent_info",
        "/api/v4/internal/kubernetesx/agent_info",
        "/api/v4/internal/check",
    ] {
        assert_eq!(kas.service.request("GET", path).answer().await, unknown, "{path}");
    }
}

#[testkit::test]
async fn wrong_method_gets_the_allowed_ones(database: Database) {
    let kas = kas_api(database).await;
    for endpoint in kas_api::ENDPOINTS.iter() {
        let allow = if endpoint.method == "GET" { "GET, HEAD" } else { endpoint.method };
        for path in [endpoint.path.to_owned(), format!("{}/", endpoint.path)] {
            let answer = kas.service.request("DELETE", &path).send().await;
            assert_eq!(answer.json(), (405, error("405 Not Allowed")), "{path}");
            assert_eq!(answer.header("allow"), Some(allow), "{path}");
        }
    }
}

#[testkit::test]
async fn head_is_get_without_a_body(database: Database) {
    let kas = kas_api(database).await;
    let answer = raw(&kas, &format!("HEAD {KUBERNETES}/agent_info"), "\r\n").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("HTTP/1.1 200 ")
            && head.to_ascii_lowercase().contains("content-type: application/json"),
        "{head}"
    );
    assert_eq!(body, "");
    let answer = kas.anonymous("HEAD", "/agent_info").send().await;
    assert_eq!((answer.status, answer.text.as_str()), (401, ""));
}

#[testkit::test]
async fn trailing_slash_is_ignored(database: Database) {
    let kas = kas_api(database).await;
    for path in
        ["/agent_info/", "/project_info/?id=7", "/modules/starboard_vulnerability/policies_configuration/"]
    {
        assert_eq!(kas.agent("GET", path).send().await.status, 200, "{path}");
    }
    assert_eq!(kas.request("POST", "/usage_metrics/").answer().await, NOTHING);
}

#[testkit::test]
async fn credentials_are_checked_before_the_body(database: Database) {
    let kas = kas_api(database).await;
    let stranger = kas.agent_with("POST", "/modules/cilium_alert", "unknown").body("application/json", "{");
    assert_eq!(stranger.answer().await.0, 401);
    let agent = kas.agent("POST", "/modules/cilium_alert").body("application/json", "{");
    assert_eq!(agent.answer().await, (400, error("message body does not match declared format")));
}

#[testkit::test]
async fn unreadable_body_is_refused(database: Database) {
    let kas = kas_api(database).await;
    let unreadable = (400, error("message body does not match declared format"));
    for body in ["{", "[1]", "7", "\"{\"", "{\"a\":1}}", "{\"counters\":{\"gitops_sync\":1e999}}"] {
        let answer = kas.request("POST", "/usage_metrics").body("application/json", body).answer().await;
        assert_eq!(answer, unreadable, "{body}");
    }
    let answer = kas.request("POST", "/usage_metrics").body("text/plain", "x").answer().await;
    assert_eq!(answer, (415, error("The provided content-type 'text/plain' is not supported.")));
}

const STARBOARD: &str = "/modules/starboard_vulnerability";

fn large(kas: &Kas, method: &str, path: &str, body: Vec<u8>) -> testkit::Request {
    kas.agent(method, path).body("application/json", body)
}

/// A JSON body is limited only by its size and its nesting.
#[testkit::test]
async fn body_over_its_limit_is_too_large(database: Database) {
    let kas = kas_api(database).await;
    let too_large = (413, message("413 Request Entity Too Large"));
    for (method, path, limit) in [
        ("POST", "/usage_metrics", 10),
        ("POST", "/agent_events", 10),
        ("POST", "/agent_configuration", 10),
        ("POST", "/authorize_proxy_user", 1),
        ("PUT", STARBOARD, 10),
        ("POST", "/modules/starboard_vulnerability/scan_result", 10),
        ("POST", "/modules/cilium_alert", 10),
    ] {
        let blanks = vec![b' '; limit * endpoint::MIB + 1];
        assert_eq!(large(&kas, method, path, blanks.clone()).answer().await, too_large, "{path}");
        let fitting = large(&kas, method, path, blanks[1..].to_vec()).answer().await;
        assert!(matches!(fitting.0, 204 | 400), "{path}: {fitting:?}");
    }
}

#[testkit::test]
async fn scan_result_may_name_260_000_findings(database: Database) {
    let kas = kas_api(database).await;
    assert_eq!(crate::vulnerabilities::put(&kas, &crate::vulnerabilities::page()).await.0, 200);
    let uuids: Vec<String> = (0..260_000).map(|n| format!("00000000-0000-4000-8000-{n:012}")).collect();
    let body = json!({ "uuids": uuids }).to_string().into_bytes();
    assert!(body.len() > 10_000_000 && body.len() <= 10 * endpoint::MIB);
    let answer = large(&kas, "POST", &format!("{STARBOARD}/scan_result"), body).answer().await;
    assert_eq!(answer, (200, json!({})));
    assert_eq!(kas.number("SELECT count(*) FROM vulnerabilities WHERE state = 3"), 1);
}

#[testkit::test]
async fn alert_may_have_a_large_payload(database: Database) {
    let kas = kas_api(database).await;
    let alert = json!({ "alert": { "title": "large", "more": vec![json!({ "": 0 }); 300_000] } });
    let answer = large(&kas, "POST", "/modules/cilium_alert", alert.to_string().into_bytes()).answer().await;
    assert_eq!(answer, NOTHING);
    assert_eq!(kas.number("SELECT count(*) FROM alert_management_alerts WHERE title = 'large'"), 1);
}

#[testkit::test]
async fn empty_chunked_body_of_a_get_is_ignored(database: Database) {
    let kas = kas_api(database).await;
    for path in ["agent_info", "modules/starboard_vulnerability/policies_configuration"] {
        let answer =
            raw(&kas, &format!("GET {KUBERNETES}/{path}"), "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
                .await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

#[testkit::test]
async fn body_without_a_media_type_is_detected(database: Database) {
    let kas = kas_api(database).await;
    for body in [
        "{\"counters\":{\"gitops_sync\":1}}",
        "counters[gitops_sync]=1",
        " \"{\\\"counters\\\":{\\\"gitops_sync\\\":1}}\"",
    ] {
        let answer = raw(
            &kas,
            &format!("POST {KUBERNETES}/usage_metrics"),
            &format!("Content-Length: {}\r\n\r\n{body}", body.len()),
        )
        .await;
        assert!(
            answer.starts_with("HTTP/1.1 204 ") && !answer.to_ascii_lowercase().contains("content-type"),
            "{answer}"
        );
    }
    let query = kas
        .request("POST", "/usage_metrics?counters[gitops_sync]=1&gitops_sync_count=5")
        .form("gitops_sync_count=2")
        .answer()
        .await;
    assert_eq!(query, NOTHING);
    let multipart =
        "--X\r\nContent-Disposition: form-data; name=\"counters[gitops_sync]\"\r\n\r\n4\r\n--X--\r\n";
    assert_eq!(
        kas.request("POST", "/usage_metrics")
            .body("multipart/form-data; boundary=X", multipart)
            .answer()
            .await,
        NOTHING
    );
    assert_eq!(kas.total("gitops_sync").await, 3 + 1 + 2 + 4);
}

#[testkit::test]
async fn metrics_hold_no_secret_and_requests_have_ids(database: Database) {
    let kas = kas_api(database).await;
    let answer = kas.agent("GET", "/agent_info").header("X-Request-Id", "01ABC").send().await;
    assert_eq!(answer.header("x-request-id"), Some("01ABC"));
    assert_eq!(answer.header("cache-control"), Some("max-age=0, private, must-revalidate"));
    let metrics = kas.service.get("/-/metrics").await.text;
    assert!(!metrics.contains(T5) && !metrics.contains(SECRET));
    let series = "http_requests_total{feature_category=\"deployment_management\",method=\"get\",\
                  route=\"/api/v4/internal/kubernetes/agent_info\",status=\"200\"} 1";
    assert!(metrics.contains(series), "{metrics}");
    assert_eq!(kas.service.get("/-/readiness?all=1").await.status, 200);
}

#[testkit::test]
async fn body_of_any_shape_is_no_server_error(database: Database) {
    let kas = kas_api(database).await;
    let shapes = [
        json!(null),
        json!(7),
        json!("x"),
        json!([]),
        json!({}),
        json!([null]),
        json!([{}]),
        json!({ "": null }),
        json!("\0"),
    ];
    for endpoint in kas_api::ENDPOINTS.iter() {
        for shape in &shapes {
            let body = json!({
                "counters": shape, "unique_counters": shape, "events": { "register_agent_at_kas": shape },
                "agent_id": shape, "agent_config": shape, "alert": shape, "uuids": shape,
                "vulnerability": shape, "scanner": shape, "access_type": shape, "access_key": shape,
                "id": shape,
            });
            let answer = kas
                .service
                .request(endpoint.method, endpoint.path)
                .header("Gitlab-Kas-Api-Request", &token())
                .header("Authorization", &format!("Bearer {T5}"))
                .json(&body)
                .send()
                .await;
            assert!(answer.status < 500, "{} {shape}: {} {}", endpoint.path, answer.status, answer.text);
        }
    }
}

#[test]
fn documentation_lists_every_endpoint() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api/kas-api.md");
    let page = std::fs::read_to_string(page).unwrap();
    let listed: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`')).collect();
    let served: Vec<String> =
        kas_api::ENDPOINTS.iter().map(|endpoint| format!("{} {}", endpoint.method, endpoint.path)).collect();
    assert_eq!(listed, served);
}

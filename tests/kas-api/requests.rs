//! What all endpoints share: rows 103 to 106, and the contract's section 1.
use super::support::{KUBERNETES, NOTHING, SECRET, error, message, token};
use super::{Kas, kas_api};
use serde_json::json;
use testkit::kas_fixture::T5;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Sends these bytes; the whole answer, once the service has closed.
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

/// 103
#[testkit::test]
async fn what_is_at_no_path_is_not_found(database: Database) {
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

/// 104
#[testkit::test]
async fn other_methods_hear_which_there_are(database: Database) {
    let kas = kas_api(database).await;
    for endpoint in kas_api::ENDPOINTS {
        let allow = if endpoint.method == "GET" { "GET, HEAD" } else { endpoint.method };
        for path in [endpoint.path.to_owned(), format!("{}/", endpoint.path)] {
            let answer = kas.service.request("DELETE", &path).send().await;
            assert_eq!(answer.json(), (405, error("405 Not Allowed")), "{path}");
            assert_eq!(answer.header("allow"), Some(allow), "{path}");
        }
    }
}

#[testkit::test]
async fn a_head_is_an_answer_without_its_body(database: Database) {
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
async fn a_slash_at_the_end_says_nothing(database: Database) {
    let kas = kas_api(database).await;
    for path in
        ["/agent_info/", "/project_info/?id=7", "/modules/starboard_vulnerability/policies_configuration/"]
    {
        assert_eq!(kas.agent("GET", path).send().await.status, 200, "{path}");
    }
    assert_eq!(kas.request("POST", "/usage_metrics/").answer().await, NOTHING);
}

#[testkit::test]
async fn nothing_is_said_of_a_body_before_it_is_known_who_asks(database: Database) {
    let kas = kas_api(database).await;
    let stranger = kas.agent_with("POST", "/modules/cilium_alert", "unknown").body("application/json", "{");
    assert_eq!(stranger.answer().await.0, 401);
    let agent = kas.agent("POST", "/modules/cilium_alert").body("application/json", "{");
    assert_eq!(agent.answer().await, (400, error("message body does not match declared format")));
}

/// 105
#[testkit::test]
async fn a_body_that_cannot_be_read_is_refused(database: Database) {
    let kas = kas_api(database).await;
    let unreadable = (400, error("message body does not match declared format"));
    for body in ["{", "[1]", "7", "\"{\"", "{\"a\":1}}", "{\"counters\":{\"gitops_sync\":1e999}}"] {
        let answer = kas.request("POST", "/usage_metrics").body("application/json", body).answer().await;
        assert_eq!(answer, unreadable, "{body}");
    }
    let answer = kas.request("POST", "/usage_metrics").body("text/plain", "x").answer().await;
    assert_eq!(answer, (415, error("The provided content-type 'text/plain' is not supported.")));
    let large = vec![b' '; endpoint::MIB + 1];
    let answer = kas.request("POST", "/usage_metrics").body("application/json", large.clone()).answer().await;
    assert_eq!(answer, (413, message("413 Request Entity Too Large")));
    let answer = kas.request("POST", "/agent_configuration").body("application/json", large).answer().await;
    assert_eq!(answer, (400, error("agent_id is missing, agent_config is missing")));
}

#[testkit::test]
async fn a_body_of_very_many_values_is_too_large(database: Database) {
    let kas = kas_api(database).await;
    let uuids = format!("{{\"uuids\":[{}1]}}", "1,".repeat(250_000));
    for request in [
        kas.agent("POST", "/modules/starboard_vulnerability/scan_result"),
        kas.request("POST", "/agent_configuration"),
        kas.request("POST", "/usage_metrics"),
    ] {
        let answer = request.body("application/json", uuids.clone()).answer().await;
        assert_eq!(answer, (413, message("413 Request Entity Too Large")));
    }
}

/// 106
#[testkit::test]
async fn what_kas_hands_on_has_an_empty_body_in_chunks(database: Database) {
    let kas = kas_api(database).await;
    for path in ["agent_info", "modules/starboard_vulnerability/policies_configuration"] {
        let answer =
            raw(&kas, &format!("GET {KUBERNETES}/{path}"), "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
                .await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

#[testkit::test]
async fn a_body_without_a_type_is_what_it_looks_like(database: Database) {
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
async fn secrets_are_not_in_the_metrics_and_requests_have_names(database: Database) {
    let kas = kas_api(database).await;
    let answer = kas.agent("GET", "/agent_info").header("X-Request-Id", "01ABC").send().await;
    assert_eq!(answer.header("x-request-id"), Some("01ABC"));
    assert_eq!(answer.header("cache-control"), Some("max-age=0, private, must-revalidate"));
    let metrics = kas.service.get("/-/metrics").await.text;
    assert!(!metrics.contains(T5) && !metrics.contains(SECRET));
    assert!(metrics.contains("http_requests_total{feature_category=\"deployment_management\",method=\"get\",route=\"/api/v4/internal/kubernetes/agent_info\",status=\"200\"} 1"), "{metrics}");
    assert_eq!(kas.service.get("/-/readiness?all=1").await.status, 200);
}

#[testkit::test]
async fn bodies_of_any_shape_are_answered(database: Database) {
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
    for endpoint in kas_api::ENDPOINTS {
        for shape in &shapes {
            let body = json!({
                "counters": shape, "unique_counters": shape, "events": { "register_agent_at_kas": shape }, "agent_id": shape, "agent_config": shape,
                "alert": shape, "uuids": shape, "vulnerability": shape, "scanner": shape, "access_type": shape, "access_key": shape, "id": shape,
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

/// Which endpoints there are is written down once for people and once for the service.
#[test]
fn the_page_lists_every_endpoint() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api/kas-api.md");
    let page = std::fs::read_to_string(page).unwrap();
    let listed: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`')).collect();
    let served: Vec<String> =
        kas_api::ENDPOINTS.iter().map(|endpoint| format!("{} {}", endpoint.method, endpoint.path)).collect();
    assert_eq!(listed, served);
}

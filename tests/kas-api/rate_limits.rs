//! Rate limits for each caller.
use super::support::{token, write_config};
use super::{Kas, kas_api_with};
use serde_json::json;
use tempfile::{NamedTempFile, TempDir};
use testkit::kas_fixture::{self, T5, T6};
use testkit::{Database, Process};

const THROTTLED: &str = "This endpoint has been requested too many times. Try again later.";
const SERIES: &str =
    r#"internal_api_requests_throttled_total{consumer="kas",throttle_key="internal_api_request"}"#;

/// A limit of one request per 1,000 seconds after this burst.
async fn limited(database: Database, burst: u32) -> Kas {
    let file = limits(&format!("kas: {{per_second: 0.001, burst: {burst}}}"));
    kas_api_with(database, &["--rate-limits-file", file.path().to_str().unwrap()]).await
}

fn limits(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[testkit::test]
async fn each_agent_has_its_own_limit(database: Database) {
    let kas = limited(database, 2).await;
    assert_eq!(kas.service.metric(SERIES).await, Some(0.0));
    // Requests without a valid credential are not counted and get no rate limit headers.
    for _ in 0..3 {
        assert_eq!(kas.agent_with("GET", "/agent_info", "unknown").send().await.status, 401);
    }
    for path in ["/agent_info", "/modules/starboard_vulnerability/policies_configuration"] {
        assert_eq!(kas.agent("GET", path).send().await.status, 200);
    }
    let third = kas.request("GET", "/agent_info").header("Gitlab-Agentk-Api-Request", T5).send().await;
    assert_eq!(third.json(), (429, json!({ "status": false, "message": THROTTLED })));
    assert_eq!(third.header("content-type"), Some("application/json"));
    third.assert_throttled(2);
    assert_eq!(kas.agent_with("GET", "/agent_info", T6).send().await.status, 200);
    let forged = kas.anonymous("GET", "/agent_info").header("Gitlab-Kas-Api-Request", "forged");
    assert_eq!(forged.header("Authorization", &format!("Bearer {T5}")).send().await.status, 401);
    assert_eq!(kas.service.metric(SERIES).await, Some(1.0));
}

#[testkit::test]
async fn kas_itself_is_counted_by_its_address(database: Database) {
    let kas = limited(database, 2).await;
    let from =
        |address: &str| kas.request("GET", "/receptive_agents").header("X-Forwarded-For", address).send();
    assert_eq!(from("192.0.2.1").await.status, 200);
    assert_eq!(
        kas.request("POST", "/usage_metrics").header("X-Forwarded-For", "192.0.2.1").send().await.status,
        204
    );
    from("192.0.2.1").await.assert_throttled(2);
    assert_eq!(from("192.0.2.2").await.status, 200);
    // Agents have limits of their own. Health checks are not limited.
    assert_eq!(
        kas.agent("GET", "/agent_info").header("X-Forwarded-For", "192.0.2.1").send().await.status,
        200
    );
    for _ in 0..4 {
        assert_eq!(kas.service.get("/-/liveness").await.status, 200);
    }
}

#[testkit::test]
async fn kas_has_a_limit_without_being_named_in_the_file(database: Database) {
    let file = limits("scim: {per_second: 0.001}");
    let kas = kas_api_with(database, &["--rate-limits-file", file.path().to_str().unwrap()]).await;
    let requests = (0..300).map(|_| kas.request("GET", "/receptive_agents").send());
    let answers = futures_util::future::join_all(requests).await;
    // The requests take less than four seconds. In that time a burst of 100 and 50 a second allow fewer
    // than 300.
    let throttled = answers.iter().filter(|answer| answer.status == 429).count();
    assert!((1..=200).contains(&throttled), "{throttled}");
}

#[testkit::test]
async fn a_hangup_reads_the_limits_again(database: Database) {
    kas_fixture::insert(&mut database.open());
    let (data, file) = (TempDir::new().unwrap(), limits("kas: {per_second: 0.001, burst: 1}"));
    let config = write_config(data.path());
    let directory = data.path().to_str().unwrap();
    let arguments =
        ["--config", &config, "--data-dir", directory, "--database-url", database.url_for("kas-api")];
    let process = Process::start(
        "kas-api",
        &[&arguments[..], &["--rate-limits-file", file.path().to_str().unwrap()]].concat(),
        &[],
    )
    .until_ready();
    let ask = async || {
        let request = process.request("GET", "/api/v4/internal/kubernetes/receptive_agents");
        request.header("Gitlab-Kas-Api-Request", &token()).send().await
    };
    let hang_up = |text: &str, says: &str| {
        std::fs::write(file.path(), text).unwrap();
        process.signal("HUP");
        process.log_line(|line| line["message"] == says);
    };
    assert_eq!(ask().await.status, 200);
    ask().await.assert_throttled(1);
    let line = process.log_line(|line| line["status"] == 429);
    assert_eq!(
        (&line["rate_limit_key"], &line["severity"]),
        (&json!("internal_api_request"), &json!("warn"))
    );
    hang_up("kas: {per_second: 0}", "kept the old rate limits");
    ask().await.assert_throttled(1);
    hang_up("kas: unlimited", "reloaded the rate limits");
    assert_eq!((ask().await.status, ask().await.status), (200, 200));
}

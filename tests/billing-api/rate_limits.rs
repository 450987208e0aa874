//! Rate limits: for each personal access token, and for each address of the portal.
use super::billing_api_with;
use super::support::{A, CURRENT, LEGACY, O, unauthorized};
use serde_json::json;

#[testkit::test]
async fn each_caller_has_its_own_limit(database: Database) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "billing: {per_second: 0.001, burst: 2}").unwrap();
    let billing = billing_api_with(database, &["--rate-limits-file", file.path().to_str().unwrap()]).await;
    let path = format!("{LEGACY}/namespaces/123/gitlab_subscription");
    let with = |token: &str| billing.anonymous("GET", &path).header("PRIVATE-TOKEN", token).send();
    for _ in 0..3 {
        assert_eq!(with("unknown").await.json(), unauthorized());
    }
    assert_eq!((with(A).await.status, with(A).await.status), (200, 200));
    let third = with(A).await;
    let message = "This endpoint has been requested too many times. Try again later.";
    assert_eq!(third.json(), (429, json!({ "status": false, "message": message })));
    third.assert_throttled(2);
    assert_eq!(with(O).await.status, 200);

    let portal = |address: &str| {
        billing
            .by_portal("GET", &format!("{CURRENT}/namespaces/123"))
            .header("X-Forwarded-For", address)
            .send()
    };
    assert_eq!((portal("192.0.2.1").await.status, portal("192.0.2.1").await.status), (200, 200));
    portal("192.0.2.1").await.assert_throttled(2);
    assert_eq!(portal("192.0.2.2").await.status, 200);
    let series =
        r#"internal_api_requests_throttled_total{consumer="billing",throttle_key="internal_api_request"}"#;
    assert_eq!(billing.service.metric(series).await, Some(2.0));
}

/// After 30 wrong credentials within a minute from one address, each further one gets a 429 after a second.
/// Tokens of both kinds count together.
#[testkit::test]
async fn wrong_credentials_of_one_address_are_slowed(database: Database) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "{}").unwrap();
    let billing = billing_api_with(database, &["--rate-limits-file", file.path().to_str().unwrap()]).await;
    let path = format!("{LEGACY}/namespaces/123/gitlab_subscription");
    let with = |header: &str, value: &str, address: &str| {
        let request = billing.anonymous("GET", &path).header(header, value);
        request.header("X-Forwarded-For", address).send()
    };
    for n in 0..30 {
        let header = if n % 2 == 0 { "PRIVATE-TOKEN" } else { "X-CUSTOMERS-DOT-INTERNAL-TOKEN" };
        assert_eq!(with(header, &format!("wrong{n}"), "192.0.2.1").await.json(), unauthorized(), "{n}");
    }
    let started = std::time::Instant::now();
    let answer = with("TOKEN", "wrong", "192.0.2.1").await;
    assert!(started.elapsed() >= std::time::Duration::from_secs(1));
    let message = "This endpoint has been requested too many times. Try again later.";
    assert_eq!(answer.json(), (429, json!({ "status": false, "message": message })));
    assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().unwrap() >= 1));
    // A valid credential is not slowed, nor is another address.
    assert_eq!(with("PRIVATE-TOKEN", A, "192.0.2.1").await.status, 200);
    assert_eq!(with("TOKEN", "wrong", "192.0.2.2").await.json(), unauthorized());
}

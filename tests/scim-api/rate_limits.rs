//! Limits for the requests of each token, and for wrong tokens.
use super::support::{GROUP, RFC, Scim, TG, TI, scim_api_with};
use serde_json::json;

#[testkit::test]
async fn each_token_has_its_own_limit(database: Database) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "scim: {per_second: 0.001, burst: 2}").unwrap();
    let scim = scim_api_with(database, &["--rate-limits-file", file.path().to_str().unwrap()]).await;
    for _ in 0..3 {
        assert_eq!(scim.with_token("unknown", "GET", &format!("{GROUP}/Users")).send().await.status, 401);
    }
    assert_eq!(scim.group("GET", "/Users").send().await.status, 200);
    assert_eq!(scim.group("GET", "/Schemas").send().await.status, 200);
    let third = scim.group("DELETE", "/Users/1").send().await;
    let expected = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "429",
        "detail": "This endpoint has been requested too many times. Try again later.",
    });
    assert_eq!(third.json(), (429, expected));
    assert_eq!(third.header("content-type"), Some(RFC));
    third.assert_throttled(2);
    assert_eq!(scim.instance("GET", "/Users").send().await.status, 200);
    // The token of the instance is invalid for the path of a group.
    assert_eq!(scim.with_token(TI, "GET", &format!("{GROUP}/Users")).send().await.status, 401);
    let series =
        r#"internal_api_requests_throttled_total{consumer="scim",throttle_key="internal_api_request"}"#;
    assert_eq!(scim.service.metric(series).await, Some(1.0));
}

#[testkit::test]
async fn requests_count_while_scim_is_disabled(database: Database) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "scim: {per_second: 0.001, burst: 1}").unwrap();
    let limited = ["--scim-instance-enabled", "false", "--rate-limits-file", file.path().to_str().unwrap()];
    let scim = scim_api_with(database, &limited).await;
    assert_eq!(scim.instance("GET", "/Users").send().await.status, 404);
    scim.instance("GET", "/Users").send().await.assert_throttled(1);
}

/// Starts scim-api with an empty limits file, so that every limit has its default.
async fn scim_api_by_default(database: testkit::Database) -> Scim {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "{}").unwrap();
    scim_api_with(database, &["--rate-limits-file", file.path().to_str().unwrap()]).await
}

#[testkit::test]
async fn limit_is_on_by_default(database: Database) {
    let scim = scim_api_by_default(database).await;
    let started = std::time::Instant::now();
    let (mut answered, mut throttled) = (0_u32, 0_u32);
    // 60 requests at once, because more than 32 that wait for each connection are refused with 503. A slow
    // machine needs more rounds until a request is throttled.
    for _ in 0..100 {
        let requests = (0..60).map(|_| scim.group("GET", "/Schemas").send());
        for answer in futures_util::future::join_all(requests).await {
            if answer.status == 200 {
                answered += 1;
            } else {
                answer.assert_throttled(200);
                throttled += 1;
            }
        }
        if answered + throttled >= 600 && throttled > 0 {
            break;
        }
    }
    // A burst of 200, then 50 requests a second.
    let most = 201.0 + 50.0 * started.elapsed().as_secs_f64();
    assert!(throttled > 0, "{answered}");
    assert!(answered >= 200 && f64::from(answered) <= most, "{answered} of at most {most}");
}

#[testkit::test]
async fn wrong_credentials_of_one_address_are_slowed(database: Database) {
    let scim = scim_api_by_default(database).await;
    let ask = |token: &str, address: &str| {
        let path = format!("{GROUP}/Users?count=1");
        scim.with_token(token, "GET", &path).header("X-Forwarded-For", address).send()
    };
    for n in 0..30 {
        assert_eq!(ask(&format!("wrong{n}"), "192.0.2.1").await.status, 401, "{n}");
    }
    let started = std::time::Instant::now();
    let further = (0..10).map(|n| ask(&format!("other{n}"), "192.0.2.1")).collect::<Vec<_>>();
    for answer in futures_util::future::join_all(further).await {
        assert_eq!((answer.status, answer.header("content-type")), (429, Some(RFC)));
        assert_eq!(answer.header("ratelimit-name"), Some("internal_api_failed_authentication"));
        assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().unwrap() >= 1));
    }
    assert!(started.elapsed() >= std::time::Duration::from_secs(1));
    assert_eq!(ask(TG, "192.0.2.1").await.status, 200);
    assert_eq!(ask("wrong", "192.0.2.2").await.status, 401);
    for n in 0..30 {
        assert_eq!(ask("wrong", &format!("2001:db8::{n}")).await.status, 401, "{n}");
    }
    assert_eq!(ask("wrong", "2001:db8::ffff").await.status, 429);
    assert_eq!(ask("wrong", "2001:db8:0:1::1").await.status, 401);
}

//! So many requests of one token.
use super::support::{GROUP, RFC, TI, scim_api_with};
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
    // The instance's token at a group's path is nobody's.
    assert_eq!(scim.with_token(TI, "GET", &format!("{GROUP}/Users")).send().await.status, 401);
    let series =
        r#"internal_api_requests_throttled_total{consumer="scim",throttle_key="internal_api_request"}"#;
    assert_eq!(scim.service.metric(series).await, Some(1.0));
}

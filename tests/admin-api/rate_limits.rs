//! Rate limits by token.
use super::admin_api_with;
use super::support::{A, AR, LIST, unauthorized};
use serde_json::json;

#[testkit::test]
async fn each_token_has_its_own_limit(database: Database) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "admin: {per_second: 0.001, burst: 2}").unwrap();
    let admin = admin_api_with(database, &["--rate-limits-file", file.path().to_str().unwrap()]).await;
    let with = |token: &str| admin.anonymous("GET", LIST).header("PRIVATE-TOKEN", token).send();
    for _ in 0..3 {
        assert_eq!(with("unknown").await.json(), unauthorized());
    }
    assert_eq!((with(A).await.status, with(A).await.status), (200, 200));
    let third = with(A).await;
    let message = "This endpoint has been requested too many times. Try again later.";
    assert_eq!(third.json(), (429, json!({ "message": { "error": message } })));
    third.assert_throttled(2);
    assert_eq!(with(AR).await.status, 200);
}

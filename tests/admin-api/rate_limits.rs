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

/// After 30 wrong tokens within a minute from one address, each further one is answered 429, a second late.
#[testkit::test]
async fn wrong_tokens_of_one_address_are_slowed(database: Database) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "{}").unwrap();
    let admin = admin_api_with(database, &["--rate-limits-file", file.path().to_str().unwrap()]).await;
    let with = |token: &str, address: &str| {
        let request = admin.anonymous("GET", LIST).header("PRIVATE-TOKEN", token);
        request.header("X-Forwarded-For", address).send()
    };
    for n in 0..30 {
        assert_eq!(with(&format!("wrong{n}"), "192.0.2.1").await.json(), unauthorized(), "{n}");
    }
    let started = std::time::Instant::now();
    let answer = with("wrong", "192.0.2.1").await;
    assert!(started.elapsed() >= std::time::Duration::from_secs(1));
    let message = "This endpoint has been requested too many times. Try again later.";
    assert_eq!(answer.json(), (429, json!({ "message": { "error": message } })));
    assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().unwrap() >= 1));
    assert_eq!(with("", "192.0.2.1").await.status, 429, "a missing token counts, too");
    // A valid token is not slowed, nor is another address.
    assert_eq!(with(A, "192.0.2.1").await.status, 200);
    assert_eq!(with("wrong", "192.0.2.2").await.json(), unauthorized());
}

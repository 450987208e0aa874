//! Authentication of every endpoint.
use super::support::{SECRET, UNAUTHORIZED, nothing_changed, token};
use super::tokens::{self, claims, signed_by};
use super::{Shell, raw, shell_api, shell_api_with};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use testkit::Redis;

/// Parameters with which every endpoint would go on if authentication succeeded.
const PARAMETERS: &str = "key_id=11&project=grp/p&action=git-receive-pack&protocol=ssh&changes=_any\
    &gl_repository=project-3&identifier=key-11";

async fn check_with(shell: &Shell, token: &str) -> u16 {
    shell.anonymous("GET", "/check").header("Gitlab-Shell-Api-Request", token).send().await.status
}

#[testkit::test]
async fn every_endpoint_requires_a_valid_token(database: Database) {
    let redis = Redis::start();
    let shell = shell_api_with(database, &["--redis-url", &redis.url()]).await;
    let key = testkit::ssh::ed25519(11);
    let parameters = format!("{PARAMETERS}&key={}", testkit::ssh::word(&key));
    for endpoint in shell_api::ENDPOINTS.iter() {
        let ask = || shell.service.request(endpoint.method, &format!("{}?{parameters}", endpoint.path));
        for (what, bad) in tokens::bad() {
            let request = match bad {
                Some(bad) => ask().header("Gitlab-Shell-Api-Request", &bad),
                None => ask(),
            };
            let answer = request.send().await;
            let answer = (answer.status, answer.text.as_str());
            assert_eq!(answer, (401, UNAUTHORIZED), "{} {what}", endpoint.path);
        }
    }
    nothing_changed(&shell, &redis);
    for endpoint in shell_api::ENDPOINTS.iter() {
        let request = shell.service.request(endpoint.method, &format!("{}?{parameters}", endpoint.path));
        let answer = request.header("Gitlab-Shell-Api-Request", &token()).send().await;
        assert_ne!(answer.status, 401, "{}: {}", endpoint.path, answer.text);
    }
}

#[testkit::test]
async fn clock_skew_of_a_minute_is_accepted(database: Database) {
    let shell = shell_api(database).await;
    let now = endpoint::Clock::System.unix();
    for (claims, status) in [
        (json!({ "iss": "gitlab-shell", "iat": now - 120, "exp": now - 61 }), 401),
        (json!({ "iss": "gitlab-shell", "iat": now - 90, "exp": now - 30 }), 200),
        (json!({ "iss": "gitlab-shell", "iat": now + 10, "exp": now + 70 }), 200),
        (json!({ "iss": "gitlab-shell", "nbf": now + 30, "exp": now + 90 }), 200),
        (json!({ "iss": "gitlab-shell", "nbf": now + 90, "exp": now + 150 }), 401),
        (json!({ "iss": "gitlab-shell", "exp": now + 60, "gl_id": "key-11" }), 200),
        (json!({ "iss": "gitlab-shell" }), 200),
        (json!({ "iss": "gitlab-shell", "exp": "tomorrow" }), 401),
        (json!({ "iss": ["gitlab-shell"], "exp": now + 60 }), 401),
        (json!([]), 401),
    ] {
        assert_eq!(check_with(&shell, &signed_by(SECRET, &claims)).await, status, "{claims}");
    }
    // The trailing newline of the secret's file is not part of the key.
    assert_eq!(check_with(&shell, &signed_by(SECRET, &claims())).await, 200);
    assert_eq!(check_with(&shell, &signed_by(&format!("{SECRET}\n"), &claims())).await, 401);
}

#[testkit::test]
async fn token_requires_an_expiry_if_configured(database: Database) {
    let shell = shell_api_with(database, &["--require-exp"]).await;
    let eternal = signed_by(SECRET, &json!({ "iss": "gitlab-shell" }));
    assert_eq!(check_with(&shell, &eternal).await, 401);
    assert_eq!(check_with(&shell, &token()).await, 200);
}

#[testkit::test]
async fn the_secret_itself_is_no_credential(database: Database) {
    let shell = shell_api(database).await;
    for (what, answer) in with_the_secret(&shell, &STANDARD.encode(SECRET)).await {
        assert_eq!(answer, 401, "{what}");
    }
}

#[testkit::test]
async fn the_secret_itself_is_a_credential_when_switched_on(database: Database) {
    let shell = shell_api_with(database, &["--legacy-shared-secret"]).await;
    for (secret, status) in [
        (STANDARD.encode(SECRET), 200),
        (STANDARD.encode(format!("{SECRET}\n")), 200),
        (STANDARD.encode("another secret"), 401),
        (SECRET.replace(' ', ""), 401),
        (String::new(), 401),
    ] {
        for (what, answer) in with_the_secret(&shell, &secret).await {
            assert_eq!(answer, status, "{secret} as {what}");
        }
    }
    // Line breaks in base64 are ignored.
    let broken = STANDARD.encode(SECRET).replace("IHN", "IHN%0A");
    assert_eq!(shell.anonymous("GET", &format!("/check?secret_token={broken}")).send().await.status, 200);
    // If a token is present, the shared secret is ignored.
    let request = shell.anonymous("GET", "/check").header("Gitlab-Shared-Secret", &STANDARD.encode(SECRET));
    assert_eq!(request.header("Gitlab-Shell-Api-Request", "a.b.c").send().await.status, 401);
    assert_eq!(check_with(&shell, &token()).await, 200);
    assert_eq!(shell.anonymous("GET", "/check").send().await.status, 401);
    // Without authentication, bodies above 1 MiB are not read.
    let head = raw::anonymous_head("POST /api/v4/internal/allowed", "Content-Length: 1048577\r\n");
    assert_eq!(raw::send(&shell, &head).await, (401, UNAUTHORIZED.to_owned()));
}

#[testkit::test]
async fn basic_authentication_is_ignored(database: Database) {
    let shell = shell_api(database).await;
    let basic = format!("Basic {}", STANDARD.encode("user:password"));
    assert_eq!(shell.request("GET", "/check").header("Authorization", &basic).send().await.status, 200);
    assert_eq!(shell.anonymous("GET", "/check").header("Authorization", &basic).send().await.status, 401);
}

#[testkit::test]
async fn credential_is_checked_first(database: Database) {
    let shell = shell_api(database).await;
    for body in ["", "{", r#"{"key_id":[]}"#] {
        let answer = shell.anonymous("POST", "/allowed").body("application/json", body).send().await;
        assert_eq!((answer.status, answer.text.as_str()), (401, UNAUTHORIZED), "{body}");
    }
    // The response comes before any byte of the body is sent, whether the body is within the limit or too
    // large.
    for length in [20 * endpoint::MIB, 21 * endpoint::MIB] {
        let headers = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        let head = raw::anonymous_head("POST /api/v4/internal/allowed", &headers);
        assert_eq!(raw::send(&shell, &head).await, (401, UNAUTHORIZED.to_owned()));
    }
    let body = vec![b' '; 20 * endpoint::MIB];
    let whole = [
        raw::anonymous_head("POST /api/v4/internal/allowed", &format!("Content-Length: {}\r\n", body.len())),
        body,
    ]
    .concat();
    assert_eq!(raw::send(&shell, &whole).await, (401, UNAUTHORIZED.to_owned()));
}

/// The statuses of requests with the secret in the header, the query, a form and JSON.
async fn with_the_secret(shell: &Shell, secret: &str) -> Vec<(&'static str, u16)> {
    let json = json!({ "gl_repository": "project-3", "secret_token": secret });
    let pre_receive = || shell.anonymous("POST", "/pre_receive");
    let requests = [
        ("header", shell.anonymous("GET", "/check").header("Gitlab-Shared-Secret", secret)),
        ("query", shell.anonymous("GET", &format!("/check?secret_token={}", secret.replace('=', "%3D")))),
        ("form", pre_receive().form(&format!("gl_repository=project-3&secret_token={secret}"))),
        ("JSON", pre_receive().json(&json)),
    ];
    let mut statuses = Vec::new();
    for (what, request) in requests {
        statuses.push((what, request.send().await.status));
    }
    statuses
}

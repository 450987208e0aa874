//! Authentication and authorisation of every API endpoint, under both prefixes.
use super::support::{
    A, AN, AR, AS, AV, AX, B, K, LIST, P, SUDO, digest, error, forbidden, message, unauthorized,
};
use super::{Admin, admin_api};
use serde_json::{Value, json};
use testkit::Request;

/// Sends a request to each endpoint of the API, with the credentials that `who` adds.
async fn each(admin: &Admin, who: impl Fn(Request) -> Request) -> Vec<(String, (u16, Value))> {
    let mut answers = Vec::new();
    let of_the_api = |path: &str| path.starts_with("/api/v4/") || path.starts_with("/v4/");
    for endpoint in admin_api::ENDPOINTS.iter().filter(|endpoint| of_the_api(endpoint.path)) {
        let path = endpoint.path.replace("namespaces/{id}", "namespaces/123").replace("{id}", "2");
        let request = who(admin.anonymous(endpoint.method, &path)).json(&json!({ "reason": "x" }));
        answers.push((format!("{} {}", endpoint.method, endpoint.path), request.answer().await));
    }
    assert_eq!(answers.len(), 12);
    answers
}

fn invalid_token(why: &str) -> (u16, Value) {
    (401, json!({ "error": "invalid_token", "error_description": why }))
}

fn insufficient(scope: &str) -> (u16, Value) {
    let why = "The request requires higher privileges than provided by the access token.";
    (403, json!({ "error": "insufficient_scope", "error_description": why, "scope": scope }))
}

const EXPIRED: &str = "Token is expired. You can either do re-authorization or token refresh.";
const REVOKED: &str = "Token was revoked. You have to re-authorize from the user.";

/// Every endpoint answers 401 without a valid token, before it reads the body.
#[testkit::test]
async fn every_endpoint_requires_a_valid_token(database: Database) {
    let admin = admin_api(database).await;
    for (name, answer) in each(&admin, |request| request).await {
        assert_eq!(answer, unauthorized(), "{name}");
    }
    let strangers = [
        ("PRIVATE-TOKEN", "nope"),
        ("PRIVATE-TOKEN", "\u{e9}"),
        ("PRIVATE-TOKEN", ""),
        ("Authorization", "Bearer nope"),
        ("Authorization", "Bearer "),
        ("Authorization", "Basic cm9vdDpnbHBhdC1hZG1pbmlzdHJhdG9y"),
        ("TOKEN", A),
        ("Job-Token", A),
    ];
    for (header, value) in strangers {
        for (name, answer) in each(&admin, |request| request.header(header, value)).await {
            assert_eq!(answer, unauthorized(), "{name} {header}: {value}");
        }
    }
    for body in ["{", r#"{"reason":1"#] {
        let request = admin.anonymous("POST", P).header("PRIVATE-TOKEN", "nope");
        assert_eq!(
            request.body("application/json", body).answer().await,
            unauthorized(),
            "nothing is said of a body first"
        );
    }
    assert_eq!(admin.exclusions(), 0);
    let counted = "internal_api_auth_failures_total{consumer=\"admin\",reason=\"unknown\",\
        scheme=\"personal_access_token\"}";
    assert!(admin.service.metric(counted).await.unwrap() >= 36.0);
}

/// Credentials of GitLab Shell, KAS, the Customers Portal and SCIM are answered with 401.
#[testkit::test]
async fn no_endpoint_answers_another_consumers_credential(database: Database) {
    let admin = admin_api(database).await;
    let shared = "0123456789abcdef0123456789abcdef";
    let claims =
        json!({ "iss": "gitlab-shell", "iat": 1_714_996_830, "exp": 1_714_996_890, "aud": "gitlab-kas" });
    let key = jsonwebtoken::EncodingKey::from_secret(shared.as_bytes());
    let jwt = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
    let bearer = |token: &str| format!("Bearer {token}");
    let others = [
        ("Gitlab-Shell-Api-Request", jwt.clone()),
        ("Gitlab-Kas-Api-Request", jwt.clone()),
        ("Gitlab-Shared-Secret", shared.to_owned()),
        ("X-CUSTOMERS-DOT-INTERNAL-TOKEN", jwt.clone()),
        ("Authorization", bearer(&jwt)),
        ("Authorization", bearer("glagent-0123456789")),
        ("Authorization", bearer("glsoat-0123456789")),
    ];
    for (header, value) in &others {
        for (name, answer) in each(&admin, |request| request.header(header, value)).await {
            assert_eq!(answer, unauthorized(), "{name} {header}");
        }
    }
    assert_eq!(admin.exclusions(), 0);
}

/// Every endpoint answers 403 to a user who is not an administrator, even if the namespace is missing.
#[testkit::test]
async fn every_endpoint_requires_an_administrator(database: Database) {
    let admin = admin_api(database).await;
    for (name, answer) in each(&admin, |request| request.header("PRIVATE-TOKEN", B)).await {
        assert_eq!(answer, forbidden(), "{name}");
    }
    for path in [
        P,
        "/api/v4/namespaces/999/storage/limit_exclusion",
        "/api/v4/namespaces/124/storage/limit_exclusion",
    ] {
        for method in ["POST", "DELETE"] {
            assert_eq!(
                admin.by(B, method, path).json(&json!({})).answer().await,
                forbidden(),
                "{method} {path}"
            );
        }
    }
    assert_eq!(admin.exclusions(), 0);
    for (name, (status, body)) in each(&admin, |request| request.header("PRIVATE-TOKEN", A)).await {
        assert!([200, 201, 204].contains(&status), "{name}: {status} {body}");
    }
}

/// Expired and revoked tokens are answered with 401, tokens without the scope with 403.
#[testkit::test]
async fn insufficient_token_is_refused_with_the_reason(database: Database) {
    let admin = admin_api(database).await;
    let ask = async |token: &str, method: &str, path: &str| admin.by(token, method, path).send().await;
    for (token, why) in [(AX, EXPIRED), (AV, REVOKED)] {
        let answer = ask(token, "GET", LIST).await;
        assert_eq!(
            answer.header("WWW-Authenticate"),
            Some(r#"Bearer realm="The API", error="invalid_token""#)
        );
        assert_eq!(answer.json(), invalid_token(why));
    }
    for reason in ["expired", "revoked"] {
        let counted = format!(
            "internal_api_auth_failures_total{{consumer=\"admin\",reason=\"{reason}\",\
            scheme=\"personal_access_token\"}}"
        );
        assert_eq!(admin.service.metric(&counted).await, Some(1.0), "{reason}");
    }
    assert_eq!(ask(AR, "GET", LIST).await.json(), (200, json!([])));
    assert_eq!(ask(AR, "POST", P).await.json(), insufficient("api"));
    assert_eq!(ask(AR, "DELETE", P).await.json(), insufficient("api"));
    assert_eq!(ask(AS, "GET", LIST).await.json(), insufficient("api read_api"));
    let unused = "SELECT count(*) FROM personal_access_tokens WHERE last_used_at IS NOT NULL";
    assert_eq!(admin.number(unused), 1);
}

/// GitLab writes a list of scopes in two forms of YAML, and takes an empty list for `api`.
#[testkit::test]
async fn scopes_are_read_in_both_forms(database: Database) {
    let admin = admin_api(database).await;
    for (scopes, status) in
        [("--- []", 200), ("--- [api]", 200), ("--- [read_user, :api]", 200), ("--- [read_user]", 403)]
    {
        admin.sql(&format!(
            "UPDATE personal_access_tokens SET scopes = '{scopes}\n' WHERE token_digest = '{}'",
            digest(AS)
        ));
        assert_eq!(admin.by(AS, "GET", LIST).send().await.status, status, "{scopes}");
    }
}

/// In admin mode a token needs the scope `admin_mode`.
#[testkit::test]
async fn where_admin_mode_is_on_a_token_needs_its_scope(database: Database) {
    let admin = admin_api(database).await;
    assert_eq!(admin.by(AN, "GET", LIST).answer().await, (200, json!([])));
    admin.sql("UPDATE application_settings SET admin_mode = true");
    assert_eq!(admin.by(AN, "GET", LIST).answer().await, forbidden());
    assert_eq!(admin.by(A, "GET", LIST).answer().await, (200, json!([])));
}

/// The owner of a token is rejected while blocked, banned or deactivated.
#[testkit::test]
async fn inactive_account_is_refused_with_the_reason(database: Database) {
    let admin = admin_api(database).await;
    let blocked = message(403, "Forbidden - Your account has been blocked.");
    assert_eq!(admin.by(K, "GET", LIST).answer().await, blocked);
    admin.sql("UPDATE users SET state = 'banned' WHERE id = 3");
    assert_eq!(admin.by(K, "GET", LIST).answer().await, blocked);
    admin.sql("UPDATE users SET state = 'deactivated' WHERE id = 3");
    let text = "Forbidden - Your account has been deactivated by your administrator. Please log back in \
    from a web browser to reactivate your account at https://gitlab.example.com";
    assert_eq!(admin.by(K, "GET", LIST).answer().await, message(403, text));
}

/// A token may be sent in a header, as a bearer token or in the query, but not in the body.
#[testkit::test]
async fn token_is_accepted_in_every_header_and_parameter(database: Database) {
    let admin = admin_api(database).await;
    let bearer = format!("Bearer {A}");
    for (header, value) in
        [("PRIVATE-TOKEN", A), ("Authorization", &bearer), ("authorization", &format!("bearer {A}"))]
    {
        assert_eq!(
            admin.anonymous("GET", LIST).header(header, value).answer().await,
            (200, json!([])),
            "{header}"
        );
    }
    for name in ["private_token", "access_token"] {
        let answer = admin.anonymous("GET", &format!("{LIST}?{name}={A}&per_page=1")).send().await;
        assert_eq!(answer.json(), (200, json!([])));
        let link = answer.header("Link").unwrap();
        assert!(!link.contains("token") && link.contains("per_page=1"), "{link}");
    }
    // The first non-empty token is used. A token in the body is ignored.
    let both = admin.anonymous("GET", &format!("{LIST}?private_token={B}")).header("PRIVATE-TOKEN", A);
    assert_eq!(both.answer().await, forbidden());
    let empty = admin
        .anonymous("GET", &format!("{LIST}?private_token=&access_token={A}"))
        .header("PRIVATE-TOKEN", "");
    assert_eq!(empty.answer().await, (200, json!([])));
    // If a query parameter is repeated, the last one is used, however its name is encoded.
    let several = admin.anonymous("GET", &format!("{LIST}?private_token=&private%5Ftoken={A}"));
    assert_eq!(several.answer().await, (200, json!([])));
    let in_body = admin.anonymous("POST", P).json(&json!({ "private_token": A, "reason": "x" }));
    assert_eq!(in_body.answer().await, unauthorized());
}

#[testkit::test]
async fn administrator_can_impersonate_another_one(database: Database) {
    let admin = admin_api(database).await;
    admin.sql("UPDATE users SET admin = true WHERE id = 4");
    let sudo =
        async |token: &str, target: &str| admin.by(token, "GET", LIST).header("Sudo", target).answer().await;
    for target in ["4", "rep", "REP"] {
        assert_eq!(sudo(SUDO, target).await, (200, json!([])), "{target}");
    }
    // Not an administrator, blocked, or unknown.
    for target in ["2", "alice", "3", "999", "nobody", "-1"] {
        assert_eq!(sudo(SUDO, target).await, forbidden(), "{target}");
    }
    assert_eq!(sudo(A, "rep").await, insufficient("sudo"));
    assert_eq!(sudo(B, "root").await, forbidden());
    let excluded = admin.by(SUDO, "POST", &format!("{P}?sudo=rep&reason=x")).answer().await;
    assert_eq!(excluded.0, 201);
    assert_eq!(admin.number("SELECT author_id FROM admin_audit_events"), 4);
    let impersonated_by = admin.text("SELECT impersonated_by FROM admin_audit_events");
    assert_eq!(impersonated_by.as_deref(), Some("root"));
}

/// Unknown paths are answered with 404, unsupported methods with 405 and `Allow`.
#[testkit::test]
async fn unknown_paths_and_methods_are_refused(database: Database) {
    let admin = admin_api(database).await;
    for method in ["PUT", "PATCH", "GET"] {
        let answer = admin.by(A, method, P).send().await;
        assert_eq!(answer.json(), error(405, "405 Not Allowed"));
        assert_eq!(answer.header("Allow"), Some("POST, DELETE"));
    }
    let head = admin.by(A, "HEAD", LIST).send().await;
    assert_eq!((head.status, &*head.text, head.header("X-Total")), (200, "", Some("0")));
    for path in [
        "/api/v4/namespaces/123",
        "/api/v4/namespaces/storage/limit_exclusion_",
        "/v5/namespaces",
        "/api/v4/users/1",
    ] {
        assert_eq!(admin.by(A, "GET", path).answer().await, error(404, "404 Not Found"), "{path}");
    }
    assert_eq!(admin.ask("GET", &format!("{LIST}/")).await, (200, json!([])));
}

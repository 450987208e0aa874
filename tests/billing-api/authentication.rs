//! Authentication and authorization of every endpoint.
use super::support::{A, B, KEY_BASE, O, forbidden, today, token_of, unauthorized};
use super::tokens::{Signer, bad, claims};
use super::{Billing, billing_api};
use serde_json::{Value, json};
use testkit::Request;

/// The rows that a refused request must not change.
const ROWS: &str = "SELECT (SELECT count(*) FROM gitlab_subscriptions) + (SELECT count(*) FROM \
                    ci_minutes_additional_packs) \
    + (SELECT count(*) FROM upcoming_reconciliations) + (SELECT count(*) FROM subscription_add_on_purchases) \
    + (SELECT count(*) FROM namespace_limits) + (SELECT count(*) FROM user_credit_card_validations)";
const JWT: &str = "X-CUSTOMERS-DOT-INTERNAL-TOKEN";

/// A body that is valid for every endpoint.
fn everything() -> Value {
    json!({
        "start_date": "2020-07-15", "seats": 1, "namespace_id": 123, "quantity": 1,
        "started_on": "2024-01-01",
        "expires_on": "2024-12-31", "purchase_xid": "x", "additional_purchased_storage_size": 1,
        "packs": [{ "number_of_minutes": 1, "expires_at": "2022-01-01", "purchase_xid": "x" }],
        "upcoming_reconciliations": [{ "namespace_id": 123, "next_reconciliation_date": "2021-06-13",
            "display_alert_from": "2021-06-06" }],
        "provision": { "storage": { "additional_purchased_storage_size": 1 } },
        "credit_card_validated_at": "2020-01-01T00:00:00Z",
        "add_on_purchases": { "duo_pro": [{ "quantity": 1, "started_on": "2024-01-01",
            "expires_on": "2024-12-31", "purchase_xid": "x" }] },
    })
}

/// Sends a request to each endpoint, with the credential that `who` adds.
async fn each(billing: &Billing, who: impl Fn(Request) -> Request) -> Vec<(String, (u16, Value))> {
    let mut answers = Vec::new();
    for endpoint in billing_api::ENDPOINTS.iter() {
        let path = endpoint.path.replace("{target_id}", "321").replace("{add_on_name}", "duo_pro");
        let path = path.replace("{user_id}", "2").replace("users/{id}", "users/2");
        let path = path.replace("{id}", "123").replace("{namespace_id}", "123");
        let answer = who(billing.anonymous(endpoint.method, &path)).json(&everything()).answer().await;
        answers.push((format!("{} {}", endpoint.method, endpoint.path), answer));
    }
    answers
}

/// A caller without a valid credential gets a 401, even if the body is invalid too.
#[testkit::test]
async fn authentication_comes_before_parameters(database: Database) {
    let billing = billing_api(database).await;
    for (name, value) in [("PRIVATE-TOKEN", "glpat-unknown"), (JWT, "nonsense"), ("X-Other", "nothing")] {
        for (content_type, body) in [("application/json", "{"), ("text/plain", "x")] {
            let request = billing.anonymous("POST", "/api/v4/namespaces/123/minutes").header(name, value);
            let answer = request.body(content_type, body.to_owned()).answer().await;
            assert_eq!(answer, unauthorized(), "{name} {content_type}");
        }
    }
}

#[testkit::test]
async fn every_endpoint_requires_a_valid_token(database: Database) {
    let billing = billing_api(database).await;
    let now = today().and_utc().timestamp();
    for (name, answer) in each(&billing, |request| request).await {
        assert_eq!(answer, unauthorized(), "{name} without a token");
    }
    for (what, token) in bad(now) {
        // A valid personal access token beside it does not help.
        for (name, answer) in
            each(&billing, |request| request.header(JWT, &token).header("PRIVATE-TOKEN", A)).await
        {
            assert_eq!(answer, unauthorized(), "{name} {what}");
        }
    }
    let unknown = ["PRIVATE-TOKEN", "TOKEN", "Authorization"];
    for header in unknown {
        for (name, answer) in each(&billing, |request| request.header(header, "Bearer glpat-unknown")).await {
            assert_eq!(answer, unauthorized(), "{name} {header}");
        }
    }
    assert_eq!(billing.number(ROWS), 0);
}

#[testkit::test]
async fn every_endpoint_requires_an_administrator(database: Database) {
    let billing = billing_api(database).await;
    for (name, answer) in each(&billing, |request| request.header("PRIVATE-TOKEN", B)).await {
        assert_eq!(answer, forbidden(), "{name}");
    }
    // An owner may only read the subscription at the older path.
    for (name, (status, body)) in each(&billing, |request| request.header("PRIVATE-TOKEN", O)).await {
        let is_read = name == "GET /api/v4/namespaces/{id}/gitlab_subscription";
        assert_eq!(status, if is_read { 200 } else { 403 }, "{name}: {body}");
    }
    assert_eq!(billing.number(ROWS), 0);
    for (name, (status, body)) in each(&billing, |request| request.header("PRIVATE-TOKEN", A)).await {
        assert!(![401, 403, 500].contains(&status), "{name}: {status} {body}");
    }
}

/// An owner may read the older path, unless the owner is blocked or the membership does not count.
#[testkit::test]
async fn former_owner_reads_nothing(database: Database) {
    let billing = billing_api(database).await;
    let path = "/api/v4/namespaces/123/gitlab_subscription";
    let read = async || billing.anonymous("GET", path).header("PRIVATE-TOKEN", O).answer().await;
    for (loss, restore) in [
        ("UPDATE users SET state = 'blocked' WHERE id = 3", "UPDATE users SET state = 'active' WHERE id = 3"),
        ("UPDATE users SET state = 'banned' WHERE id = 3", "UPDATE users SET state = 'active' WHERE id = 3"),
        (
            "UPDATE users SET state = 'deactivated' WHERE id = 3",
            "UPDATE users SET state = 'active' WHERE id = 3",
        ),
        ("UPDATE members SET expires_at = '2021-01-10'", "UPDATE members SET expires_at = NULL"),
        ("UPDATE members SET access_level = 40", "UPDATE members SET access_level = 50"),
        ("UPDATE members SET requested_at = created_at", "UPDATE members SET requested_at = NULL"),
    ] {
        assert_eq!(read().await.0, 200, "before {loss}");
        billing.sql(loss);
        assert_eq!(read().await, forbidden(), "{loss}");
        billing.sql(restore);
    }
}

#[testkit::test]
async fn token_is_accepted_in_every_header_and_parameter(database: Database) {
    let billing = billing_api(database).await;
    let path = "/api/v4/namespaces/123/gitlab_subscription";
    let bearer = format!("Bearer {A}");
    for (header, value) in
        [("PRIVATE-TOKEN", A), ("Private-Token", A), ("Authorization", &bearer), ("TOKEN", A)]
    {
        assert_eq!(billing.anonymous("GET", path).header(header, value).send().await.status, 200, "{header}");
    }
    let by_query = billing.anonymous("GET", &format!("{path}?private_token={A}"));
    assert_eq!(by_query.send().await.status, 200);
    // The documented header has the lowest precedence. Blank headers count as absent.
    let first = billing.anonymous("PUT", path).header("PRIVATE-TOKEN", B).header("TOKEN", A);
    assert_eq!(first.answer().await, forbidden());
    let blank = billing.anonymous("GET", path).header("PRIVATE-TOKEN", "").header("TOKEN", A);
    assert_eq!(blank.send().await.status, 200);
    let used = "SELECT count(*) FROM personal_access_tokens WHERE last_used_at IS NOT NULL";
    assert_eq!(billing.number(used), 2);
    // The token has a list of audiences and no key id.
    let now = today().and_utc().timestamp();
    let claims = claims(now, json!({ "aud": ["others", "gitlab-subscriptions"] }));
    let unnamed = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
    for token in [
        Signer::portal().sign(&claims),
        jsonwebtoken::encode(&unnamed, &claims, &Signer::portal().key).unwrap(),
    ] {
        assert_eq!(
            billing
                .anonymous("GET", path)
                .header("x-customers-dot-internal-token", &token)
                .send()
                .await
                .status,
            200
        );
    }
}

#[testkit::test]
async fn expired_and_revoked_tokens_are_named(database: Database) {
    let billing = billing_api(database).await;
    for (user_id, token, scopes) in
        [(1, "t-old", "api"), (1, "t-revoked", "api"), (1, "t-narrow", "read_user"), (1, "t-api", "api")]
    {
        token_of(&billing.service.database, user_id, token, scopes);
    }
    let digest = |token: &str| auth::KeyBase::from_text(KEY_BASE).unwrap().digests(token).remove(0);
    billing.sql(&format!(
        "UPDATE personal_access_tokens SET expires_at = '2021-01-10' WHERE token_digest = '{}'",
        digest("t-old")
    ));
    billing.sql(&format!(
        "UPDATE personal_access_tokens SET revoked = true WHERE token_digest = '{}'",
        digest("t-revoked")
    ));
    let ask = async |token: &str| {
        billing
            .anonymous("GET", "/api/v4/namespaces/123/gitlab_subscription")
            .header("PRIVATE-TOKEN", token)
            .send()
            .await
    };
    let ended = ask("t-old").await;
    assert_eq!(ended.header("WWW-Authenticate"), Some(r#"Bearer realm="The API", error="invalid_token""#));
    let invalid = |why: &str| (401, json!({ "error": "invalid_token", "error_description": why }));
    assert_eq!(
        ended.json(),
        invalid("Token is expired. You can either do re-authorization or token refresh.")
    );
    assert_eq!(
        ask("t-revoked").await.json(),
        invalid("Token was revoked. You have to re-authorize from the user.")
    );
    let scope = json!({ "error": "insufficient_scope", "error_description": "The request requires higher \
        privileges than provided by the access token.", "scope": "api" });
    assert_eq!(ask("t-narrow").await.json(), (403, scope));
    assert_eq!(ask("t-api").await.status, 200);
    billing.sql("UPDATE application_settings SET admin_mode = true");
    assert_eq!(ask("t-api").await.json(), forbidden());
    assert_eq!(ask(A).await.status, 200);
    billing.sql("UPDATE users SET state = 'blocked' WHERE id = 1");
    assert_eq!(ask(A).await.json(), forbidden());
}

//! `/personal_access_token`.
use super::support::KEY_BASE;
use super::{Shell, shell_api};
use auth::KeyBase;
use chrono::{Days, NaiveDate};
use database::schema::personal_access_tokens as tokens;
use diesel::prelude::*;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use testkit::fixture;

const PATH: &str = "/personal_access_token";

/// User, name, scopes, expiry, digest, revoked, organization.
type Row = (i64, String, String, Option<NaiveDate>, Option<String>, Option<bool>, i64);

fn rows(shell: &Shell) -> Vec<Row> {
    let columns = (
        tokens::user_id,
        tokens::name,
        tokens::scopes,
        tokens::expires_at,
        tokens::token_digest,
        tokens::revoked,
        tokens::organization_id,
    );
    tokens::table.order(tokens::id).select(columns).load(&mut shell.service.database.open()).unwrap()
}

fn digest(token: &str) -> String {
    KeyBase::from_text(KEY_BASE).unwrap().token_digest(token)
}

fn in_days(days: u64) -> NaiveDate {
    fixture::now().date() + Days::new(days)
}

/// The token in a response, whose other members are compared.
fn token((status, body): &(u16, Value), scopes: &Value, expires_at: &Value) -> String {
    let token = body["token"].as_str().unwrap_or_default().to_owned();
    let expected = json!({ "success": true, "token": token, "scopes": scopes, "expires_at": expires_at });
    assert_eq!((*status, body), (200, &expected));
    token
}

fn refused(message: &str) -> (u16, Value) {
    (200, json!({ "success": false, "message": message }))
}

#[testkit::test]
async fn token_is_returned_once_and_stored_as_a_digest(database: Database) {
    let shell = shell_api(database).await;
    let (scopes, end) = (json!(["read_user", "read_repository"]), in_days(30));
    let body = json!({ "key_id": "11", "name": "my laptop", "scopes": scopes, "expires_at": end });
    let token = token(&shell.post(PATH, body).await, &scopes, &json!(end));
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    assert!(
        token.strip_prefix("glpat-").is_some_and(|rest| rest.len() == 20 && rest.chars().all(plain)),
        "{token}"
    );
    let yaml = "---\n- read_user\n- read_repository\n".to_owned();
    assert_eq!(
        rows(&shell),
        [(2, "my laptop".to_owned(), yaml, Some(end), Some(digest(&token)), Some(false), 1)]
    );
}

#[testkit::test]
async fn scopes_are_accepted_in_a_form(database: Database) {
    let shell = shell_api(database).await;
    let form = "user_id=2&name=n&scopes[]=api&scopes[]=read_user&expires_at=2020-07-24";
    let answer = shell.request("POST", PATH).form(form).answer().await;
    let long_past = "2020-07-24".parse().unwrap();
    let token = token(&answer, &json!(["api", "read_user"]), &json!("2020-07-24"));
    assert_eq!(rows(&shell)[0].3, Some(long_past));
    assert_eq!(rows(&shell)[0].4, Some(digest(&token)));
}

#[testkit::test]
async fn token_gets_a_default_expiry(database: Database) {
    let shell = shell_api(database).await;
    let body = json!({ "key_id": 11, "name": "n", "scopes": ["api"] });
    token(&shell.post(PATH, body.clone()).await, &json!(["api"]), &json!(in_days(365)));
    shell.sql("UPDATE application_settings SET max_personal_access_token_lifetime = 10");
    token(&shell.post(PATH, body.clone()).await, &json!(["api"]), &json!(in_days(10)));
    shell.sql("UPDATE application_settings SET require_personal_access_token_expiry = false");
    token(&shell.post(PATH, body).await, &json!(["api"]), &Value::Null);
    let ends: Vec<Option<NaiveDate>> = rows(&shell).into_iter().map(|row| row.3).collect();
    assert_eq!(ends, [Some(in_days(365)), Some(in_days(10)), None]);
}

#[testkit::test]
async fn instance_setting_decides_the_prefix(database: Database) {
    let shell = shell_api(database).await;
    let body = json!({ "key_id": 11, "name": "n", "scopes": ["api"], "expires_at": in_days(1) });
    for (column, prefix) in [
        ("personal_access_token_prefix = ''", ""),
        ("personal_access_token_prefix = 'acme-'", "acme-"),
        (r#"token_prefixes = '{"instance_token_prefix": "gl"}'"#, "gl-glpat-"),
    ] {
        shell.sql(&format!("UPDATE application_settings SET {column}"));
        let token = token(&shell.post(PATH, body.clone()).await, &json!(["api"]), &json!(in_days(1)));
        assert!(token.starts_with(prefix) && token.len() == prefix.len() + 20, "{token}");
    }
}

#[testkit::test]
async fn refused_token_request_states_the_reason(database: Database) {
    let shell = shell_api(database).await;
    let valid = concat!(
        r#"["api", "create_runner", "granular", "k8s_proxy", "manage_runner", "mcp", "read_api", "#,
        r#""read_registry", "read_repository", "read_user", "self_rotate", "write_registry", "#,
        r#""write_repository"]"#,
    );
    let scope = |scope: &str| format!("Invalid scope: '{scope}'. Valid scopes are: {valid}");
    let late = format!("Failed to create token: Expiration date must be before {}", in_days(365));
    let ask = |change: Value| {
        let mut body = json!({ "key_id": 11, "name": "n", "scopes": ["api"], "expires_at": in_days(30) });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    for (change, message) in [
        (json!({ "name": null }), "No token name specified"),
        (json!({ "name": " ", "scopes": null }), "No token name specified"),
        (json!({ "scopes": null }), "No token scopes specified"),
        (json!({ "scopes": [] }), "No token scopes specified"),
        (json!({ "scopes": [null] }), "No token scopes specified"),
        (json!({ "scopes": ["api", "badscope"] }), &scope("badscope")),
        (json!({ "scopes": "sudo" }), &scope("sudo")),
        (json!({ "expires_at": "someday" }), "Invalid token expiry date: 'someday'"),
        (json!({ "expires_at": in_days(366) }), &late),
        (
            json!({ "key_id": 30, "name": null }),
            "Deploy keys cannot be used to create personal access tokens",
        ),
        (json!({ "key_id": 999 }), "Could not find the given key"),
        (json!({ "key_id": null }), "Could not find the given key"),
        (json!({ "key_id": null, "user_id": 0 }), "Could not find the given user"),
        (json!({ "key_id": 16 }), "Failed to create token: Not permitted to create"),
    ] {
        assert_eq!(shell.post(PATH, ask(change.clone())).await, refused(message), "{change}");
    }
    let not_permitted = refused("Failed to create token: Not permitted to create");
    shell.sql(
        "INSERT INTO user_details (user_id, enterprise_group_id) VALUES (2, 20);
            UPDATE namespace_settings SET disable_personal_access_tokens = true WHERE namespace_id = 20",
    );
    assert_eq!(shell.post(PATH, ask(json!({}))).await, not_permitted);
    shell.sql(
        "DELETE FROM user_details; UPDATE application_settings SET disable_personal_access_tokens = true",
    );
    assert_eq!(shell.post(PATH, ask(json!({}))).await, not_permitted);
    assert_eq!(rows(&shell), []);
}

#[testkit::test]
async fn each_request_creates_another_token(database: Database) {
    let shell = shell_api(database).await;
    let body = json!({ "key_id": 11, "name": "n", "scopes": ["api"], "expires_at": in_days(1) });
    let answers = join_all((0..20).map(|_| shell.post(PATH, body.clone()))).await;
    let told: BTreeSet<String> =
        answers.iter().map(|answer| digest(&token(answer, &json!(["api"]), &json!(in_days(1))))).collect();
    let kept: Vec<String> = rows(&shell).into_iter().filter_map(|row| row.4).collect();
    assert_eq!((told.len(), kept.len()), (20, 20));
    assert_eq!(kept.into_iter().collect::<BTreeSet<_>>(), told);
}

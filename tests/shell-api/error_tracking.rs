//! `/error_tracking/allowed`.
use super::support::{SECRET, UNAUTHORIZED};
use super::{Shell, shell_api, shell_api_with};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::fixture::{self, THEN};
use testkit::{Answer, Database};

const PATH: &str = "/error_tracking/allowed";
/// A token, and GitLab's two encrypted forms of it with the tests' key base.
const TOKEN: &str = "glsoat-Hf_79B288hRv_3-TSD1R";
const DYNAMIC: &str = "|m4xIfsb+64kz94FlWdibDwZteseCrvy+KQMLu7HIxgGr12Xos7i8qtNalg==7f50ec7b885d";
const STATIC: &str = "/sWUVSK+tVOTWhSE8TZEHyrUopAk5T44YL6d7ii52i/DN8E/aA6HvM7uJQ==";

fn prepare(database: &Database) {
    fixture::run(
        &mut database.open(),
        &format!(
            "UPDATE application_settings SET error_tracking_enabled = true;
        INSERT INTO error_tracking_client_keys (project_id, public_key, active, created_at, updated_at)
        VALUES (3, 'glet_on', true, '{THEN}', '{THEN}'), (3, 'glet_off', false, '{THEN}', '{THEN}')"
        ),
    );
}

async fn ask(shell: &Shell, project_id: Value, public_key: &str) -> (u16, Value) {
    shell.post(PATH, json!({ "project_id": project_id, "public_key": public_key })).await
}

fn enabled(yes: bool) -> (u16, Value) {
    (200, json!({ "enabled": yes }))
}

fn said(answer: &Answer) -> (u16, &str) {
    (answer.status, &answer.text)
}

#[testkit::test]
async fn an_active_key_is_allowed(database: Database) {
    prepare(&database);
    let shell = shell_api(database).await;
    assert_eq!(ask(&shell, json!(3), "glet_on").await, enabled(true));
    assert_eq!(ask(&shell, json!("3"), "glet_on").await, enabled(true));
    assert_eq!(ask(&shell, json!(3), "glet_off").await, enabled(false));
    assert_eq!(ask(&shell, json!(3), "glet_other").await, enabled(false));
    assert_eq!(ask(&shell, json!(4), "glet_on").await, enabled(false));
    assert_eq!(ask(&shell, json!(999), "glet_on").await, (404, json!({ "message": "404 Not found" })));
    let unprocessable = (422, json!({ "message": "422 Unprocessable Entity" }));
    for body in [
        json!({}),
        json!({ "project_id": 3 }),
        json!({ "public_key": "k" }),
        json!({ "project_id": "", "public_key": "k" }),
        json!({ "project_id": 3, "public_key": " " }),
    ] {
        assert_eq!(shell.post(PATH, body.clone()).await, unprocessable, "{body}");
    }
    let reason = "project_id is invalid";
    let invalid = (400, json!({ "message": format!("400 Bad request - {reason}"), "error": reason }));
    assert_eq!(ask(&shell, json!("three"), "glet_on").await, invalid);
    shell.sql("UPDATE application_settings SET error_tracking_enabled = false");
    assert_eq!(ask(&shell, json!(3), "glet_on").await, enabled(false));
}

#[testkit::test]
async fn token_of_the_instance_is_a_credential(database: Database) {
    prepare(&database);
    let shell = shell_api(database).await;
    let body = json!({ "project_id": 3, "public_key": "glet_on" });
    let form = "project_id=3&public_key=glet_on&error_tracking_token=";
    let by_header = async |token: &str| {
        shell.anonymous("POST", PATH).header("Gitlab-Error-Tracking-Token", token).json(&body).send().await
    };
    let by_parameter =
        async |token: &str| shell.anonymous("POST", PATH).form(&format!("{form}{token}")).send().await;
    let (yes, no) = ((200, r#"{"enabled":true}"#), (401, UNAUTHORIZED));
    assert_eq!(said(&by_header(TOKEN).await), no, "none is set");
    for stored in [DYNAMIC, STATIC] {
        shell.sql(&format!(
            "UPDATE application_settings SET error_tracking_access_token_encrypted = '{stored}'"
        ));
        assert_eq!(said(&by_header(TOKEN).await), yes);
        assert_eq!(said(&by_parameter(TOKEN).await), yes);
        for wrong in ["", "x", &TOKEN[1..], stored] {
            assert_eq!(said(&by_header(wrong).await), no, "{wrong}");
            assert_eq!(said(&by_parameter(&wrong.replace('+', "%2B")).await), no, "{wrong}");
        }
    }
    assert_eq!(said(&shell.anonymous("POST", PATH).json(&body).send().await), no);
    let both = shell.request("POST", PATH).header("Gitlab-Error-Tracking-Token", "wrong").json(&body);
    assert_eq!(said(&both.send().await), yes, "one of the two is enough");
    // The token is not valid for other endpoints.
    let other = shell.anonymous("GET", "/check").header("Gitlab-Error-Tracking-Token", TOKEN).send().await;
    assert_eq!(said(&other), no);
}

/// Without authentication the response is 401, whatever is wrong with the body.
#[testkit::test]
async fn authentication_comes_before_the_body(database: Database) {
    prepare(&database);
    database
        .sql(&format!("UPDATE application_settings SET error_tracking_access_token_encrypted = '{DYNAMIC}'"));
    let shell = shell_api(database).await;
    let broken = || ("application/json", b"{".to_vec());
    let large = || ("application/json", vec![b' '; 1024 * 1024 + 1]);
    let other = || ("text/plain", b"x".to_vec());
    let invalid = r#""message":"400 Bad request - "#;
    for (status, beginning, (kind, body)) in [
        (400, invalid, broken()),
        (413, r#"{"message":"413 Request Entity Too Large"}"#, large()),
        (415, r#"{"message":"415 "#, other()),
    ] {
        let ask = |request: testkit::Request| request.body(kind, body.clone()).send();
        for _ in 0..5 {
            let wrong = shell.anonymous("POST", PATH).header("Gitlab-Error-Tracking-Token", "wrong");
            assert_eq!(said(&ask(wrong).await), (401, UNAUTHORIZED), "{kind} {}", body.len());
        }
        assert_eq!(
            said(&ask(shell.anonymous("POST", PATH)).await),
            (401, UNAUTHORIZED),
            "{kind} {}",
            body.len()
        );
        let right = ask(shell.anonymous("POST", PATH).header("Gitlab-Error-Tracking-Token", TOKEN)).await;
        assert_eq!(right.status, status);
        assert!(right.text.contains(beginning), "{}", right.text);
    }
}

#[testkit::test]
async fn legacy_secret_is_still_a_credential(database: Database) {
    prepare(&database);
    let shell = shell_api_with(database, &["--legacy-shared-secret"]).await;
    let secret = STANDARD.encode(SECRET);
    let request = shell.anonymous("POST", PATH).form("project_id=3&public_key=glet_on");
    let answer = request.header("Gitlab-Shared-Secret", &secret).send().await;
    assert_eq!(said(&answer), (200, r#"{"enabled":true}"#));
    let form = format!("project_id=3&public_key=glet_on&secret_token={secret}");
    assert_eq!(said(&shell.anonymous("POST", PATH).form(&form).send().await), (200, r#"{"enabled":true}"#));
}

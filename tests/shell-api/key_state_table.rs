//! Every state of a key at every endpoint that takes one, see "The state of a key" in
//! `docs/api/shell-api.md`.
use super::one_time_passwords::switched_on;
use super::support::Shell;
use serde_json::{Value, json};
use testkit::fixture::{self, P};
use testkit::{Database, ssh};

const NO_KEY: &str = "Could not find the given key";
const NO_USER: &str = "Could not find a user for the given key";
const EXPIRED: &str = "Your SSH key has expired.";
const RESTRICTED: &str = "Your SSH key type is forbidden. Must be ECDSA, ED25519, ECDSA_SK, or ED25519_SK.";
const BLOCKED: &str = "Your account has been blocked.";
const NOT_PERMITTED: &str = "Failed to create token: Not permitted to create";
const NO_TOKENS: &str = "Deploy keys cannot be used to create personal access tokens";
const NO_RECOVERY: &str = "Deploy keys cannot be used to retrieve recovery codes";
const INVALID_OTP: &str = "Invalid OTP";
const HIDDEN: &str =
    "The project you were looking for could not be found or you don't have permission to view it.";

/// A state: its name, a key in this state, and the answer of each endpoint. An empty message means success.
#[derive(Clone, Copy)]
struct Row {
    state: &'static str,
    key_id: i64,
    /// `/allowed` and `/shellhorse/git_audit_event`, for a download.
    access: (u16, &'static str),
    /// `/authorized_keys` and `/lfs_authenticate`.
    authorized_keys: u16,
    lfs: u16,
    /// The username that `/discover` returns.
    discovered: Option<&'static str>,
    token: &'static str,
    recovery_codes: &'static str,
    one_time_password: &'static str,
    two_factor_config: &'static str,
}

/// A row whose last three endpoints answer with the same message.
const fn second_factor(row: Row, message: &'static str) -> Row {
    Row { recovery_codes: message, one_time_password: message, two_factor_config: message, ..row }
}

const fn row(state: &'static str, key_id: i64, access: (u16, &'static str)) -> Row {
    Row {
        state,
        key_id,
        access,
        authorized_keys: 404,
        lfs: 404,
        discovered: None,
        token: NO_KEY,
        recovery_codes: NO_KEY,
        one_time_password: NO_KEY,
        two_factor_config: NO_KEY,
    }
}

const UNCONFIRMED: &str = "Your primary email address is not confirmed. Please check your inbox for the \
    confirmation instructions. In case the link is expired, you can request a new confirmation email at \
    https://gitlab.example.com/users/confirmation/new";

fn table() -> [Row; 10] {
    let alice = Some("alice");
    let deploy_key = |state, key_id, access| {
        let deploy = Row { authorized_keys: 200, discovered: Some("mia"), ..row(state, key_id, access) };
        let deploy = Row { token: NO_TOKENS, ..second_factor(deploy, NO_RECOVERY) };
        Row { two_factor_config: "", ..deploy }
    };
    let expired = Row { authorized_keys: 401, discovered: alice, ..row("expired", 41, (401, EXPIRED)) };
    let restricted =
        Row { authorized_keys: 200, discovered: alice, ..row("restricted", 50, (401, RESTRICTED)) };
    let inactive =
        Row { authorized_keys: 401, discovered: Some("blk"), ..row("inactive", 16, (401, BLOCKED)) };
    let suspended = Row {
        authorized_keys: 200,
        discovered: Some("suspended"),
        token: "",
        recovery_codes: "",
        one_time_password: INVALID_OTP,
        two_factor_config: "",
        ..row("suspended", 52, (401, UNCONFIRMED))
    };
    [
        row("unknown", 999, (404, HIDDEN)),
        row("only signs", 40, (404, HIDDEN)),
        Row { token: EXPIRED, ..second_factor(expired, EXPIRED) },
        Row { token: RESTRICTED, ..second_factor(restricted, RESTRICTED) },
        Row {
            authorized_keys: 200,
            token: NO_USER,
            ..second_factor(row("without a user", 51, (404, HIDDEN)), NO_USER)
        },
        Row { token: NOT_PERMITTED, ..second_factor(inactive, BLOCKED) },
        suspended,
        Row { lfs: 200, ..deploy_key("deploy key", 31, (200, "")) },
        deploy_key("expired deploy key", 53, (401, EXPIRED)),
        deploy_key("restricted deploy key", 54, (401, RESTRICTED)),
    ]
}

fn key_text(key_id: i64) -> String {
    if matches!(key_id, 50 | 54) { ssh::rsa(2048, key_id) } else { ssh::ed25519(key_id) }
}

/// Adds a key for each state that the fixture lacks.
fn plant(database: &Database) {
    let conn = &mut database.open();
    fixture::user(conn, 60, "suspended");
    fixture::member(conn, 60, database::memberships::Source::Project(P), domain::Role::DEVELOPER);
    for (key_id, user_id) in [(50, Some(2)), (51, None), (52, Some(60)), (54, Some(5))] {
        fixture::key(conn, key_id, user_id, &key_text(key_id));
    }
    fixture::deploy_key(conn, 53, Some(5), P, true);
    fixture::key_expires(conn, 53, -1);
    fixture::run(
        conn,
        "UPDATE keys SET type = 'DeployKey' WHERE id = 54;
         INSERT INTO deploy_keys_projects (deploy_key_id, project_id, can_push) VALUES (54, 3, true);
         UPDATE application_settings SET rsa_key_restriction = -1, email_confirmation_setting = 2;
         UPDATE users SET confirmed_at = NULL WHERE id = 60;
         UPDATE users SET otp_required_for_login = true WHERE id IN (8, 60)",
    );
}

/// Status and message of an answer; the message is empty for a success.
fn message((status, body): &(u16, Value)) -> (u16, String) {
    let failed = body["success"] == false || body["status"] == false;
    let text = body["message"].as_str().filter(|_| failed || *status >= 400);
    (*status, text.unwrap_or_default().to_owned())
}

async fn post(shell: &Shell, path: &str, key_id: i64, further: &Value) -> (u16, String) {
    let mut body = json!({ "key_id": key_id, "project": "grp/p", "gl_repository": "project-3" });
    body.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    message(&shell.post(path, body).await)
}

#[testkit::test]
async fn each_state_has_its_answer_at_each_endpoint(database: Database) {
    plant(&database);
    let shell = switched_on(database, &["--git-audit-events"]).await;
    let pull = json!({ "action": "git-upload-pack", "protocol": "ssh", "changes": "_any" });
    let token = json!({ "name": "n", "scopes": ["api"] });
    let attempt = json!({ "otp_attempt": "x" });
    for row in table() {
        let (state, key_id) = (row.state, row.key_id);
        for path in ["/allowed", "/shellhorse/git_audit_event"] {
            let expected = (row.access.0, row.access.1.to_owned());
            assert_eq!(post(&shell, path, key_id, &pull).await, expected, "{path}: {state}");
        }
        let key = key_text(key_id);
        let by_text = shell.request("GET", "/authorized_keys").json(&json!({ "key": ssh::word(&key) }));
        assert_eq!(by_text.send().await.status, row.authorized_keys, "/authorized_keys: {state}");
        let lfs = post(&shell, "/lfs_authenticate", key_id, &json!({})).await;
        assert_eq!(lfs.0, row.lfs, "/lfs_authenticate: {state}");
        let (_, user) = shell.get(&format!("/discover?key_id={key_id}")).await;
        assert_eq!(user["username"].as_str(), row.discovered, "/discover: {state}");
        for (path, further, expected) in [
            ("/personal_access_token", &token, row.token),
            ("/two_factor_recovery_codes", &json!({}), row.recovery_codes),
            ("/two_factor_manual_otp_check", &attempt, row.one_time_password),
            ("/two_factor_config", &json!({}), row.two_factor_config),
        ] {
            let answer = post(&shell, path, key_id, further).await;
            assert_eq!(answer, (200, expected.to_owned()), "{path}: {state}");
        }
    }
    // The caller is GitLab Shell in each case, so none of these is a failed login.
    let failures = "internal_api_auth_failures_total{consumer=\"shell\",reason=\"missing\",scheme=\"jwt\"}";
    assert_eq!(shell.service.metric(failures).await, Some(0.0));
}

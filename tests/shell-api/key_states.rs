//! The responses of every endpoint to expired and restricted keys, and to users who may not use git.
use super::support::has_passkeys;
use super::{Shell, shell_api};
use database::schema::{personal_access_tokens as tokens, users};
use diesel::prelude::*;
use serde_json::{Value, json};
use testkit::{Database, fixture, ssh};

const BLOCKED: &str = "Your account has been blocked.";
const EXPIRED: &str = "Your SSH key has expired.";
const NOT_PERMITTED: &str = "Failed to create token: Not permitted to create";
const NO_ACTOR: &str = r#"{"message":"404 Not found"}"#;
const UNAUTHORIZED: &str = r#"{"message":"401 Unauthorized"}"#;

/// alice (key 11, and 41, which has expired) and blk (key 16, blocked) have a second factor and recovery
/// codes.
async fn with_second_factors(database: Database) -> Shell {
    fixture::run(
        &mut database.open(),
        r#"UPDATE users SET otp_required_for_login = true, otp_backup_codes = '["old"]' WHERE id IN (2, 8)"#,
    );
    shell_api(database).await
}

fn refused(message: &str) -> (u16, Value) {
    (200, json!({ "success": false, "message": message }))
}

async fn token(shell: &Shell, actor: &Value) -> (u16, Value) {
    let mut body = json!({ "name": "n", "scopes": ["api"] });
    body.as_object_mut().unwrap().extend(actor.as_object().unwrap().clone());
    shell.post("/personal_access_token", body).await
}

async fn codes(shell: &Shell, actor: &Value) -> (u16, Value) {
    shell.post("/two_factor_recovery_codes", actor.clone()).await
}

async fn lfs(shell: &Shell, actor: &Value) -> (u16, String) {
    let mut body = json!({ "project": "grp/p", "operation": "download" });
    body.as_object_mut().unwrap().extend(actor.as_object().unwrap().clone());
    let answer = shell.request("POST", "/lfs_authenticate").json(&body).send().await;
    (answer.status, answer.text)
}

/// Status and body of `/authorized_keys` for a key of the fixture.
async fn authorized(shell: &Shell, key_id: i64) -> (u16, String) {
    let key = ssh::ed25519(key_id);
    let answer = shell.request("GET", "/authorized_keys").json(&json!({ "key": ssh::word(&key) }));
    let answer = answer.send().await;
    (answer.status, answer.text)
}

/// Asserts that no endpoint has created a token or codes.
fn assert_nothing_created(shell: &Shell) {
    let mut conn = shell.service.database.open();
    let stored: Vec<Option<String>> = users::table
        .filter(users::id.eq(2).or(users::id.eq(8)))
        .select(users::otp_backup_codes)
        .load(&mut conn)
        .unwrap();
    assert_eq!(stored, [Some(r#"["old"]"#.to_owned()), Some(r#"["old"]"#.to_owned())]);
    assert_eq!(tokens::table.count().get_result::<i64>(&mut conn).unwrap(), 0);
}

#[testkit::test]
async fn an_expired_key_gets_nothing(database: Database) {
    let shell = with_second_factors(database).await;
    let key = json!({ "key_id": 41 });
    assert_eq!(token(&shell, &key).await, refused(EXPIRED));
    assert_eq!(codes(&shell, &key).await, refused(EXPIRED));
    assert_eq!(lfs(&shell, &key).await, (404, NO_ACTOR.to_owned()));
    assert_eq!(authorized(&shell, 41).await, (401, UNAUTHORIZED.to_owned()));
    assert_nothing_created(&shell);
    // `/discover` still finds the user, who may have other keys.
    assert_eq!(shell.get("/discover?key_id=41").await.1["username"], "alice");
}

/// Blocked, banned, deactivated and internal users get nothing, whether named by key or by id.
#[testkit::test]
async fn an_inactive_user_gets_nothing(database: Database) {
    let shell = with_second_factors(database).await;
    let by_key = json!({ "key_id": 16 });
    for actor in [by_key.clone(), json!({ "user_id": 8 })] {
        assert_eq!(token(&shell, &actor).await, refused(NOT_PERMITTED), "{actor}");
        assert_eq!(codes(&shell, &actor).await, refused(BLOCKED), "{actor}");
        assert_eq!(lfs(&shell, &actor).await, (404, NO_ACTOR.to_owned()), "{actor}");
    }
    assert_eq!(lfs(&shell, &json!({ "username": "blk" })).await, (404, NO_ACTOR.to_owned()));
    assert_eq!(authorized(&shell, 16).await, (401, UNAUTHORIZED.to_owned()));
    let deactivated = "Your account has been deactivated by your administrator. Please log back in from a \
        web browser to reactivate your account at https://gitlab.example.com";
    let pending = "Your account is pending approval from your administrator and hence blocked.";
    for (change, message) in [
        ("state = 'deactivated'", deactivated),
        ("state = 'blocked_pending_approval'", pending),
        ("state = 'banned'", BLOCKED),
        ("state = 'ldap_blocked'", BLOCKED),
        ("state = 'active', user_type = 5", "This action cannot be performed by internal users"),
    ] {
        shell.sql(&format!("UPDATE users SET {change} WHERE id = 8"));
        assert_eq!(token(&shell, &by_key).await, refused(NOT_PERMITTED), "{change}");
        assert_eq!(codes(&shell, &by_key).await, refused(message), "{change}");
        assert_eq!(lfs(&shell, &by_key).await, (404, NO_ACTOR.to_owned()), "{change}");
        assert_eq!(authorized(&shell, 16).await, (401, UNAUTHORIZED.to_owned()), "{change}");
        assert_eq!(shell.get("/discover?key_id=16").await.1["username"], "blk", "{change}");
    }
    // The parameters are validated first.
    let no_name = json!({ "key_id": 16, "name": " " });
    assert_eq!(token(&shell, &no_name).await, refused("No token name specified"));
    assert_nothing_created(&shell);
}

/// A user who can end the state in a browser keeps the key and the recovery codes, but gets no LFS token.
#[testkit::test]
async fn user_without_terms_or_confirmation_still_gets_credentials(database: Database) {
    fixture::run(
        &mut database.open(),
        "UPDATE application_settings SET enforce_terms = true, email_confirmation_setting = 2;
         INSERT INTO application_setting_terms (id, terms) VALUES (7, 'be kind');
         UPDATE users SET accepted_term_id = 7",
    );
    let shell = with_second_factors(database).await;
    let key = json!({ "key_id": 11 });
    let now = fixture::now().format("%Y-%m-%d %H:%M:%S");
    for change in [
        "accepted_term_id = NULL".to_owned(),
        "confirmed_at = NULL".to_owned(),
        "password_expires_at = '2020-01-01 00:00:00'".to_owned(),
        format!("locked_at = '{now}'"),
    ] {
        shell.sql(&format!(
            "UPDATE users SET accepted_term_id = 7, confirmed_at = '2020-01-01 00:00:00', \
             password_expires_at = NULL, locked_at = NULL WHERE id = 2; UPDATE users SET {change} WHERE id = \
                 2"
        ));
        assert_eq!(authorized(&shell, 11).await.0, 200, "{change}");
        assert_eq!(shell.clone(11, "grp/p").await.0, 401, "{change}");
        assert_eq!(lfs(&shell, &key).await, (404, NO_ACTOR.to_owned()), "{change}");
        assert_eq!(token(&shell, &key).await.1["success"], true, "{change}");
        assert_eq!(codes(&shell, &key).await.1["success"], true, "{change}");
    }
}

/// A key of a forbidden type is found, but gets no token, codes or access.
#[testkit::test]
async fn a_restricted_key_gets_nothing(database: Database) {
    fixture::run(&mut database.open(), "UPDATE application_settings SET ed25519_key_restriction = -1");
    let shell = with_second_factors(database).await;
    let key = json!({ "key_id": 11 });
    let message = shell.clone(11, "grp/p").await.1["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("Your SSH key type is forbidden. Must be RSA"), "{message}");
    assert_eq!(authorized(&shell, 11).await.0, 200);
    assert_eq!(token(&shell, &key).await, refused(&message));
    assert_eq!(codes(&shell, &key).await, refused(&message));
    assert_eq!(codes(&shell, &json!({ "key_id": 41 })).await, refused(&message), "restricted, and expired");
    assert_eq!(lfs(&shell, &key).await, (404, NO_ACTOR.to_owned()));
    assert_eq!(lfs(&shell, &json!({ "key_id": 30 })).await, (404, NO_ACTOR.to_owned()), "a deploy key");
    assert_nothing_created(&shell);
    assert_eq!(token(&shell, &json!({ "user_id": 2 })).await.1["success"], true, "no key is used");
}

/// A deploy key has a state of its own; the state of its owner does not matter.
#[testkit::test]
async fn a_deploy_key_does_not_depend_on_its_owner(database: Database) {
    let shell = with_second_factors(database).await;
    let key = json!({ "key_id": 31 });
    let (for_token, for_codes) = (
        refused("Deploy keys cannot be used to create personal access tokens"),
        refused("Deploy keys cannot be used to retrieve recovery codes"),
    );
    shell.sql("UPDATE users SET state = 'blocked' WHERE id = 5");
    assert_eq!(lfs(&shell, &key).await.0, 200);
    assert_eq!(authorized(&shell, 31).await.0, 200);
    fixture::key_expires(&mut shell.service.database.open(), 31, -1);
    assert_eq!(lfs(&shell, &key).await, (404, NO_ACTOR.to_owned()));
    assert_eq!(authorized(&shell, 31).await.0, 200);
    assert_eq!((token(&shell, &key).await, codes(&shell, &key).await), (for_token, for_codes));
}

/// A passkey replaces the password; it is not a second factor.
#[testkit::test]
async fn a_passkey_is_not_a_second_factor(database: Database) {
    if !has_passkeys(&database) {
        return registration_without_a_mode(database).await;
    }
    let shell = shell_api(database).await;
    let register = |mode: &str| {
        format!(
            "INSERT INTO webauthn_registrations
             (user_id, credential_xid, name, public_key, created_at, updated_at, authentication_mode)
             VALUES (5, 'x{mode}', 'n', 'k', '2020-01-01 00:00:00', '2020-01-01 00:00:00', {mode})"
        )
    };
    let key = json!({ "key_id": 14 });
    for other in ["1", "0"] {
        shell.sql(&register(other));
        let expected = refused("Two-factor authentication is not enabled for this user");
        assert_eq!(codes(&shell, &key).await, expected, "{other}");
    }
    shell.sql(&register("2"));
    assert_eq!(codes(&shell, &key).await.1["success"], true);
}

/// GitLab 18.0 has no column for the mode: every registration is a second factor.
#[testkit::test]
async fn without_the_mode_every_registration_is_a_second_factor(database: Database) {
    if has_passkeys(&database) {
        database.sql("ALTER TABLE webauthn_registrations DROP COLUMN authentication_mode");
    }
    registration_without_a_mode(database).await;
}

async fn registration_without_a_mode(database: Database) {
    database.sql(
        "INSERT INTO webauthn_registrations (user_id, credential_xid, name, public_key, created_at, \
             updated_at)
         VALUES (5, 'x', 'n', 'k', '2020-01-01 00:00:00', '2020-01-01 00:00:00')",
    );
    let shell = shell_api(database).await;
    assert_eq!(codes(&shell, &json!({ "key_id": 14 })).await.1["success"], true);
}

//! `/two_factor_recovery_codes`.
use std::collections::BTreeSet;

use super::support::has_passkeys;
use super::{Shell, shell_api};
use database::schema::users;
use diesel::prelude::*;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Database, fixture};

const PATH: &str = "/two_factor_recovery_codes";

/// alice has a second factor and two old codes.
async fn with_second_factor(database: Database) -> Shell {
    fixture::run(
        &mut database.open(),
        "UPDATE users SET otp_required_for_login = true, otp_backup_codes = '[\"old\",\"older\"]' WHERE id \
         = 2",
    );
    shell_api(database).await
}

/// The codes in a response, whose other members are compared.
fn codes((status, body): &(u16, Value)) -> Vec<String> {
    let codes: Vec<String> = serde_json::from_value(body["recovery_codes"].clone()).unwrap_or_default();
    assert_eq!((*status, body), (200, &json!({ "success": true, "recovery_codes": codes })));
    let is_code = |code: &String| {
        code.len() == 16 && code.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    assert!(codes.len() == 10 && codes.iter().all(is_code), "{codes:?}");
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), 10, "{codes:?}");
    codes
}

fn stored(shell: &Shell, user_id: i64) -> Option<String> {
    let column = users::table.find(user_id).select(users::otp_backup_codes);
    column.first(&mut shell.service.database.open()).unwrap()
}

/// Whether the stored hashes are those of these codes, in their order.
fn are_valid(shell: &Shell, codes: &[String]) -> bool {
    let hashes: Vec<String> = serde_json::from_str(&stored(shell, 2).unwrap()).unwrap();
    assert!(hashes.len() == 10 && hashes.iter().all(|hash| hash.starts_with("$2a$10$")), "{hashes:?}");
    codes.iter().zip(&hashes).all(|(code, hash)| bcrypt::verify(code, hash).unwrap())
}

fn refused(message: &str) -> (u16, Value) {
    (200, json!({ "success": false, "message": message }))
}

#[testkit::test]
async fn new_codes_replace_the_old_ones(database: Database) {
    let shell = with_second_factor(database).await;
    let first = codes(&shell.post(PATH, json!({ "key_id": "11" })).await);
    assert!(are_valid(&shell, &first));
    let second = codes(&shell.get(&format!("{PATH}?key_id=11")).await);
    assert!(are_valid(&shell, &second) && !are_valid(&shell, &first));
}

#[testkit::test]
async fn a_user_is_named_by_number_too(database: Database) {
    let shell = with_second_factor(database).await;
    let found = codes(&shell.post(PATH, json!({ "user_id": 2 })).await);
    assert!(are_valid(&shell, &found));
}

#[testkit::test]
async fn a_security_token_is_a_second_factor(database: Database) {
    let (column, value) = if has_passkeys(&database) { (", authentication_mode", ", 2") } else { ("", "") };
    fixture::run(
        &mut database.open(),
        &format!(
            "INSERT INTO webauthn_registrations (user_id, credential_xid, name, \
             public_key, created_at, updated_at{column})
             VALUES (2, 'x', 'stick', 'k', '2020-01-01 00:00:00', '2020-01-01 00:00:00'{value})"
        ),
    );
    let shell = shell_api(database).await;
    assert!(are_valid(&shell, &codes(&shell.post(PATH, json!({ "key_id": 11 })).await)));
}

#[testkit::test]
async fn refused_recovery_codes_state_the_reason(database: Database) {
    fixture::run(&mut database.open(), "UPDATE keys SET user_id = NULL WHERE id IN (12, 31)");
    let shell = with_second_factor(database).await;
    let (before, others) = (stored(&shell, 2), stored(&shell, 5));
    let (key, user) = ("Could not find the given key", "Could not find the given user");
    let deploy_key = "Deploy keys cannot be used to retrieve recovery codes";
    for (body, message) in [
        (json!({ "key_id": 14 }), "Two-factor authentication is not enabled for this user"),
        (json!({ "user_id": 5 }), "Two-factor authentication is not enabled for this user"),
        (json!({ "key_id": 30 }), deploy_key),
        (json!({ "key_id": 31 }), deploy_key),
        (json!({ "key_id": 12 }), "Could not find a user for the given key"),
        (json!({ "key_id": 999 }), key),
        (json!({ "key_id": 40 }), key),
        (json!({ "key_id": 999, "user_id": 2 }), key),
        (json!({ "user_id": 0 }), user),
        (json!({ "user_id": 999 }), user),
        (json!({ "username": "alice" }), key),
        (json!({}), key),
    ] {
        assert_eq!(shell.post(PATH, body.clone()).await, refused(message), "{body}");
        assert_eq!(shell.request("GET", PATH).json(&body).answer().await, refused(message), "{body}");
    }
    assert_eq!((stored(&shell, 2), stored(&shell, 5)), (before, others));
}

#[testkit::test]
async fn concurrent_requests_leave_one_valid_set_of_codes(database: Database) {
    let shell = with_second_factor(database).await;
    let at_once = async || join_all((0..4).map(|_| shell.post(PATH, json!({ "key_id": 11 })))).await;
    let mut answers = at_once().await;
    // Hashing is slow on purpose, so a busy machine may not finish all of it in time.
    for _ in 0..20 {
        if answers.iter().all(|(status, _)| *status != 503) {
            break;
        }
        answers = at_once().await;
    }
    let sets: Vec<Vec<String>> = answers.iter().map(codes).collect();
    assert_eq!(sets.iter().flatten().collect::<BTreeSet<_>>().len(), 40);
    assert_eq!(sets.iter().filter(|codes| are_valid(&shell, codes)).count(), 1);
}

//! The actor of a request, and whether the account may use git.
use super::support::{ALLOWED, NO_DOWNLOAD, NOT_FOUND, verdict};
use super::{shell_api, shell_api_with};
use database::schema::{keys, users};
use diesel::prelude::*;
use serde_json::json;
use testkit::{fixture, ssh};

const BLOCKED: (u16, &str) = (401, "Your account has been blocked.");

#[testkit::test]
async fn unknown_actor_pulls_public_projects_and_cannot_push(database: Database) {
    let shell = shell_api(database).await;
    let (status, body) = shell.clone(999, "grp/pub").await;
    assert_eq!((status, &body["gl_id"], &body["gl_username"]), (200, &json!(""), &json!(null)));
    assert_eq!((body.get("gl_key_id"), body.get("gl_key_type")), (None, None));
    let refused = (401, "You are not allowed to upload code for this project.");
    assert_eq!(verdict(&shell.push_any(999, "grp/pub").await), refused);
}

#[testkit::test]
async fn first_identifier_takes_precedence(database: Database) {
    let shell = shell_api(database).await;
    for by in [
        json!({ "user_id": 2 }),
        json!({ "user_id": "2" }),
        json!({ "username": "Alice" }),
        json!({ "identifier": "user-2" }),
        json!({ "username": "alice@example.com" }),
        json!({ "user_id": 2, "username": "bob" }),
    ] {
        let (status, body) = shell.allowed(by.clone()).await;
        assert_eq!(
            (status, &body["gl_id"], &body["gl_username"]),
            (200, &json!("user-2"), &json!("alice")),
            "{by}"
        );
        assert_eq!(body.get("gl_key_id"), None);
    }
    let both = shell.allowed(json!({ "key_id": 12, "username": "alice" })).await;
    assert_eq!(verdict(&both), NO_DOWNLOAD);
    assert_eq!(verdict(&shell.allowed(json!({ "username": "nobody" })).await), NOT_FOUND);
    for malformed in ["user-+2", "user-", "user- 2", "key-+11", "user-2x"] {
        let answer = shell.allowed(json!({ "identifier": malformed })).await;
        assert_eq!(verdict(&answer), NOT_FOUND, "{malformed}");
    }
    let (status, body) = shell.allowed(json!({ "identifier": "key-11" })).await;
    assert_eq!((status, &body["gl_key_id"]), (200, &json!(11)));
    shell.sql(
        "INSERT INTO identities (id, user_id, provider, extern_uid) VALUES (1, 2, 'kerberos', 'Alice@REALM')",
    );
    assert_eq!(verdict(&shell.allowed(json!({ "krb5principal": "alice@REALM" })).await), ALLOWED);
    shell.sql("UPDATE users SET confirmed_at = NULL WHERE id = 2");
    assert_eq!(verdict(&shell.allowed(json!({ "username": "alice@example.com" })).await), NOT_FOUND);
}

#[testkit::test]
async fn expired_and_weak_keys_are_refused(database: Database) {
    fixture::run(
        &mut database.open(),
        "UPDATE application_settings SET rsa_key_restriction = 3072, ecdsa_key_restriction = -1",
    );
    fixture::key(&mut database.open(), 50, Some(2), &ssh::rsa(2048, 50));
    fixture::key(&mut database.open(), 51, Some(2), &ssh::rsa(3072, 51));
    fixture::run(&mut database.open(), "UPDATE keys SET key = 'ecdsa-sha2-nistp256 AAAA x' WHERE id = 12");
    let shell = shell_api(database).await;
    for (key, expected) in [
        (41, (401, "Your SSH key has expired.")),
        (50, (401, "Your SSH key must be at least 3072 bits.")),
        (51, ALLOWED),
        (12, (401, "Your SSH key type is forbidden. Must be RSA, ED25519, ECDSA_SK, or ED25519_SK.")),
    ] {
        assert_eq!(verdict(&shell.clone(key, "grp/p").await), expected, "{key}");
    }
    let (status, body) = shell.clone(42, "grp/p").await;
    let soon = json!(["INFO: Your SSH key is expiring soon. Please generate a new key."]);
    assert_eq!((status, &body["gl_console_messages"]), (200, &soon));
}

#[testkit::test]
async fn account_state_decides_access(database: Database) {
    let shell = shell_api(database).await;
    assert_eq!(verdict(&shell.clone(16, "grp/p").await), BLOCKED);
    let deactivated = "Your account has been deactivated by your administrator. Please log back in from a \
        web browser to reactivate your account at https://gitlab.example.com";
    let pending = "Your account is pending approval from your administrator and hence blocked.";
    let expired = "Your password expired. Please access GitLab from a web browser to update your password.";
    for (change, expected) in [
        ("state = 'deactivated'", (401, deactivated)),
        ("state = 'blocked_pending_approval'", (401, pending)),
        ("state = 'ldap_blocked'", BLOCKED),
        ("state = 'banned'", BLOCKED),
        ("state = 'from the future'", BLOCKED),
        ("user_type = 5", (401, "This action cannot be performed by internal users")),
        ("user_type = 13", ALLOWED),
        ("password_expires_at = '2020-01-01 00:00:00'", (401, expired)),
        ("password_expires_at = '2020-01-01 00:00:00', password_automatically_set = true", ALLOWED),
        ("password_expires_at = '2999-01-01 00:00:00'", ALLOWED),
        ("locked_at = '2020-01-01 00:00:00'", ALLOWED),
    ] {
        let fresh = "state = 'active', user_type = 0, password_expires_at = NULL, password_automatically_set \
            = false, locked_at = NULL";
        shell.sql(&format!("UPDATE users SET {fresh} WHERE id = 2; UPDATE users SET {change} WHERE id = 2"));
        assert_eq!(verdict(&shell.clone(11, "grp/p").await), expected, "{change}");
    }
    shell.sql(
        "INSERT INTO identities (id, user_id, provider, extern_uid) VALUES (1, 2, 'ldapmain', 'uid=alice')",
    );
    shell.sql("UPDATE users SET password_expires_at = '2020-01-01 00:00:00' WHERE id = 2");
    assert_eq!(verdict(&shell.clone(11, "grp/p").await), ALLOWED);
}

#[testkit::test]
async fn instance_can_require_terms_and_confirmation(database: Database) {
    fixture::run(
        &mut database.open(),
        "UPDATE application_settings SET enforce_terms = true, \
        email_confirmation_setting = 2;
            INSERT INTO application_setting_terms (id, terms) VALUES (7, 'be kind');
            UPDATE users SET accepted_term_id = 7 WHERE id <> 3; UPDATE users SET confirmed_at = NULL WHERE \
                id = 2",
    );
    let shell = shell_api(database).await;
    let terms = "You (@bob) must accept the Terms of Service in order to perform this action. To accept \
        these terms, please access GitLab from a web browser at https://gitlab.example.com.";
    let unconfirmed = "Your primary email address is not confirmed. Please check your inbox for the \
        confirmation instructions. In case the link is expired, you can request a new confirmation email at \
            https://gitlab.example.com/users/confirmation/new";
    assert_eq!(verdict(&shell.clone(12, "grp/pub").await), (401, terms));
    assert_eq!(verdict(&shell.clone(11, "grp/p").await), (401, unconfirmed));
    assert_eq!(verdict(&shell.clone(13, "grp/p").await), ALLOWED);
}

/// Some types of bots and service accounts may use git; types that are internal to GitLab may not.
#[testkit::test]
async fn only_some_user_types_may_use_git(database: Database) {
    let shell = shell_api(database).await;
    let internal = (401, "This action cannot be performed by internal users");
    for user_type in 0..=17 {
        shell.sql(&format!("UPDATE users SET user_type = {user_type} WHERE id = 2"));
        let expected = if [0, 4, 6, 7, 8, 10, 13].contains(&user_type) { ALLOWED } else { internal };
        assert_eq!(verdict(&shell.clone(11, "grp/p").await), expected, "{user_type}");
    }
}

#[testkit::test]
async fn soft_email_confirmation_refuses_no_user(database: Database) {
    fixture::run(
        &mut database.open(),
        "UPDATE application_settings SET email_confirmation_setting = 1; UPDATE users SET confirmed_at = \
         NULL",
    );
    assert_eq!(verdict(&shell_api(database).await.clone(11, "grp/p").await), ALLOWED);
}

#[testkit::test]
async fn last_use_is_recorded_once_a_day(database: Database) {
    let shell = shell_api(database).await;
    let seen = || -> (Option<chrono::NaiveDateTime>, Option<chrono::NaiveDate>) {
        let mut conn = shell.service.database.open();
        let used = keys::table.find(11_i64).select(keys::last_used_at).first(&mut conn).unwrap();
        (used, users::table.find(2_i64).select(users::last_activity_on).first(&mut conn).unwrap())
    };
    assert_eq!(seen(), (None, None));
    shell.push_any(11, "grp/p").await;
    let (first, activity) = seen();
    assert!(first.is_some() && activity.is_none(), "a push is no download");
    shell.clone(11, "grp/p").await;
    let today = fixture::now().date();
    assert_eq!(seen(), (first, Some(today)));
    shell.sql(
        "UPDATE keys SET last_used_at = '2020-01-01 00:00:00' WHERE id = 11; UPDATE users SET \
        last_activity_on = NULL",
    );
    shell.clone(11, "grp/nope").await;
    let (again, activity) = seen();
    assert!(again >= first && activity.is_none(), "a refusal notes the key alone");
}

#[testkit::test]
async fn read_only_instance_refuses_pushes(database: Database) {
    let shell = shell_api_with(database, &["--read-only"]).await;
    assert_eq!(
        verdict(&shell.push_any(11, "grp/p").await),
        (401, "You can't push code to a read-only GitLab instance.")
    );
    assert_eq!(verdict(&shell.clone(11, "grp/p").await), ALLOWED);
}

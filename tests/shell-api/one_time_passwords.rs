//! `/two_factor_config`, `/two_factor_manual_otp_check` and `/two_factor_push_otp_check`.
use super::support::KEY_BASE;
use super::{Shell, shell_api, shell_api_with};
use aws_lc_rs::hmac;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Database, Redis, fixture};

/// `12345678901234567890` in base 32, encrypted as GitLab does under the tests' key base.
const SEALED: &str = "UPDATE users SET otp_required_for_login = true, \
    encrypted_otp_secret = 'o13lzOxU7VmzWoiv6KSv5PqVkgidO31MQbnaR/Mib8kLLT3PcSy0vjrw/fX+O8q6\n', \
    encrypted_otp_secret_iv = 'AAECAwQFBgcICQoLDA0ODw==\n', encrypted_otp_secret_salt = '_c2FsdHNhbHQ=\n' \
        WHERE id = 2";

/// The code of alice's authenticator this many steps of 30 seconds from now (RFC 6238).
fn code(steps: i64) -> String {
    let step = endpoint::Clock::System.unix() / 30 + steps;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345678901234567890");
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let digest = tag.as_ref();
    let start = usize::from(digest[19] & 15);
    let number = u32::from_be_bytes(digest[start..start + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

pub async fn switched_on(database: Database, further: &[&str]) -> Shell {
    fixture::run(&mut database.open(), SEALED);
    let files = TempDir::new().unwrap();
    let path = files.path().join("otp_key_base");
    std::fs::write(&path, KEY_BASE).unwrap();
    let switch = ["--two-factor-for-cli", "--otp-key-base-file", path.to_str().unwrap()];
    shell_api_with(database, &[&switch[..], further].concat()).await
}

async fn check(shell: &Shell, code: &str) -> (u16, Value) {
    shell.post("/two_factor_manual_otp_check", json!({ "key_id": "11", "otp_attempt": code })).await
}

fn refused(message: &str) -> (u16, Value) {
    (200, json!({ "success": false, "message": message }))
}

#[testkit::test]
async fn codes_are_not_available_by_default(database: Database) {
    fixture::run(&mut database.open(), SEALED);
    let shell = shell_api(database).await;
    for path in ["/two_factor_manual_otp_check", "/two_factor_push_otp_check"] {
        for body in [json!({ "key_id": 11, "otp_attempt": code(0) }), json!({ "user_id": 0 }), json!({})] {
            assert_eq!(shell.post(path, body).await, refused("Feature is not available"), "{path}");
        }
    }
    let config = shell.post("/two_factor_config", json!({ "key_id": 11 })).await;
    assert_eq!(config, (200, json!({ "success": false })));
}

#[testkit::test]
async fn code_is_accepted_once(database: Database) {
    let redis = Redis::start();
    let shell = switched_on(database, &["--redis-url", &redis.url()]).await;
    let first = code(0);
    assert_eq!(check(&shell, &first).await, (200, json!({ "success": true })));
    assert_eq!(redis.ask::<Option<String>>(&["GET", "session:otp:11"]).as_deref(), Some("true"));
    let left = redis.ask::<i64>(&["TTL", "session:otp:11"]);
    assert!((890..=900).contains(&left), "{left}");
    assert_eq!(check(&shell, &first).await, refused("Invalid OTP"));
    assert_eq!(check(&shell, &code(-1)).await, refused("Invalid OTP"), "the code before it");
    assert_eq!(check(&shell, &code(1)).await, (200, json!({ "success": true })), "a clock may be ahead");
}

#[testkit::test]
async fn concurrent_checks_accept_a_code_once(database: Database) {
    let shell = switched_on(database, &[]).await;
    let code = code(0);
    let answers = join_all((0..8).map(|_| check(&shell, &code))).await;
    let right = (200, json!({ "success": true }));
    assert_eq!(answers.iter().filter(|answer| **answer == right).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| **answer == refused("Invalid OTP")).count(), 7, "{answers:?}");
}

#[testkit::test]
async fn wrong_code_is_refused(database: Database) {
    let redis = Redis::start();
    let shell = switched_on(database, &["--redis-url", &redis.url()]).await;
    let wrong = if code(0) == "000000" { "000001" } else { "000000" };
    for attempt in [wrong, "", "12345", "1234567", "x"] {
        assert_eq!(check(&shell, attempt).await, refused("Invalid OTP"), "{attempt}");
    }
    assert_eq!(check(&shell, &code(-3)).await, refused("Invalid OTP"), "a code of old");
    shell.sql("UPDATE users SET encrypted_otp_secret = 'AAAA' WHERE id = 2");
    assert_eq!(check(&shell, &code(0)).await, refused("Invalid OTP"), "a secret that cannot be decrypted");
    assert_eq!(redis.ask::<i64>(&["EXISTS", "session:otp:11"]), 0);
}

#[testkit::test]
async fn codes_are_refused_after_too_many_guesses(database: Database) {
    let shell = switched_on(database, &[]).await;
    for _ in 0..10 {
        assert_eq!(check(&shell, "x").await, refused("Invalid OTP"));
    }
    assert_eq!(
        check(&shell, &code(0)).await,
        refused("Invalid OTP"),
        "the right code after too many guesses"
    );
}

#[testkit::test]
async fn code_is_not_checked_while_guesses_cannot_be_counted(database: Database) {
    let mut redis = Redis::start();
    let shell = switched_on(database, &["--redis-url", &redis.url()]).await;
    redis.stop();
    assert_eq!(check(&shell, &code(0)).await, (503, json!({ "message": "503 Service Unavailable" })));
    redis.restart();
    assert_eq!(check(&shell, &code(0)).await, (200, json!({ "success": true })));
}

#[testkit::test]
async fn code_check_requires_a_user_with_two_factor(database: Database) {
    let shell = switched_on(database, &[]).await;
    for (body, message) in [
        (json!({ "key_id": 14 }), "Two-factor authentication is not enabled for this user"),
        (json!({ "key_id": 30 }), "Deploy keys cannot be used to retrieve recovery codes"),
        (json!({ "key_id": 999 }), "Could not find the given key"),
        (json!({ "user_id": 0 }), "Could not find the given user"),
        (json!({}), "Could not find the given key"),
    ] {
        assert_eq!(
            shell.post("/two_factor_manual_otp_check", body.clone()).await,
            refused(message),
            "{body}"
        );
    }
    assert_eq!(
        shell.post("/two_factor_push_otp_check", json!({ "key_id": 11 })).await,
        refused("Feature is not available")
    );
    let by_id = json!({ "user_id": 2, "otp_attempt": code(0) });
    assert_eq!(shell.post("/two_factor_manual_otp_check", by_id).await, (200, json!({ "success": true })));
}

#[testkit::test]
async fn two_factor_config_says_whether_a_code_is_required(database: Database) {
    let shell = switched_on(database, &[]).await;
    let required = |required: bool| (200, json!({ "success": true, "two_factor_required": required }));
    for (body, expected) in [
        (json!({ "key_id": 11 }), required(true)),
        (json!({ "user_id": "2" }), required(true)),
        (json!({ "key_id": 14 }), required(false)),
        (json!({ "key_id": 30 }), required(false)),
        (json!({ "key_id": 999 }), refused("Could not find the given key")),
        (json!({}), refused("Could not find the given key")),
    ] {
        assert_eq!(shell.post("/two_factor_config", body.clone()).await, expected, "{body}");
    }
}

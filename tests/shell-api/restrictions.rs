//! Restrictions of key types and lengths, and the rate limit.
use super::support::{ALLOWED, in_one_minute, verdict};
use super::{shell_api, shell_api_with};
use serde_json::json;
use testkit::{Redis, fixture, ssh};

const FORBIDDEN: &str = "Your SSH key type is forbidden. Must be RSA, DSA, ECDSA, ED25519, or ED25519_SK.";

/// Each key type has its own setting.
#[testkit::test]
async fn each_type_of_key_may_be_restricted(database: Database) {
    fixture::run(
        &mut database.open(),
        "UPDATE application_settings SET dsa_key_restriction = 0, ecdsa_key_restriction = 384,
            ecdsa_sk_key_restriction = -1, ed25519_key_restriction = 0, ed25519_sk_key_restriction = 512",
    );
    let shell = shell_api(database).await;
    for (kind, expected) in [
        ("ssh-dss", ALLOWED),
        ("ecdsa-sha2-nistp256", (401, "Your SSH key must be at least 384 bits.")),
        ("ecdsa-sha2-nistp384", ALLOWED),
        ("ecdsa-sha2-nistp521", ALLOWED),
        ("ssh-ed25519", ALLOWED),
        ("sk-ecdsa-sha2-nistp256@openssh.com", (401, FORBIDDEN)),
        ("sk-ssh-ed25519@openssh.com", (401, "Your SSH key must be at least 512 bits.")),
        ("ssh-unknown", (401, FORBIDDEN)),
    ] {
        shell.sql(&format!("UPDATE keys SET key = '{}' WHERE id = 11", ssh::named(kind)));
        assert_eq!(verdict(&shell.clone(11, "grp/p").await), expected, "{kind}");
    }
}

/// The message about a forbidden type names every type that is allowed, security keys among them.
#[testkit::test]
async fn the_message_about_a_forbidden_key_type_names_security_keys(database: Database) {
    fixture::run(
        &mut database.open(),
        "UPDATE application_settings SET dsa_key_restriction = -1, ed25519_key_restriction = -1",
    );
    let shell = shell_api(database).await;
    let message = "Your SSH key type is forbidden. Must be RSA, ECDSA, ECDSA_SK, or ED25519_SK.";
    assert_eq!(verdict(&shell.clone(11, "grp/p").await), (401, message));
}

/// The rate limit counts `/GRP/P` and `grp/p.git` as the same project.
#[testkit::test]
async fn all_spellings_of_a_project_count_together(database: Database) {
    fixture::run(&mut database.open(), "UPDATE application_settings SET gitlab_shell_operation_limit = 2");
    let shell = shell_api(database).await;
    let statuses = in_one_minute(async |_| {
        let mut statuses = Vec::new();
        for path in ["grp/p.git", "grp/p.git", "/grp/p.git", "grp/p", "GRP/P.git", "grp/pub.git"] {
            statuses.push(shell.clone(11, path).await.0);
        }
        statuses
    })
    .await;
    assert_eq!(statuses, [200, 200, 429, 429, 429, 200]);
}

/// A user is counted by id, whatever name the caller uses.
#[testkit::test]
async fn people_are_counted_by_their_id(database: Database) {
    fixture::run(
        &mut database.open(),
        "INSERT INTO identities (extern_uid, provider, user_id) VALUES ('alice@REALM', 'kerberos', 2)",
    );
    let redis = Redis::start();
    let shell = shell_api_with(database, &["--redis-url", &redis.url()]).await;
    for actor in [
        json!({ "username": "alice" }),
        json!({ "username": "ALICE" }),
        json!({ "user_id": 2 }),
        json!({ "identifier": "username-Alice" }),
        json!({ "username": "alice@example.com" }),
        json!({ "krb5principal": "alice@REALM" }),
    ] {
        assert_eq!(verdict(&shell.allowed(actor).await), ALLOWED);
    }
    shell.allowed(json!({ "username": "nobody-known" })).await;
    let mut scopes: Vec<String> = redis
        .ask::<Vec<String>>(&["KEYS", "application_rate_limiter:*"])
        .iter()
        .map(|key| key.rsplit_once(':').unwrap().0.to_owned())
        .collect();
    scopes.sort();
    scopes.dedup();
    assert_eq!(scopes, ["application_rate_limiter:gitlab_shell_operation:git-upload-pack:grp/p.git:user:2"]);
}

//! What the installation asks of keys, type by type: row 39; and whom the rate limit counts: row 124.
use super::support::{ALLOWED, verdict};
use super::{shell_api, shell_api_with};
use serde_json::json;
use testkit::{Redis, fixture, ssh};

const FORBIDDEN: &str = "Your SSH key type is forbidden. Must be RSA, DSA, ECDSA, or ED25519.";

/// 39
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

/// 124: however a person is named, it is the same person.
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
    assert_eq!(scopes, ["application_rate_limiter:gitlab_shell_operation:git-upload-pack:grp/p:user:2"]);
}

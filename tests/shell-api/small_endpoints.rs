//! `/check`, `/authorized_keys` and `/discover`.
use super::{Shell, shell_api, shell_api_with};
use serde_json::{Value, json};
use testkit::{Redis, fixture, ssh};

const NO_KEY: &str = "404 Key Not Found";

/// The response for a key of the fixture.
fn entry(id: i64, key: &str, owner: &str) -> Value {
    let words: Vec<&str> = key.split(' ').take(2).collect();
    json!({
        "id": id,
        "title": format!("key {id}"),
        "created_at": "2019-06-27T15:29:02.219Z",
        "expires_at": null,
        "key": format!("{} {owner} the user (gitlab.example.com)", words.join(" ")),
        "usage_type": "auth_and_signing",
    })
}

async fn find(shell: &Shell, key: &str) -> (u16, Value) {
    let encoded = key
        .replace('%', "%25")
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D")
        .replace(' ', "%20");
    shell.get(&format!("/authorized_keys?key={encoded}")).await
}

#[testkit::test]
async fn check_returns_the_versions(database: Database) {
    let shell = shell_api_with(database, &["--gitlab-version", "18.6.1", "--gitlab-rev", "abc"]).await;
    let expected =
        json!({ "api_version": "v4", "gitlab_version": "18.6.1", "gitlab_rev": "abc", "redis": true });
    assert_eq!(shell.get("/check").await, (200, expected));
}

#[testkit::test]
async fn check_reports_whether_redis_is_available(database: Database) {
    let mut redis = Redis::start();
    let shell = shell_api_with(database, &["--redis-url", &redis.url()]).await;
    let expected = |redis: bool| {
        (
            200,
            json!({ "api_version": "v4", "gitlab_version": "18.0.0", "gitlab_rev": "unknown",
                "redis": redis }),
        )
    };
    assert_eq!(shell.get("/check").await, expected(true));
    redis.stop();
    assert_eq!(shell.get("/check").await, expected(false));
    redis.restart();
    assert_eq!(shell.get("/check").await, expected(true));
}

#[testkit::test]
async fn key_is_found_in_every_spelling(database: Database) {
    let rsa = ssh::rsa(3072, 50);
    fixture::key(&mut database.open(), 50, Some(2), &rsa);
    let shell = shell_api(database).await;
    let ed25519 = ssh::ed25519(11);
    assert_eq!(find(&shell, ssh::word(&ed25519)).await, (200, entry(11, &ed25519, "alice")));
    let (expected, word) = ((200, entry(50, &rsa, "alice")), ssh::word(&rsa));
    assert!(word.ends_with('=') && word.contains('+') && word.contains('/'), "the key shows nothing: {word}");
    for given in [
        word,
        word.trim_end_matches('='),
        &word.replace('+', " "),
        &format!("ssh-rsa {word}"),
        &rsa,
        &format!("{word}\n"),
    ] {
        assert_eq!(find(&shell, given).await, expected, "{given}");
    }
    // Unencoded: a form decoder turns `+` into a space.
    assert_eq!(shell.get(&format!("/authorized_keys?key={word}")).await, expected);
    assert_eq!(
        shell.request("GET", "/authorized_keys").json(&json!({ "key": word })).answer().await,
        expected
    );
}

#[testkit::test]
async fn newlines_are_removed_from_the_returned_key(database: Database) {
    let shell = shell_api(database).await;
    shell.sql(
        "UPDATE users SET name = 'Alice\nssh-rsa AAAA' WHERE id = 2; UPDATE keys SET usage_type = 1 \
        WHERE id = 11",
    );
    let key = ssh::ed25519(11);
    let (status, answer) = find(&shell, ssh::word(&key)).await;
    let line = format!("ssh-ed25519 {} Alicessh-rsa AAAA (gitlab.example.com)", ssh::word(&key));
    assert_eq!((status, &answer["key"], &answer["usage_type"]), (200, &json!(line), &json!("auth")));
}

#[testkit::test]
async fn other_keys_are_not_found(database: Database) {
    let shell = shell_api(database).await;
    let key = ssh::ed25519(11);
    let word = ssh::word(&key);
    let signing = ssh::ed25519(40);
    for given in
        [&word[..word.len() - 4], "whatever!", ssh::word(&signing), "!", "ssh-ed25519", &"A".repeat(5000)]
    {
        assert_eq!(find(&shell, given).await, (404, json!({ "message": NO_KEY })), "{given:.80}");
    }
    let missing = json!({ "message": "400 Bad request - key is missing", "error": "key is missing" });
    assert_eq!(shell.get("/authorized_keys").await, (400, missing.clone()));
    assert_eq!(find(&shell, "").await, (400, missing), "blank is missing");
}

/// Deploy keys are found in every state, and so are keys without a user.
#[testkit::test]
async fn deploy_keys_are_found_in_any_state(database: Database) {
    fixture::key(&mut database.open(), 51, None, &ssh::ed25519(51));
    let shell = shell_api(database).await;
    for (id, owner) in [(30, "mia"), (31, "mia"), (14, "mia")] {
        let key = ssh::ed25519(id);
        assert_eq!(find(&shell, ssh::word(&key)).await, (200, entry(id, &key, owner)));
    }
    shell.sql(
        "UPDATE keys SET expires_at = '2024-02-29 12:30:00' WHERE id = 30;
         UPDATE users SET state = 'blocked' WHERE id = 5",
    );
    let key = ssh::ed25519(30);
    let mut expected = entry(30, &key, "mia");
    expected["expires_at"] = json!("2024-02-29T12:30:00.000Z");
    assert_eq!(find(&shell, ssh::word(&key)).await, (200, expected));
    let key = ssh::ed25519(51);
    let (status, answer) = find(&shell, ssh::word(&key)).await;
    assert_eq!((status, &answer["id"]), (200, &json!(51)));
}

#[testkit::test]
async fn discover_returns_the_user(database: Database) {
    fixture::run(
        &mut database.open(),
        "UPDATE keys SET user_id = NULL WHERE id = 31;
            INSERT INTO identities (user_id, provider, extern_uid) VALUES (5, 'kerberos', \
                'mia@EXAMPLE.COM');",
    );
    let shell = shell_api(database).await;
    let person =
        |id: i64, name: &str| json!({ "id": id, "name": format!("{name} the user"), "username": name });
    for (query, expected) in [
        ("key_id=11", person(2, "alice")),
        ("user_id=3", person(3, "bob")),
        ("username=alice", person(2, "alice")),
        ("username=Alice", person(2, "alice")),
        ("username=BOB@example.com", person(3, "bob")),
        ("identifier=user-4", person(4, "rep")),
        ("identifier=key-14", person(5, "mia")),
        ("krb5principal=mia%40EXAMPLE.COM", person(5, "mia")),
        ("key_id=16", person(8, "blk")),
        ("key_id=41", person(2, "alice")),
        ("key_id=30", person(5, "mia")),
        ("key_id=12&username=alice", person(3, "bob")),
        ("key_id=999&username=alice", Value::Null),
        ("key_id=31", Value::Null),
        ("key_id=40", Value::Null),
        ("key_id=999", Value::Null),
        ("username=nobody", Value::Null),
        ("identifier=deploy-token-1", Value::Null),
        ("username=", Value::Null),
        ("", Value::Null),
    ] {
        let answer = shell.request("GET", &format!("/discover?{query}")).send().await;
        assert_eq!(answer.json(), (200, expected), "{query}");
    }
    assert_eq!(shell.request("GET", "/discover").send().await.text, "null");
}

//! `/authorized_certs`.
use super::{Shell, shell_api, shell_api_with};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use database::memberships::Source;
use domain::{Role, ssh_key};
use serde_json::{Value, json};
use testkit::fixture::{self, THEN};
use testkit::{Database, ssh};

/// The certificate authority of `grp`, whose fingerprint has a `+` and a `/`.
fn fingerprint() -> [u8; 32] {
    (0..1000)
        .map(|id| ssh_key::fingerprint(&ssh::ed25519(id)).unwrap())
        .find(|bytes| STANDARD.encode(bytes).contains('+') && STANDARD.encode(bytes).contains('/'))
        .unwrap()
}

/// alice belongs to the group; bob only to a project in it, rep only to a group in it.
async fn with_authority(database: Database, arguments: &[&str]) -> Shell {
    let conn = &mut database.open();
    let blob = fixture::blob(conn, &fingerprint());
    fixture::run(
        conn,
        &format!(
            "INSERT INTO group_ssh_certificates (namespace_id, created_at, fingerprint, title, key) VALUES \
             (20, '{THEN}', {blob}, 'CA', 'ssh-ed25519 AAAA ca')"
        ),
    );
    fixture::run(conn, "DELETE FROM members");
    fixture::member(conn, 2, Source::Group(20), Role::GUEST);
    fixture::member(conn, 3, Source::Project(fixture::P), Role::GUEST);
    fixture::member(conn, 4, Source::Group(21), Role::GUEST);
    fixture::member(conn, 8, Source::Group(20), Role::DEVELOPER);
    shell_api_with(database, arguments).await
}

async fn find(shell: &Shell, key: &str, named: &str) -> (u16, Value) {
    let encoded = key.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    shell.get(&format!("/authorized_certs?key={encoded}&user_identifier={named}")).await
}

fn in_grp(username: &str) -> (u16, Value) {
    (200, json!({ "success": true, "namespace": "grp", "username": username }))
}

fn refused(status: u16, message: &str) -> (u16, Value) {
    (status, json!({ "success": false, "message": message }))
}

#[testkit::test]
async fn a_member_signs_in(database: Database) {
    let shell = with_authority(database, &[]).await;
    let (word, padded) = (STANDARD_NO_PAD.encode(fingerprint()), STANDARD.encode(fingerprint()));
    for key in [&word, &padded, &format!("SHA256:{word}")] {
        assert_eq!(find(&shell, key, "alice").await, in_grp("alice"), "{key}");
    }
    // Unencoded: a form decoder turns `+` into a space.
    let raw = shell.get(&format!("/authorized_certs?key={word}&user_identifier=alice")).await;
    assert_eq!(raw, in_grp("alice"));
    for (named, username) in [
        ("ALICE", "alice"),
        ("alice@example.com", "alice"),
        ("Alice%40Example.com", "alice"),
        ("bob", "bob"),
        ("rep", "rep"),
    ] {
        assert_eq!(find(&shell, &word, named).await, in_grp(username), "{named}");
    }
    // The parameters that a later `/allowed` of this session carries.
    let body = json!({ "username": "alice", "namespace_path": "grp" });
    assert_eq!(shell.allowed(body).await.0, 401, "a guest may not pull, but the project is found");
}

#[testkit::test]
async fn others_do_not(database: Database) {
    let shell = with_authority(database, &[]).await;
    let word = STANDARD_NO_PAD.encode(fingerprint());
    let unknown = STANDARD_NO_PAD.encode([7; 32]);
    for key in [unknown.as_str(), &word[1..], "whatever!", "SHA256:"] {
        assert_eq!(find(&shell, key, "alice").await, refused(404, "Certificate Not Found"), "{key}");
    }
    for named in ["nobody", "nobody@example.com"] {
        assert_eq!(find(&shell, &word, named).await, refused(404, "User Not Found"), "{named}");
    }
    for named in ["out", "mia", "root", "blk"] {
        assert_eq!(find(&shell, &word, named).await, refused(403, "Not a Member"), "{named}");
    }
    shell.sql("UPDATE users SET confirmed_at = NULL WHERE id = 2");
    assert_eq!(find(&shell, &word, "alice@example.com").await, refused(404, "User Not Found"));
    for name in ["key", "user_identifier"] {
        let reason = format!("{name} is missing");
        let other = if name == "key" { "user_identifier=alice".to_owned() } else { format!("key={word}") };
        let answer = shell.get(&format!("/authorized_certs?{other}&{name}=")).await;
        assert_eq!(
            answer,
            (400, json!({ "message": format!("400 Bad request - {reason}"), "error": reason }))
        );
    }
}

#[testkit::test]
async fn only_valid_memberships_allow_sign_in(database: Database) {
    let shell = with_authority(database, &[]).await;
    let word = STANDARD_NO_PAD.encode(fingerprint());
    for (change, counts) in [
        ("expires_at = '2020-01-01'", false),
        ("expires_at = '2999-01-01'", true),
        ("requested_at = '2020-01-01 00:00:00'", false),
        ("invite_token = 'x'", false),
        ("state = 1", false),
        ("access_level = 5", false),
        ("source_id = 999", false),
    ] {
        shell.sql(
            "UPDATE members SET expires_at = NULL, requested_at = NULL, invite_token = NULL, state = \
            0, access_level = 10 WHERE user_id = 2",
        );
        shell.sql(&format!("UPDATE members SET {change} WHERE user_id = 2"));
        let expected = if counts { in_grp("alice") } else { refused(403, "Not a Member") };
        assert_eq!(find(&shell, &word, "alice").await, expected, "{change}");
    }
}

#[testkit::test]
async fn group_can_require_its_own_accounts(database: Database) {
    let shell = with_authority(database, &["--enterprise-users-only"]).await;
    let word = STANDARD_NO_PAD.encode(fingerprint());
    assert_eq!(find(&shell, &word, "alice").await, refused(403, "Not a Member"));
    shell.sql("INSERT INTO user_details (user_id, enterprise_group_id) VALUES (2, 21)");
    assert_eq!(find(&shell, &word, "alice").await, refused(403, "Not a Member"));
    shell.sql("UPDATE user_details SET enterprise_group_id = 20");
    assert_eq!(find(&shell, &word, "alice").await, in_grp("alice"));
}

#[testkit::test]
async fn authority_of_a_subgroup_is_ignored(database: Database) {
    let shell = with_authority(database, &[]).await;
    let word = STANDARD_NO_PAD.encode(fingerprint());
    assert_eq!(find(&shell, &word, "alice").await, in_grp("alice"));
    shell.sql("UPDATE group_ssh_certificates SET namespace_id = 21");
    assert_eq!(find(&shell, &word, "alice").await, refused(404, "Certificate Not Found"));
}

#[testkit::test]
async fn unknown_certificate_authority_is_not_found(database: Database) {
    let shell = shell_api(database).await;
    let word = STANDARD_NO_PAD.encode(fingerprint());
    assert_eq!(find(&shell, &word, "alice").await, refused(404, "Certificate Not Found"));
}

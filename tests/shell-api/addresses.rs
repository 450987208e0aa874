//! Restrictions of a group by client address and by SSH certificate.
use super::shell_api;
use super::support::{ALLOWED, NOT_FOUND, Shell, verdict};
use serde_json::{Value, json};
use testkit::fixture;

/// May alice clone project P from this address?
async fn clone_from(shell: &Shell, address: &str) -> (u16, String) {
    let answer = shell.allowed(json!({ "key_id": 11, "check_ip": address })).await;
    let (status, message) = verdict(&answer);
    (status, message.to_owned())
}

fn owned((status, message): (u16, &str)) -> (u16, String) {
    (status, message.to_owned())
}

/// GitLab Shell passes `check_ip` on as it is, so no value of it is an error.
#[testkit::test]
async fn an_address_that_cannot_be_read_is_not_an_error(database: Database) {
    let shell = shell_api(database).await;
    let texts = ["fe80::1%eth0", "UNKNOWN", "nonsense", "::ffff:1.2.3.4", " ", "1.2.3.4:22"];
    for address in texts {
        assert_eq!(clone_from(&shell, address).await, owned(ALLOWED), "{address}: the group has no ranges");
    }
    shell.sql("INSERT INTO ip_restrictions (group_id, range) VALUES (20, '10.0.0.0/8'), (20, 'fe80::/64')");
    for (address, expected) in [
        ("fe80::1%eth0", ALLOWED),
        ("fe80:0:0:1::1%eth0", NOT_FOUND),
        ("UNKNOWN", NOT_FOUND),
        ("nonsense", NOT_FOUND),
        ("::ffff:10.1.1.1", ALLOWED),
        ("::ffff:1.2.3.4", NOT_FOUND),
        (" 10.1.1.1 ", ALLOWED),
        ("10.1.1.1:22", NOT_FOUND),
        (" ", NOT_FOUND),
    ] {
        assert_eq!(clone_from(&shell, address).await, owned(expected), "{address}");
    }
    let number = shell.allowed(json!({ "key_id": 11, "check_ip": 5 })).await;
    assert_eq!(verdict(&number), NOT_FOUND);
}

/// Addresses in the instance's global list are allowed, even outside the group's ranges.
#[testkit::test]
async fn globally_allowed_addresses_pass(database: Database) {
    fixture::run(
        &mut database.open(),
        "UPDATE application_settings SET globally_allowed_ips = '11.0.0.0/8, 12.1.1.1 rubbish';
         INSERT INTO ip_restrictions (group_id, range) VALUES (20, '10.0.0.0/8')",
    );
    let shell = shell_api(database).await;
    for (address, expected) in [
        ("10.1.1.1", ALLOWED),
        ("11.1.1.1", ALLOWED),
        ("::ffff:11.1.1.1", ALLOWED),
        ("12.1.1.1", ALLOWED),
        ("12.1.1.2", NOT_FOUND),
        ("13.1.1.1", NOT_FOUND),
        ("UNKNOWN", NOT_FOUND),
    ] {
        assert_eq!(clone_from(&shell, address).await, owned(expected), "{address}");
    }
    shell.sql("DELETE FROM ip_restrictions");
    assert_eq!(clone_from(&shell, "13.1.1.1").await, owned(ALLOWED), "the group has no ranges");
}

/// A group that enforces SSH certificates rejects only users who connect with their own SSH key.
#[testkit::test]
async fn enforced_certificates_stop_only_the_keys_of_people(database: Database) {
    let shell = shell_api(database).await;
    shell.sql("UPDATE namespace_settings SET enforce_ssh_certificates = true WHERE namespace_id = 20");
    let push = |mut body: Value| {
        body["action"] = json!("git-receive-pack");
        body
    };
    let change = json!(format!("{} {} refs/heads/f\n", shell.git.a, shell.git.b));
    let gitaly = |mut body: Value| {
        body["gl_repository"] = json!("project-3");
        body["changes"] = change.clone();
        push(body)
    };
    let key = |id: i64| json!({ "key_id": id });
    for (name, body, expected) in [
        ("a person's key clones", key(11), NOT_FOUND),
        ("a person's key pushes", push(key(11)), NOT_FOUND),
        ("a certificate clones", json!({ "username": "alice", "namespace_path": "grp" }), ALLOWED),
        ("a certificate pushes", push(json!({ "username": "alice", "namespace_path": "grp" })), ALLOWED),
        ("a key with a namespace", json!({ "key_id": 11, "namespace_path": "grp" }), ALLOWED),
        ("another group's certificate", json!({ "username": "alice", "namespace_path": "other" }), NOT_FOUND),
        ("Gitaly checks a user's push", gitaly(json!({ "user_id": "2" })), ALLOWED),
        ("Gitaly checks a key's push", gitaly(key(11)), ALLOWED),
        ("a deploy key clones", key(30), ALLOWED),
        ("a deploy key pushes", push(key(31)), ALLOWED),
        ("Gitaly checks a deploy key's push", gitaly(key(31)), ALLOWED),
        ("a user clones", json!({ "user_id": 2 }), ALLOWED),
        ("a named user clones", json!({ "username": "alice" }), ALLOWED),
        ("a key over HTTP", json!({ "key_id": 11, "protocol": "http" }), ALLOWED),
    ] {
        assert_eq!(verdict(&shell.allowed(body).await), expected, "{name}");
    }
    for user_type in [6, 13] {
        shell.sql(&format!("UPDATE users SET user_type = {user_type} WHERE id = 2"));
        assert_eq!(verdict(&shell.allowed(key(11)).await), ALLOWED, "type {user_type}");
        assert_eq!(verdict(&shell.allowed(push(key(11))).await), ALLOWED, "type {user_type}");
    }
}

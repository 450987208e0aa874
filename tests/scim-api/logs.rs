//! The log of the binary, which contains changes but no secrets, and its configuration.
use super::support::{KEY_BASE, TG, TI, UID, b1, data_dir, op, plant};
use serde_json::json;
use testkit::{Database, Process};

fn start(database: &Database, data: &tempfile::TempDir, further: &[&str]) -> Process {
    let mut arguments = vec![
        "--database-url",
        database.url(),
        "--data-dir",
        data.path().to_str().unwrap(),
        "--log-level",
        "debug",
    ];
    arguments.extend(further);
    Process::start("scim-api", &arguments, &[])
}

/// The log names what a request changed, but contains no token, key or email address.
#[testkit::test]
async fn no_token_is_logged(database: Database) {
    plant(&mut database.open());
    let data = data_dir();
    let mut process = start(&database, &data, &[]).until_ready();
    let ask = |method: &str, path: &str, token: &str| {
        process.request(method, path).header("Authorization", &format!("Bearer {token}"))
    };
    let group = "/api/scim/v2/groups/test_group/Users";
    assert_eq!(ask("GET", &format!("{group}?access_token={TG}"), TG).send().await.status, 200);
    assert_eq!(ask("POST", group, TG).json(&b1()).send().await.status, 201);
    assert_eq!(ask("GET", group, TI).send().await.status, 401);
    let changed = ask("PATCH", &format!("/api/scim/v2/application/Users/{UID}"), TI).json(&op(
        "replace",
        "active",
        json!(false),
    ));
    assert_eq!(changed.send().await.status, 204);
    process.signal("INT");
    assert_eq!(process.wait().code(), Some(0));
    let log = process.rest_of_log(std::time::Duration::from_secs(2)).join("\n");
    for secret in [&TG[7..], &TI[7..], "glsoat-", &KEY_BASE[..16], "7f50ec7b885d", "new@example.com"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    let line = log
        .lines()
        .find(|line| line.contains("changed a SCIM identity") && line.contains("\"patch\""))
        .unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&line["scim.scope"], &line["fields"], &line["active"], &line["user.id"]),
        (&json!("instance"), &json!("active"), &json!(false), &json!(50))
    );
    assert!(log.contains("/api/scim/v2/groups/{group_path}/Users"), "the route is a pattern");
}

#[testkit::test]
async fn a_bad_key_base_ends_the_start(database: Database) {
    let data = data_dir();
    for text in ["", "too short\n"] {
        std::fs::write(data.path().join(".gitlab_db_key_base"), text).unwrap();
        let mut process = start(&database, &data, &[]);
        assert_eq!(process.wait().code(), Some(78));
    }
    std::fs::write(data.path().join(".gitlab_db_key_base"), KEY_BASE).unwrap();
    let mut process = start(&database, &data, &["--scim-external-url", "nonsense"]);
    assert_eq!(process.wait().code(), Some(78));
}

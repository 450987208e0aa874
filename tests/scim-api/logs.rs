//! The log of the binary, which contains changes but no secrets, and its configuration.
use super::support::{KEY_BASE, TG, TI, UID, b1, b1_with, data_dir, op, operations, plant};
use serde_json::json;
use testkit::{Database, Process, Subjects};

fn start(database: &Database, data: &tempfile::TempDir, further: &[&str]) -> Process {
    let mut arguments = vec![
        "--database-url",
        database.url_for("scim-api"),
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
    let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let events: Vec<_> = lines.filter(|line| line["message"] == "audit").collect();
    let names: Vec<_> = events.iter().map(|event| event["event_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["scim_user_created", "scim_user_deactivated"]);
    for (field, value) in [
        ("author_type", json!("scim_token")),
        ("entity_type", json!("Instance")),
        ("entity_id", json!(null)),
        ("target_type", json!("User")),
        ("target_id", json!(50)),
        ("scim_scope", json!("instance")),
        ("changed", json!(["active"])),
        ("before", json!({ "active": true })),
        ("after", json!({ "active": false })),
    ] {
        assert_eq!(events[1].get(field), Some(&value), "{field} in {}", events[1]);
    }
    assert!(events.iter().all(|event| event["author_id"].is_i64()), "{events:?}");
    assert!(log.contains("/api/scim/v2/groups/{group_path}/Users"), "the route is a pattern");
}

/// One line names the unknown attributes of a PATCH. It contains neither their values nor those of filters.
#[testkit::test]
async fn ignored_attributes_are_logged_without_values(database: Database) {
    plant(&mut database.open());
    let data = data_dir();
    let mut process = start(&database, &data, &[]).until_ready();
    let unknown = operations(json!([
        { "op": "Add", "path": "mailNickname", "value": "mn-4711" },
        { "op": "Replace", "path": "emails[alias eq \"mn-4711\"].value", "value": "mn-4711@example.com" },
        { "op": "Replace", "value": { "pets[name eq \"mn-4711\"].kind": "mn-4711" } },
    ]));
    let patch = process.request("PATCH", &format!("/api/scim/v2/application/Users/{UID}"));
    let patch = patch.header("Authorization", &format!("Bearer {TI}")).json(&unknown);
    assert_eq!(patch.send().await.status, 204);
    process.signal("INT");
    assert_eq!(process.wait().code(), Some(0));
    let log = process.rest_of_log(std::time::Duration::from_secs(2)).join("\n");
    let names = r#""ignored_attributes":["mailNickname","emails","pets"]"#;
    assert_eq!(log.lines().filter(|line| line.contains(names)).count(), 1, "{log}");
    assert!(!log.contains("mn-4711"), "{log}");
}

#[testkit::test]
async fn invalid_key_base_prevents_the_start(database: Database) {
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

/// SCIM groups need SAML group links, which the other tests of groups create.
const WITHOUT_GROUPS: [&str; 10] = [
    "DELETE /api/scim/v2/application/Groups/{id}",
    "DELETE /api/scim/v2/groups/{group_path}/Groups/{id}",
    "GET /api/scim/v2/application/Groups/{id}",
    "GET /api/scim/v2/groups/{group_path}/Groups/{id}",
    "PATCH /api/scim/v2/application/Groups/{id}",
    "PATCH /api/scim/v2/groups/{group_path}/Groups/{id}",
    "POST /api/scim/v2/application/Groups",
    "POST /api/scim/v2/groups/{group_path}/Groups",
    "PUT /api/scim/v2/application/Groups/{id}",
    "PUT /api/scim/v2/groups/{group_path}/Groups/{id}",
];

#[testkit::test]
async fn line_of_each_endpoint_names_its_subject(database: Database) {
    plant(&mut database.open());
    let data = data_dir();
    let process = start(&database, &data, &[]).until_ready();
    let mut subjects = Subjects::new(&scim_api::ENDPOINTS);
    for (base, token, name) in [("groups/test_group", TG, "first"), ("application", TI, "second")] {
        let body = b1_with(json!({
            "externalId": name, "userName": name,
            "emails": [{ "primary": true, "type": "work", "value": format!("{name}@example.com") }],
        }));
        let ask = |method: &str, path: &str| {
            let path = format!("/api/scim/v2/{base}{path}");
            process.request(method, &path).header("Authorization", &format!("Bearer {token}"))
        };
        let (status, user) = ask("POST", "/Users").json(&body).answer().await;
        assert_eq!(status, 201, "{user}");
        subjects.check(&process.log_line(|line| line["message"] == "access"));
        let one = format!("/Users/{}", user["id"].as_str().unwrap());
        let search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"] });
        for (method, path, body) in [
            ("GET", "/Users", json!({})),
            ("POST", "/Users/.search", search.clone()),
            ("POST", "/.search", search.clone()),
            ("GET", &one, json!({})),
            ("PUT", &one, body.clone()),
            ("PATCH", &one, op("replace", "active", json!(false))),
            ("GET", "/Groups", json!({})),
            ("POST", "/Groups/.search", search.clone()),
            ("GET", "/ServiceProviderConfig", json!({})),
            ("GET", "/ResourceTypes", json!({})),
            ("GET", "/ResourceTypes/User", json!({})),
            ("GET", "/Schemas", json!({})),
            ("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", json!({})),
            ("DELETE", &one, json!({})),
        ] {
            ask(method, path).json(&body).send().await;
            subjects.check(&process.log_line(|line| line["message"] == "access"));
        }
    }
    subjects.finish(&WITHOUT_GROUPS);
}

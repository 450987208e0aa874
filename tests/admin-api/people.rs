//! Searching users and listing their identities.
use super::admin_api;
use super::support::{A, message};
use serde_json::{Value, json};
use testkit::fixture::THEN;

#[testkit::test]
async fn people_are_found_by_name_username_or_address(database: Database) {
    let admin = admin_api(database).await;
    let alice = json!({ "id": 2, "username": "alice", "name": "alice the user", "state": "active",
        "web_url": "https://gitlab.example.com/alice" });
    assert_eq!(admin.ask("GET", "/api/v4/users?search=ALIC").await, (200, json!([alice])));
    let found = async |query: &str| -> Vec<Value> {
        let (status, body) = admin.ask("GET", &format!("/v4/users?{query}")).await;
        assert_eq!(status, 200, "{body}");
        body.as_array().unwrap().iter().map(|person| person["username"].clone()).collect()
    };
    assert_eq!(found("search=alice@EXAMPLE.com").await, ["alice"]);
    assert_eq!(found("search=example.com").await, [""; 0]);
    assert_eq!(found("search=the+user&per_page=2").await, ["root", "alice"]);
    assert_eq!(found("username=ALICE").await, ["alice"]);
    assert_eq!(found("username=alic").await, [""; 0]);
    assert_eq!(found("search=%25").await, [""; 0]);
    assert_eq!(found("").await.len(), 8);
    assert_eq!(admin.by(A, "GET", "/api/v4/users").send().await.header("X-Total"), Some("8"));
}

/// SAML, LDAP and SCIM identities are listed, without the duplicates of GitLab's two SCIM tables.
#[testkit::test]
async fn identities_are_shown_once_each(database: Database) {
    let admin = admin_api(database).await;
    testkit::fixture::user(&mut admin.service.database.open(), 11, "eleven");
    admin.sql(&format!(
        "INSERT INTO saml_providers (id, group_id, enabled, certificate_fingerprint, sso_url) VALUES \
         (3, 123, true, 'x', 'https://idp.example.com');
             INSERT INTO identities (id, user_id, provider, extern_uid, saml_provider_id, created_at, \
         updated_at)
             VALUES (1, 11, 'group_saml', 'abc', 3, '{THEN}', '{THEN}'), (2, 11, 'ldapmain', 'uid=eleven', \
         NULL, '{THEN}', '{THEN}'), (3, 2, 'saml', 'other', NULL, '{THEN}', '{THEN}');
             INSERT INTO scim_identities (id, group_id, user_id, active, extern_uid, created_at, updated_at)
             VALUES (4, NULL, 11, true, 'f0b1d561', '{THEN}', '{THEN}'), (2, 123, 11, false, 'be20d8dc', \
         '{THEN}', '{THEN}');
             INSERT INTO group_scim_identities (id, group_id, user_id, temp_source_id, active, extern_uid, \
         created_at, updated_at)
             VALUES (8, 123, 11, 2, false, 'be20d8dc', '{THEN}', '{THEN}'), (9, 130, 11, NULL, NULL, \
         'only-here', '{THEN}', '{THEN}');"
    ));
    let expected = json!({
        "user_id": 11,
        "identities": [
            { "provider": "group_saml", "extern_uid": "abc", "saml_provider_id": 3, "group_id": 123 },
            { "provider": "ldapmain", "extern_uid": "uid=eleven", "saml_provider_id": null,
                "group_id": null },
        ],
        "scim_identities": [
            { "id": 4, "extern_uid": "f0b1d561", "group_id": null, "active": true },
            { "id": 2, "extern_uid": "be20d8dc", "group_id": 123, "active": false },
            { "id": 9, "extern_uid": "only-here", "group_id": 130, "active": false },
        ],
    });
    for prefix in ["/api/v4", "/v4"] {
        assert_eq!(admin.ask("GET", &format!("{prefix}/users/11/identities")).await, (200, expected.clone()));
    }
    let none = json!({ "user_id": 5, "identities": [], "scim_identities": [] });
    assert_eq!(admin.ask("GET", "/api/v4/users/5/identities").await, (200, none));
    for unknown in ["999", "alice", "-1", "99999999999999999999"] {
        assert_eq!(
            admin.ask("GET", &format!("/api/v4/users/{unknown}/identities")).await,
            message(404, "User Not Found"),
            "{unknown}"
        );
    }
}

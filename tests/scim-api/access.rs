//! Authentication: tokens, and the tenants that they belong to.
use super::support::{GROUP, INSTANCE, KEY_BASE, RFC, TG, TH, TI, UID, b1, refusal, u1};
use super::{Scim, scim_api, scim_api_with};
use database::Conn;
use serde_json::json;
use testkit::{Answer, fixture};

fn unauthorized(answer: &Answer, what: &str) {
    assert_eq!(refusal(answer), (401, String::new()), "{what}");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"SCIM\""), "{what}");
}

async fn with_header(scim: &Scim, value: &str) -> Answer {
    scim.service.request("GET", &format!("{GROUP}/Users")).header("Authorization", value).send().await
}

/// Every endpoint answers 401 without a token, even for unknown paths and groups.
#[testkit::test]
async fn every_endpoint_wants_a_token(database: Database) {
    let scim = scim_api(database).await;
    for endpoint in scim_api::ENDPOINTS.iter() {
        let path = endpoint.path.replace("{group_path}", "test_group").replace("{id}", UID);
        for path in [path.clone(), format!("{path}/"), path.replace("test_group", "none")] {
            let request = scim.service.request(endpoint.method, &path).header("Content-Type", "text/plain");
            unauthorized(&request.send().await, &path);
        }
    }
    for path in ["/Users/a/b", "/nonsense", "/Groups", "/Me", "/Bulk"] {
        unauthorized(&scim.service.get(&format!("{GROUP}{path}")).await, path);
        unauthorized(&scim.service.request("PUT", &format!("{INSTANCE}{path}")).send().await, path);
    }
    unauthorized(&scim.service.request("DELETE", &format!("{GROUP}/Users")).send().await, "not 405");
    let missing =
        "internal_api_auth_failures_total{consumer=\"scim\",reason=\"missing\",scheme=\"scim_token\"}";
    assert!(scim.service.metric(missing).await.unwrap() > 80.0);
}

/// A token authenticates only for its own group, or for the instance.
#[testkit::test]
async fn token_is_valid_only_for_its_tenant(database: Database) {
    let scim = scim_api(database).await;
    for value in [
        "Bearer x",
        "Bearer",
        "Bearer ",
        "Basic Zm9v",
        "glsoat-Hf_79B288hRv_3-TSD1R",
        "Bearer glpat-Hf_79B288hRv_3-TSD1R",
        "Bearer \u{e9}",
        &format!("Bearer {TG}x"),
        &format!("Bearer {}", &TG[..TG.len() - 1]),
    ] {
        unauthorized(&with_header(&scim, value).await, value);
    }
    for (token, path, status) in [
        (TH, GROUP, 401),
        (TI, GROUP, 401),
        (TG, INSTANCE, 401),
        (TH, INSTANCE, 401),
        (TG, "/api/scim/v2/groups/other", 401),
        (TH, "/api/scim/v2/groups/none", 404),
        (TI, "/api/scim/v2/groups/none", 404),
        ("x", "/api/scim/v2/groups/none", 401),
        (TG, "/api/scim/v2/groups/alice", 404),
        (TH, "/api/scim/v2/groups/other", 200),
        (TI, INSTANCE, 200),
    ] {
        let answer = scim.with_token(token, "GET", &format!("{path}/Users")).send().await;
        assert_eq!(answer.status, status, "{token} {path}");
    }
    for value in [format!("bearer {TG}"), format!("BEARER   {TG}  ")] {
        assert_eq!(with_header(&scim, &value).await.status, 200, "{value}");
    }
    let answer =
        scim.service.request("GET", &format!("{GROUP}/Users")).header("PRIVATE-TOKEN", TG).send().await;
    unauthorized(&answer, "PRIVATE-TOKEN");
}

/// SCIM is answered with 404 for a group without single sign-on, or if it is disabled for the instance.
#[testkit::test]
async fn scim_requires_single_sign_on(database: Database) {
    let scim = scim_api_with(database, &["--scim-instance-enabled", "false"]).await;
    scim.sql(
        "UPDATE saml_providers SET enabled = false WHERE group_id = 10; DELETE FROM saml_providers \
         WHERE group_id = 11",
    );
    for (token, path) in [(TG, GROUP), (TH, "/api/scim/v2/groups/other"), (TI, INSTANCE)] {
        let answer = scim.with_token(token, "GET", &format!("{path}/Users")).send().await;
        assert_eq!(
            (refusal(&answer), &answer.json().1["detail"]),
            ((404, String::new()), &json!("SCIM is not enabled")),
            "{path}"
        );
    }
}

/// A group is found by its path in any case and encoding, but a subgroup has no SCIM.
#[testkit::test]
async fn a_group_is_found_however_its_path_is_written(database: Database) {
    let mut conn = database.open();
    let scim = scim_api(database).await;
    fixture::group(&mut conn, 15, "a.b", None);
    fixture::run(
        &mut conn,
        "INSERT INTO saml_providers (group_id, enabled, certificate_fingerprint, sso_url) VALUES (15, true, \
         'ab', 'x');",
    );
    let keys = auth::KeyBase::from_text(KEY_BASE).unwrap();
    database::scim::set_token(&mut conn, Some(15), &keys.encrypt("dotted"), fixture::now()).unwrap();
    for path in ["A%2Eb", "a.B", "%61.b"] {
        assert_eq!(
            scim.with_token("dotted", "GET", &format!("/api/scim/v2/groups/{path}/Users")).answer().await.0,
            200,
            "{path}"
        );
    }
    // A subgroup has no single sign-on of its own.
    for path in ["test_group%2Fsub", "test_group/sub", "test_group/sub/Users", "%00", "%FF"] {
        for suffix in ["Users", "Users/1", ".search", "Schemas", "Users/"] {
            let path = format!("/api/scim/v2/groups/{path}/{suffix}");
            let answers = [
                scim.with_token(TG, "GET", &path).answer().await.0,
                scim.with_token(TH, "PATCH", &path).answer().await.0,
            ];
            assert_eq!(answers, [404, 404], "{path}");
            unauthorized(&scim.with_token("x", "GET", &path).send().await, &path);
        }
    }
}

#[testkit::test]
async fn old_forms_of_a_token_are_known(database: Database) {
    let scim = scim_api(database).await;
    let old = "/sWUVSK+tVOTWhSE8TZEHyrUopAk5T44YL6d7ii52i/DN8E/aA6HvM7uJQ==";
    assert_eq!(
        scim.text("SELECT token_encrypted FROM scim_oauth_access_tokens WHERE group_id = 10").as_deref(),
        Some("|m4xIfsb+64kz94FlWdibDwZteseCrvy+KQMLu7HIxgGr12Xos7i8qtNalg==7f50ec7b885d")
    );
    for stored in [old.to_owned(), format!("{old}\n")] {
        scim.sql(&format!(
            "DELETE FROM group_scim_auth_access_tokens; UPDATE scim_oauth_access_tokens SET \
             token_encrypted = '{stored}' WHERE group_id = 10"
        ));
        assert_eq!(scim.group("GET", "/Users").send().await.status, 200, "{stored}");
    }
    // If the newer table has the group, the older one is ignored.
    scim.sql(
        "INSERT INTO group_scim_auth_access_tokens (group_id, token_encrypted, created_at, updated_at) \
         SELECT 10, 'x', created_at, updated_at FROM scim_oauth_access_tokens WHERE group_id = 10",
    );
    unauthorized(&scim.group("GET", "/Users").send().await, "another token took its place");
    scim.sql("DELETE FROM group_scim_auth_access_tokens");
    assert_eq!(scim.group("GET", "/Users").send().await.status, 200);
    scim.sql("DELETE FROM scim_oauth_access_tokens");
    unauthorized(&scim.group("GET", "/Users").send().await, "revoked, and at once");
    unauthorized(&scim.instance("GET", "/Users").send().await, "revoked");
}

/// A group's token cannot read a user of another group.
#[testkit::test]
async fn user_is_visible_only_to_its_tenant(database: Database) {
    let scim = scim_api(database).await;
    let answer = scim.with_token(TH, "GET", &format!("/api/scim/v2/groups/other/Users/{UID}")).send().await;
    assert_eq!(refusal(&answer), (404, String::new()));
    assert_eq!(scim.group("GET", &format!("/Users/{UID}")).answer().await, (200, u1()));
}

#[testkit::test]
async fn missing_token_tables_are_an_internal_error(database: Database) {
    let scim = scim_api(database).await;
    scim.sql(
        "ALTER TABLE scim_oauth_access_tokens RENAME TO elsewhere; ALTER TABLE \
         group_scim_auth_access_tokens RENAME TO elsewhere2",
    );
    let answer = scim.group("GET", "/Users").send().await;
    assert_eq!(
        (refusal(&answer), &answer.json().1["detail"]),
        ((500, String::new()), &json!("Internal Server Error"))
    );
    assert_eq!(answer.header("content-type"), Some(RFC));
}

/// An identity provider reads the errors of every layer, also that of the deadline.
#[testkit::test]
async fn deadline_is_answered_in_scims_format(database: Database) {
    let scim = scim_api_with(database, &["--request-timeout", "1s"]).await;
    let mut conn = scim.service.database.open();
    let lock = match conn {
        Conn::Postgresql(_) => "BEGIN; LOCK TABLE scim_identities IN ACCESS EXCLUSIVE MODE",
        Conn::Sqlite(_) => "BEGIN IMMEDIATE",
    };
    fixture::run(&mut conn, lock);
    let answer = scim.instance("POST", "/Users").json(&b1()).send().await;
    fixture::run(&mut conn, "ROLLBACK");
    let expected = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "detail": "Service Unavailable",
        "status": "503",
    });
    assert_eq!((answer.json(), answer.header("content-type")), ((503, expected), Some(RFC)));
    assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()));
}

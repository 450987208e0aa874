//! The rows of a new account, column by column, as GitLab's models write them on each release.
use super::support::{GROUP, INSTANCE, b1_with};
use super::{Scim, scim_api};
use serde_json::{Map, Value, json};
use testkit::{Database, Release};

/// Settings whose values differ from GitLab's and from the database's defaults.
const SETTINGS: &str = "UPDATE application_settings SET default_projects_limit = 7, \
     can_create_group = false, user_default_external = true, default_preferred_language = 'de', \
     default_syntax_highlighting_theme = 3, \
     user_defaults_to_private_profile = true";

/// Asserts that exactly one row matches, and that these columns have these values.
fn assert_row(scim: &Scim, table: &str, condition: &str, expected: &Value) -> Map<String, Value> {
    let query = format!("SELECT CAST(jsonb_agg(to_jsonb(r)) AS text) FROM {table} AS r WHERE {condition}");
    let rows = scim.text(&query).unwrap_or_else(|| "[]".to_owned());
    let mut rows: Vec<Map<String, Value>> = serde_json::from_str(&rows).unwrap();
    assert_eq!(rows.len(), 1, "{table}: {rows:?}");
    let row = rows.remove(0);
    for (column, value) in expected.as_object().unwrap() {
        assert_eq!(row.get(column), Some(value), "{table}.{column}");
    }
    if let (Some(created), Some(updated)) = (row.get("created_at"), row.get("updated_at")) {
        assert!(created.is_string(), "{table}");
        assert_eq!(created, updated, "{table}");
    }
    row
}

/// Creates an account by the address in mixed case, and checks the rows that both bases have in common.
async fn create(scim: &Scim, release: Release, base: &str, organization: i64) -> i64 {
    let emails = json!([{ "primary": true, "type": "work", "value": "First.Last@Example.com" }]);
    let body = b1_with(json!({ "externalId": "uid-1", "userName": "firstlast", "emails": emails }));
    let request = if base == GROUP { scim.group("POST", "/Users") } else { scim.instance("POST", "/Users") };
    let answer = request.json(&body).send().await;
    assert_eq!(answer.status, 201, "{release:?} {base}: {}", answer.text);
    let id = scim.user_id("firstlast");
    let user = assert_row(
        scim,
        "users",
        "username = 'firstlast'",
        &json!({
            "email": "first.last@example.com", "name": "Test User", "password_automatically_set": true,
            "state": "active", "user_type": 0, "admin": false, "projects_limit": 0, "can_create_group": false,
            "can_create_team": false, "external": true, "private_profile": true, "hide_no_ssh_key": false,
            "hide_no_password": false, "notified_of_own_activity": false, "project_view": 2,
            "preferred_language": "de", "color_scheme_id": 3, "confirmation_token": null,
            "unconfirmed_email": null,
        }),
    );
    assert!(user["encrypted_password"].as_str().unwrap().starts_with("$2"), "{release:?}");
    assert_eq!(user["confirmed_at"].is_string(), base == INSTANCE, "{release:?}");
    let in_release = (release != Release::V18_0).then_some(organization);
    assert_eq!(user.get("organization_id").and_then(Value::as_i64), in_release, "{release:?}");
    let of_user = format!("user_id = {id}");
    let member = json!({ "organization_id": organization, "access_level": 10 });
    assert_row(scim, "organization_users", &of_user, &member);
    let namespace = assert_row(
        scim,
        "namespaces",
        &format!("owner_id = {id}"),
        &json!({
            "name": "Test User", "path": "firstlast", "type": "User", "visibility_level": 20,
            "parent_id": null, "organization_id": organization,
        }),
    );
    let namespace_id = &namespace["id"];
    assert_eq!(namespace["traversal_ids"], json!([namespace_id]), "{release:?}");
    for table in ["namespace_settings", "namespace_details"] {
        assert_row(scim, table, &format!("namespace_id = {namespace_id}"), &json!({}));
    }
    assert_row(
        scim,
        "routes",
        &format!("source_type = 'Namespace' AND source_id = {namespace_id}"),
        &json!({ "path": "firstlast", "name": "Test User", "namespace_id": namespace_id }),
    );
    id
}

/// The primary address of a confirmed account has a row of its own.
#[actix_web::test]
async fn account_of_the_instance_has_the_rows_of_gitlab() {
    for release in Release::ALL {
        let scim = scim_api(Database::release(release)).await;
        scim.sql(SETTINGS);
        let id = create(&scim, release, INSTANCE, 1).await;
        let of_user = format!("user_id = {id}");
        assert_row(&scim, "user_details", &of_user, &json!({ "provisioned_by_group_id": null }));
        let email = assert_row(
            &scim,
            "emails",
            &of_user,
            &json!({ "email": "first.last@example.com", "detumbled_email": null }),
        );
        assert!(email["confirmed_at"].is_string(), "{release:?}");
        let organization = (release == Release::V19_5).then_some(1);
        assert_eq!(email.get("organization_id").and_then(Value::as_i64), organization, "{release:?}");
        let identity = json!({ "provider": "saml", "extern_uid": "uid-1", "saml_provider_id": null });
        assert_row(&scim, "identities", &of_user, &identity);
        let identity = json!({ "group_id": null, "extern_uid": "uid-1", "active": true });
        assert_row(&scim, "scim_identities", &of_user, &identity);
        assert_eq!(scim.number(&format!("SELECT count(*) FROM members WHERE {of_user}")), 0, "{release:?}");
    }
}

/// An account of a group belongs to the group's organization, and its address is not confirmed.
#[actix_web::test]
async fn account_of_a_group_has_the_rows_of_gitlab() {
    for release in Release::ALL {
        let scim = scim_api(Database::release(release)).await;
        scim.sql(SETTINGS);
        scim.sql(
            "INSERT INTO organizations (id, name, path, created_at, updated_at)
               VALUES (1001, 'o', 'o', now(), now());
             UPDATE namespaces SET organization_id = 1001 WHERE id IN (10, 12);",
        );
        let id = create(&scim, release, GROUP, 1001).await;
        let of_user = format!("user_id = {id}");
        assert_row(&scim, "user_details", &of_user, &json!({ "provisioned_by_group_id": 10 }));
        assert_eq!(scim.number(&format!("SELECT count(*) FROM emails WHERE {of_user}")), 0, "{release:?}");
        let identity = json!({ "provider": "group_saml", "extern_uid": "uid-1", "saml_provider_id": 10 });
        assert_row(&scim, "identities", &of_user, &identity);
        let identity = json!({ "group_id": 10, "extern_uid": "uid-1", "active": true });
        let stored = assert_row(&scim, "scim_identities", &of_user, &identity);
        let copy = assert_row(&scim, "group_scim_identities", &of_user, &identity);
        assert_eq!(copy["temp_source_id"], stored["id"], "{release:?}");
        assert_row(
            &scim,
            "members",
            &of_user,
            &json!({
                "type": "GroupMember", "source_type": "Namespace", "source_id": 10, "member_namespace_id": 10,
                "access_level": 10, "notification_level": 3, "member_role_id": null, "state": 0,
                "created_by_id": null, "invite_email": null, "requested_at": null, "expires_at": null,
            }),
        );
    }
}

/// A row that the database refuses leaves nothing of the account behind.
#[testkit::test]
async fn refused_companion_row_leaves_nothing(database: Database) {
    let scim = scim_api(database).await;
    let body = b1_with(json!({ "externalId": "uid-1", "userName": "firstlast" }));
    for table in ["namespace_settings", "organization_users", "routes"] {
        let is_postgresql = scim.service.database.is_postgresql();
        scim.sql(&refuse(table, is_postgresql));
        let before = scim.service.database.contents();
        let answer = scim.instance("POST", "/Users").json(&body).send().await;
        assert!(answer.status >= 400, "{table}: {}", answer.text);
        assert_eq!(scim.service.database.contents(), before, "{table}");
        scim.sql(&format!(
            "DROP TRIGGER refuse_rows{}",
            if is_postgresql { format!(" ON {table}") } else { String::new() }
        ));
    }
    assert_eq!(scim.instance("POST", "/Users").json(&body).send().await.status, 201);
}

/// A trigger that refuses each new row of a table with a violation of a unique index.
fn refuse(table: &str, is_postgresql: bool) -> String {
    if is_postgresql {
        format!(
            "CREATE OR REPLACE FUNCTION refuse_rows() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN RAISE unique_violation; END $$;
             CREATE TRIGGER refuse_rows BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_rows()"
        )
    } else {
        format!(
            "CREATE TRIGGER refuse_rows BEFORE INSERT ON {table}
             BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed'); END"
        )
    }
}

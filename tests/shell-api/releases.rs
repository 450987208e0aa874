//! Differences between GitLab releases: the location of the instance's push rule and of the state of a
//! namespace.
use database::check::{CheckOutcome, check};
use database::registry::SERVICES;
use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::Text;
use serde_json::{Value, json};
use testkit::{Database, Release};

use super::incoming::{Incoming, allowed, refused};
use super::shell_api;
use super::support::{ALLOWED, Z, shell_api_at, verdict};

const ARCHIVED: (u16, &str) = (401, "You can't push code to an archived project.");

/// GitLab's table, without columns that this test does not need.
const ORGANIZATION_PUSH_RULES: &str = "CREATE TABLE organization_push_rules (id bigserial PRIMARY KEY, \
    organization_id bigint NOT NULL UNIQUE, max_file_size integer NOT NULL DEFAULT 0, deny_delete_tag \
    boolean, \
    created_at timestamptz, updated_at timestamptz);";
/// Until GitLab 19.0 a trigger copies the sample rule.
const COPYING_TRIGGER: &str = "CREATE FUNCTION copy_rule() RETURNS trigger LANGUAGE plpgsql AS \
    $$ BEGIN DELETE FROM organization_push_rules WHERE organization_id = 1; RETURN NULL; END $$; \
    CREATE TRIGGER copy_rule AFTER INSERT OR UPDATE ON push_rules FOR EACH ROW EXECUTE FUNCTION copy_rule();";
const SAMPLE_RULE: &str = "INSERT INTO push_rules (is_sample, deny_delete_tag) VALUES (true, true);";
const ORGANIZATION_RULE: &str =
    "INSERT INTO organization_push_rules (organization_id, deny_delete_tag) VALUES (1, true);";

/// The sample row of `push_rules` is the instance's rule until GitLab 19.0, the organization's row
/// afterwards.
#[actix_web::test]
async fn push_rule_of_the_installation_is_read_where_the_release_keeps_it() {
    let no = || refused("You cannot delete a tag");
    let foreign = ORGANIZATION_RULE.replace("(1,", "(2,");
    for (statements, expected) in [
        (SAMPLE_RULE.to_owned(), no()),
        (format!("{ORGANIZATION_PUSH_RULES}{COPYING_TRIGGER}{SAMPLE_RULE}"), no()),
        (format!("{ORGANIZATION_PUSH_RULES}{SAMPLE_RULE}"), allowed()),
        (format!("{ORGANIZATION_PUSH_RULES}{ORGANIZATION_RULE}"), no()),
        (format!("{ORGANIZATION_PUSH_RULES}{foreign}"), allowed()),
        // A project's own rule takes precedence over both.
        (
            format!(
                "{ORGANIZATION_PUSH_RULES}{ORGANIZATION_RULE}\
                 INSERT INTO push_rules (project_id, deny_delete_tag) VALUES (3, false);"
            ),
            allowed(),
        ),
    ] {
        let database = Database::postgresql();
        database.sql(&statements);
        let incoming = Incoming::new();
        let shell = shell_api_at(database, incoming.storage.path(), &[]).await;
        let line = format!("{} {Z} refs/tags/t", incoming.main);
        assert_eq!(incoming.push_line(&shell, 14, &line).await, expected, "{statements}");
    }
}

/// GitLab keeps the state of a namespace in `namespaces.state` since 18.4: 1 archived, 2 deletion
/// scheduled, 4 being deleted. Other values change nothing.
#[actix_web::test]
async fn state_of_a_namespace_makes_its_projects_read_only() {
    const OWN: i64 = 2003;
    const GROUP: i64 = 20;
    for (namespace, state, expected) in [
        (OWN, "1", ARCHIVED),
        (OWN, "2", ARCHIVED),
        (OWN, "4", ARCHIVED),
        (GROUP, "1", ARCHIVED),
        (GROUP, "2", ALLOWED),
        (OWN, "0", ALLOWED),
        (OWN, "NULL", ALLOWED),
        (OWN, "9", ALLOWED),
        (GROUP, "9", ALLOWED),
    ] {
        let database = Database::postgresql();
        database.sql(&format!(
            "ALTER TABLE namespaces ADD COLUMN state smallint; \
             UPDATE namespaces SET state = {state} WHERE id = {namespace}"
        ));
        let shell = shell_api(database).await;
        assert_eq!(verdict(&shell.clone(11, "grp/p").await), ALLOWED, "{namespace} {state}");
        assert_eq!(verdict(&shell.push_any(11, "grp/p").await), expected, "{namespace} {state}");
    }
}

/// GitLab moves settings to other columns over time. A setting without its column has GitLab's default.
#[actix_web::test]
async fn settings_without_their_columns_have_defaults() {
    let database = Database::gitlab();
    database.sql(
        "DO $$ DECLARE name text; BEGIN
           FOR name IN SELECT attname FROM pg_attribute WHERE attrelid = 'application_settings'::regclass
             AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('id', 'created_at', 'updated_at')
           LOOP EXECUTE format('ALTER TABLE application_settings DROP COLUMN %I CASCADE', name); END LOOP;
         END $$",
    );
    let shell = shell_api(database).await;
    assert_eq!(verdict(&shell.clone(11, "grp/p").await), ALLOWED);
    assert_eq!(verdict(&shell.push_any(11, "grp/p").await), ALLOWED);
    let body = json!({ "key_id": "11", "name": "x", "scopes": ["read_user"] });
    let (status, token) = shell.post("/personal_access_token", body).await;
    assert_eq!((status, &token["success"]), (200, &json!(true)), "{token}");
    assert!(token["token"].as_str().unwrap().starts_with("glpat-"), "{token}");
    let errors = json!({ "project_id": 3, "public_key": "glet_x" });
    assert_eq!(shell.post("/error_tracking/allowed", errors).await, (200, json!({ "enabled": false })));
}

/// Every service accepts the database of every release, without reporting a missing table or column.
#[actix_web::test]
async fn database_of_each_release_fits() {
    for release in Release::ALL {
        let database = Database::release(release);
        for service in SERVICES {
            let outcome = check(&mut database.open(), service).unwrap();
            assert!(
                matches!(outcome, CheckOutcome::Fits { .. }),
                "{release:?} {}: {outcome:?}",
                service.name
            );
        }
        let shell = shell_api(database).await;
        assert_eq!(verdict(&shell.clone(11, "grp/p").await), ALLOWED, "{release:?}");
        assert_eq!(verdict(&shell.push_any(11, "grp/p").await), ALLOWED, "{release:?}");
        assert_eq!(verdict(&shell.push_any(12, "grp/p").await).0, 401, "{release:?}");
    }
}

/// A token of a service account in another organization has that type and organization, where the release has
/// them.
#[actix_web::test]
async fn token_has_the_type_and_organization_of_its_user() {
    for release in Release::ALL {
        let database = Database::release(release);
        let organization = if release == Release::V18_0 { 1 } else { 1001 };
        database.sql(
            "INSERT INTO organizations (id, name, path, created_at, updated_at)
               VALUES (1001, 'o', 'o', now(), now());
             UPDATE users SET user_type = 13 WHERE id = 2",
        );
        if release != Release::V18_0 {
            database.sql("UPDATE users SET organization_id = 1001 WHERE id = 2");
        }
        let shell = shell_api(database).await;
        let body = json!({ "key_id": 11, "name": "t", "scopes": ["read_user"] });
        assert_eq!(shell.post("/personal_access_token", body).await.1["success"], true, "{release:?}");
        let row =
            sql::<Text>("SELECT CAST(to_jsonb(t) AS text) FROM personal_access_tokens AS t WHERE name = 't'");
        let row: String = row.get_result(&mut shell.service.database.open()).unwrap();
        let token: Value = serde_json::from_str(&row).unwrap();
        for (column, expected) in [
            ("user_id", json!(2)),
            ("name", json!("t")),
            ("scopes", json!("---\n- read_user\n")),
            ("impersonation", json!(false)),
            ("revoked", json!(false)),
            ("last_used_at", json!(null)),
            ("organization_id", json!(organization)),
        ] {
            assert_eq!(token[column], expected, "{release:?} {column}");
        }
        assert_eq!(token["created_at"], token["updated_at"], "{release:?}");
        let user_type = (release != Release::V18_0).then_some(13);
        assert_eq!(token.get("user_type").and_then(Value::as_i64), user_type, "{release:?}");
    }
}

//! The access that an agent's configuration grants.
use super::support::{NOTHING, error, message};
use super::{Kas, kas_api};
use futures_util::future::join_all;
use serde_json::{Value, json};

const TABLES: [&str; 4] = [
    "agent_project_authorizations",
    "agent_group_authorizations",
    "agent_user_access_project_authorizations",
    "agent_user_access_group_authorizations",
];

/// A configuration with one grant in each table.
pub fn granting() -> Value {
    json!({ "agent_id": "5", "agent_config": {
        "ci_access": {
            "projects": [{ "id": "acme/app", "default_namespace": "staging", "access_as": { "agent": {} },
                "environments": ["prod/*"] }],
            "groups": [{ "id": "acme", "default_namespace": "production" }],
        },
        "user_access": { "access_as": { "agent": {} }, "projects": [{ "id": "acme/app" }],
            "groups": [{ "id": "acme/sub" }] },
        "gitops": { "unknown": true },
    } })
}

async fn configure(kas: &Kas, config: Value) -> (u16, Value) {
    kas.post("/agent_configuration", json!({ "agent_id": 5, "agent_config": config })).await
}

/// The rows of a table: the id of the project or group, and the configuration.
fn rows(kas: &Kas, table: &str) -> Vec<(i64, Value)> {
    let entity = if table.contains("group") { "group_id" } else { "project_id" };
    let query = format!(
        "SELECT CAST({entity} AS text) || '|' || CAST(config AS text) FROM {table} WHERE agent_id = 5 ORDER \
         BY {entity}"
    );
    let rows = kas.texts(&query);
    rows.iter()
        .map(|row| {
            row.split_once('|')
                .map(|(id, config)| (id.parse().unwrap(), serde_json::from_str(config).unwrap()))
                .unwrap()
        })
        .collect()
}

fn counts(kas: &Kas) -> [usize; 4] {
    TABLES.map(|table| rows(kas, table).len())
}

fn ids(kas: &Kas) -> Vec<String> {
    TABLES
        .iter()
        .flat_map(|table| {
            kas.texts(&format!("SELECT '{table} ' || CAST(id AS text) FROM {table} ORDER BY id"))
        })
        .collect()
}

#[testkit::test]
async fn configuration_becomes_grants(database: Database) {
    let kas = kas_api(database).await;
    assert_eq!(kas.post("/agent_configuration", granting()).await, NOTHING);
    let of_people = json!({ "access_as": { "agent": {} } });
    let of_project =
        json!({ "default_namespace": "staging", "access_as": { "agent": {} }, "environments": ["prod/*"] });
    assert_eq!(rows(&kas, TABLES[0]), [(9, of_project)]);
    assert_eq!(rows(&kas, TABLES[1]), [(1, json!({ "default_namespace": "production" }))]);
    assert_eq!(rows(&kas, TABLES[2]), [(9, of_people.clone())]);
    assert_eq!(rows(&kas, TABLES[3]), [(3, of_people)]);
}

#[testkit::test]
async fn repeated_configuration_changes_no_row(database: Database) {
    let kas = kas_api(database).await;
    assert_eq!(kas.post("/agent_configuration", granting()).await, NOTHING);
    let before = ids(&kas);
    assert_eq!(before.len(), 4);
    let answers = join_all((0..8).map(|_| kas.post("/agent_configuration", granting()))).await;
    assert!(answers.iter().all(|answer| *answer == NOTHING), "{answers:?}");
    assert_eq!(ids(&kas), before);
}

#[testkit::test]
async fn concurrent_configurations_make_one_row_each(database: Database) {
    let kas = kas_api(database).await;
    let answers = join_all((0..16).map(|_| kas.post("/agent_configuration", granting()))).await;
    assert!(answers.iter().all(|answer| *answer == NOTHING), "{answers:?}");
    assert_eq!(counts(&kas), [1, 1, 1, 1]);
}

#[testkit::test]
async fn missing_grant_is_removed(database: Database) {
    let kas = kas_api(database).await;
    for empty in [
        json!({}),
        json!({ "ci_access": {}, "user_access": null }),
        json!({ "ci_access": { "projects": [], "groups": null } }),
    ] {
        assert_eq!(kas.post("/agent_configuration", granting()).await, NOTHING);
        assert_eq!(counts(&kas), [1, 1, 1, 1]);
        assert_eq!(configure(&kas, empty).await, NOTHING);
        assert_eq!(counts(&kas), [0, 0, 0, 0]);
    }
    // The rows of other agents stay.
    kas.sql("INSERT INTO agent_project_authorizations (project_id, agent_id, config) VALUES (13, 6, '{}')");
    assert_eq!(configure(&kas, json!({})).await, NOTHING);
    assert_eq!(kas.number("SELECT count(*) FROM agent_project_authorizations"), 1);
}

#[testkit::test]
async fn changed_grant_keeps_its_row(database: Database) {
    let kas = kas_api(database).await;
    assert_eq!(
        configure(
            &kas,
            json!({ "ci_access": { "projects": [{ "id": "acme/app", "a": 1 }, { "id": "acme/pub" }] } })
        )
        .await,
        NOTHING
    );
    let before = kas.number("SELECT id FROM agent_project_authorizations WHERE project_id = 9");
    assert_eq!(
        configure(&kas, json!({ "ci_access": { "projects": [{ "id": "acme/app", "a": 2 }] } })).await,
        NOTHING
    );
    assert_eq!(rows(&kas, TABLES[0]), [(9, json!({ "a": 2 }))]);
    assert_eq!(kas.number("SELECT id FROM agent_project_authorizations"), before);
}

#[testkit::test]
async fn grant_outside_the_root_namespace_is_ignored(database: Database) {
    let kas = kas_api(database).await;
    let lists = json!({ "projects": [{ "id": "other/x" }, { "id": "acme/none" }, { "id": "acme" },
        { "id": "grp/p" }], "groups": [{ "id": "other" }, { "id": "grp" }, { "id": "acme/app" },
        { "id": "dev" }] });
    assert_eq!(configure(&kas, json!({ "ci_access": lists, "user_access": lists })).await, NOTHING);
    assert_eq!(counts(&kas), [0, 0, 0, 0]);
    // A path with the same prefix is another namespace.
    testkit::fixture::group(&mut kas.service.database.open(), 70, "acmeother", None);
    testkit::fixture::project(&mut kas.service.database.open(), 71, "acmeother/x", 70, 0);
    assert_eq!(
        configure(
            &kas,
            json!({ "ci_access": { "projects": [{ "id": "acmeother/x" }],
        "groups": [{ "id": "acmeother" }] } })
        )
        .await,
        NOTHING
    );
    assert_eq!(counts(&kas), [0, 0, 0, 0]);
}

#[testkit::test]
async fn personal_namespace_grants_to_its_projects_only(database: Database) {
    let kas = kas_api(database).await;
    let mut conn = kas.service.database.open();
    testkit::fixture::project(&mut conn, 70, "dev/tools", 1011, 0);
    testkit::fixture::project(&mut conn, 71, "dev/app", 1011, 0);
    kas.sql("UPDATE cluster_agents SET project_id = 70 WHERE id = 5");
    let lists = json!({ "projects": [{ "id": "dev/app" }, { "id": "acme/app" }], "groups": [{ "id": "dev" },
        { "id": "acme" }] });
    assert_eq!(configure(&kas, json!({ "ci_access": lists })).await, NOTHING);
    assert_eq!(rows(&kas, TABLES[0]), [(71, json!({}))]);
    assert_eq!(counts(&kas), [1, 0, 0, 0]);
}

#[testkit::test]
async fn setting_allows_grants_to_the_whole_organization(database: Database) {
    let kas = kas_api(database).await;
    let config = json!({ "ci_access": { "projects": [{ "id": "other/x" }], "groups": [{ "id": "other" }],
        "instance": { "default_namespace": "n" } } });
    let instance =
        "SELECT count(*) FROM agent_organization_authorizations WHERE organization_id = 1 AND agent_id = 5";
    assert_eq!(configure(&kas, config.clone()).await, NOTHING);
    assert_eq!((counts(&kas), kas.number(instance)), ([0, 0, 0, 0], 0));
    kas.sql(
        "UPDATE application_settings SET cluster_agents = \
             '{\"organization_cluster_agent_authorization_enabled\": true}'",
    );
    for _ in 0..2 {
        assert_eq!(configure(&kas, config.clone()).await, NOTHING);
        assert_eq!((counts(&kas), kas.number(instance)), ([1, 1, 0, 0], 1));
    }
    let kept: Value = serde_json::from_str(
        &kas.texts("SELECT CAST(config AS text) FROM agent_organization_authorizations")[0],
    )
    .unwrap();
    assert_eq!(kept, json!({ "default_namespace": "n" }));
    // Projects and groups of another organization get no access.
    kas.sql(
        "INSERT INTO organizations (id, created_at, updated_at, name, path) VALUES (2, '2020-01-01 \
             00:00:00', '2020-01-01 00:00:00', 'Two', 'two'); UPDATE projects SET organization_id = 2 WHERE \
             id = 13",
    );
    assert_eq!(configure(&kas, config).await, NOTHING);
    assert_eq!(counts(&kas), [0, 1, 0, 0]);
    assert_eq!(configure(&kas, json!({})).await, NOTHING);
    assert_eq!(kas.number(instance), 0);
}

#[testkit::test]
async fn last_entry_with_the_same_path_is_used(database: Database) {
    let kas = kas_api(database).await;
    let projects = json!([{ "id": "Acme/App", "default_namespace": "a" }, { "id": "acme/app",
        "default_namespace": "b" }, { "default_namespace": "c" }, { "id": 9 }, "acme/pub"]);
    assert_eq!(configure(&kas, json!({ "ci_access": { "projects": projects } })).await, NOTHING);
    assert_eq!(rows(&kas, TABLES[0]), [(9, json!({ "default_namespace": "b" }))]);
}

#[testkit::test]
async fn first_500_entries_of_a_list_are_used(database: Database) {
    let kas = kas_api(database).await;
    let mut conn = kas.service.database.open();
    for id in 0..6 {
        testkit::fixture::project(&mut conn, 100 + id, &format!("acme/p{id}"), 1, 0);
    }
    let mut projects: Vec<Value> = (0..497).map(|n| json!({ "id": format!("acme/none{n}") })).collect();
    projects.extend((0..6).map(|n| json!({ "id": format!("acme/p{n}") })));
    assert_eq!(configure(&kas, json!({ "ci_access": { "projects": projects } })).await, NOTHING);
    assert_eq!(rows(&kas, TABLES[0]).len(), 3);
}

#[testkit::test]
async fn unreadable_configuration_changes_nothing(database: Database) {
    let kas = kas_api(database).await;
    assert_eq!(kas.post("/agent_configuration", granting()).await, NOTHING);
    for (body, status, expected) in [
        (json!({ "agent_id": 999, "agent_config": {} }), 404, message("404 Not found")),
        (json!({}), 400, error("agent_id is missing, agent_config is missing")),
        (
            json!({ "agent_id": null, "agent_config": null }),
            400,
            error("agent_id is missing, agent_config is missing"),
        ),
        (
            json!({ "agent_id": "x", "agent_config": [] }),
            400,
            error("agent_id is invalid, agent_config is invalid"),
        ),
        (json!({ "agent_id": 5, "agent_config": "{" }), 400, error("agent_config is invalid")),
        (json!({ "agent_id": 5, "agent_config": "[]" }), 400, error("agent_config is invalid")),
        (
            json!({ "agent_id": 5, "agent_config": { "ci_access": { "projects": "all" } } }),
            400,
            error("agent_config is invalid"),
        ),
    ] {
        assert_eq!(kas.post("/agent_configuration", body.clone()).await, (status, expected), "{body}");
    }
    assert_eq!(counts(&kas), [1, 1, 1, 1]);
    let text = "{\"ci_access\":{}}";
    assert_eq!(
        kas.post("/agent_configuration", json!({ "agent_id": 5, "agent_config": text })).await,
        NOTHING
    );
    assert_eq!(counts(&kas), [0, 0, 0, 0]);
}

/// PostgreSQL cannot store U+0000. It is removed from what is stored, and ignored where nothing is used.
#[testkit::test]
async fn nul_neither_refuses_a_configuration_nor_keeps_old_grants(database: Database) {
    let kas = kas_api(database).await;
    for unused in [
        json!({ "gitops\0": 1 }),
        json!({ "gitops": { "a": ["\0"] } }),
        json!({ "ci_access\0": "x" }),
        json!({ "ci_access": { "projects": [{ "id": "other/\0x", "a": "\0" }, { "\0": 1 }] } }),
        json!({ "user_access": { "projects\0": 7, "access_as": { "agent": "\0" } } }),
    ] {
        for config in [unused.clone(), Value::String(unused.to_string())] {
            assert_eq!(kas.post("/agent_configuration", granting()).await, NOTHING);
            assert_eq!(counts(&kas), [1, 1, 1, 1]);
            assert_eq!(configure(&kas, config).await, NOTHING, "{unused}");
            assert_eq!(counts(&kas), [0, 0, 0, 0], "{unused}");
        }
    }
    let config = json!({
        "ci_access": {
            "projects": [{ "id": "acme/\0app", "x\0": "a\0b" }], "groups": [{ "id": "acme", "y": "\0" }],
        },
        "user_access": { "access_as": { "agent": { "\0n": "\0" } }, "projects": [{ "id": "acme/app" }] },
    });
    for config in [config.clone(), Value::String(config.to_string())] {
        assert_eq!(configure(&kas, config).await, NOTHING);
        assert_eq!(rows(&kas, TABLES[0]), [(9, json!({ "x": "ab" }))]);
        assert_eq!(rows(&kas, TABLES[1]), [(1, json!({ "y": "" }))]);
        assert_eq!(rows(&kas, TABLES[2]), [(9, json!({ "access_as": { "agent": { "n": "" } } }))]);
    }
    let form = "agent_id=5&agent_config[gitops]=%00&agent_config[ci_access][projects][][id]=acme/app";
    let answer = kas.request("POST", "/agent_configuration");
    let answer = answer.body("application/x-www-form-urlencoded", form).answer().await;
    assert_eq!((answer, counts(&kas)), (NOTHING, [1, 0, 0, 0]));
}

/// Entries after the first 500 are ignored.
#[testkit::test]
async fn list_of_90_000_projects_is_accepted(database: Database) {
    let kas = kas_api(database).await;
    let mut projects = vec![json!({ "id": "acme/app" })];
    projects.extend((0..90_000).map(|n| {
        json!({ "id": format!("gitlab-org/p{n:06}"), "default_namespace": "n", "access_as": { "agent": {} } })
    }));
    assert_eq!(configure(&kas, json!({ "ci_access": { "projects": projects } })).await, NOTHING);
    assert_eq!(rows(&kas, TABLES[0]), [(9, json!({}))]);
}

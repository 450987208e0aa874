//! Audit events: written in the same transaction as the change.
use super::admin_api;
use super::support::P;
use serde_json::{Value, json};

#[testkit::test]
async fn change_writes_an_audit_event(database: Database) {
    let admin = admin_api(database).await;
    assert_eq!(admin.exclude("123", &json!({ "reason": "because" })).await.0, 201);
    assert_eq!(admin.ask("DELETE", P).await.0, 204);
    // Rejected requests write no audit event.
    assert_eq!(admin.ask("DELETE", P).await.0, 404);
    assert_eq!(admin.exclude("124", &json!({ "reason": "because" })).await.0, 400);
    assert_eq!(admin.number("SELECT count(*) FROM admin_audit_events"), 2);
    for (id, name) in [(1, "created"), (2, "removed")] {
        let column = |name: &str| {
            admin
                .text(&format!("SELECT CAST({name} AS text) FROM admin_audit_events WHERE id = {id}"))
                .unwrap()
        };
        let row = [
            "author_id",
            "author_name",
            "entity_id",
            "entity_type",
            "entity_path",
            "target_type",
            "target_id",
            "target_details",
            "ip_address",
        ]
        .map(column);
        assert_eq!(
            row,
            [
                "1",
                "root",
                "123",
                "Group",
                "acme",
                "Namespaces::Storage::LimitExclusion",
                "1",
                "A Namespace Name",
                "127.0.0.1"
            ]
        );
        assert_eq!(column("event_name"), format!("namespace_storage_limit_exclusion_{name}"));
        let document = |name: &str| {
            let text =
                admin.text(&format!("SELECT CAST({name} AS text) FROM admin_audit_events WHERE id = {id}"));
            text.map(|text| serde_json::from_str::<Value>(&text).unwrap())
        };
        let exclusion = json!({ "namespace_id": 123, "reason": "because" });
        let [before, after] =
            if name == "created" { [None, Some(exclusion)] } else { [Some(exclusion), None] };
        assert_eq!([document("before"), document("after")], [before, after]);
        assert_eq!((&*column("author_type"), &*column("gl_namespace_id")), ("user", "123"));
        assert!(!column("correlation_id").is_empty());
    }
}

/// As in GitLab, a change of a personal namespace is recorded for its user. Namespace 125 belongs to user 2.
#[testkit::test]
async fn audit_event_of_a_personal_namespace_names_its_owner(database: Database) {
    let admin = admin_api(database).await;
    assert_eq!(admin.exclude("125", &json!({ "reason": "because" })).await.0, 201);
    assert_eq!(admin.ask("DELETE", "/api/v4/namespaces/125/storage/limit_exclusion").await.0, 204);
    for id in [1, 2] {
        let column = |name: &str| {
            admin
                .text(&format!("SELECT CAST({name} AS text) FROM admin_audit_events WHERE id = {id}"))
                .unwrap()
        };
        let row = ["entity_id", "entity_type", "entity_path", "target_details"].map(column);
        assert_eq!(row, ["2", "User", "alice-too", "alice too"]);
    }
}

#[testkit::test]
async fn change_without_an_audit_event_is_rolled_back(database: Database) {
    let admin = admin_api(database).await;
    admin.excluded(7, 130, "x");
    admin.sql("DROP TABLE admin_audit_events");
    let failed = (500, json!({ "message": "500 Internal Server Error" }));
    assert_eq!(admin.exclude("123", &json!({ "reason": "because" })).await, failed);
    assert_eq!(admin.ask("DELETE", "/api/v4/namespaces/130/storage/limit_exclusion").await, failed);
    assert_eq!(admin.exclusions(), 1);
}

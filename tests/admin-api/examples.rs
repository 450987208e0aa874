//! The examples of GitLab's documentation, with the prefix as printed and with the correct one.
use super::admin_api;
use super::support::{A, REASON, exclusion};
use serde_json::json;
use testkit::fixture;

#[testkit::test]
async fn exclusions_are_listed_created_and_deleted(database: Database) {
    let admin = admin_api(database).await;
    let conn = &mut admin.service.database.open();
    for (id, path, name) in
        [(1234, "a-namespace", "A Namespace Name"), (4321, "another-namespace", "Another Namespace Name")]
    {
        fixture::group(conn, id, path, None);
        admin.sql(&format!("UPDATE namespaces SET name = '{name}' WHERE id = {id}"));
    }
    for prefix in ["/v4", "/api/v4"] {
        admin.sql("DELETE FROM namespaces_storage_limit_exclusions");
        admin.excluded(1, 1234, REASON);
        admin.excluded(2, 4321, "another reason to exclude the Namespace");
        let listed =
            admin.by(A, "GET", &format!("{prefix}/namespaces/storage/limit_exclusions")).answer().await;
        let expected = json!([
            exclusion(1, 1234, "A Namespace Name", REASON),
            exclusion(2, 4321, "Another Namespace Name", "another reason to exclude the Namespace"),
        ]);
        assert_eq!(listed, (200, expected));
        let path = format!("{prefix}/namespaces/123/storage/limit_exclusion");
        assert_eq!(admin.ask("DELETE", &path).await.0, 404);
        admin.sql("DELETE FROM namespaces_storage_limit_exclusions");
        let body = r#"{"reason": "a reason to exclude the Namespace"}"#;
        let (status, mut made) = admin.by(A, "POST", &path).body("application/json", body).answer().await;
        assert!(made["id"].take().is_i64());
        assert_eq!(
            (status, made),
            (
                201,
                json!({ "id": null, "namespace_id": 123, "namespace_name": "A Namespace Name",
                    "reason": REASON })
            )
        );
        let deleted = admin.by(A, "DELETE", &path).send().await;
        assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    }
}

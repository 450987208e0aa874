//! admin-api on the GitLab releases, with its own role.
use super::admin_api;
use super::support::{LIST, P};
use serde_json::json;
use testkit::{Database, Release};

#[actix_web::test]
async fn exclusions_work_on_each_release() {
    for release in Release::ALL {
        let admin = admin_api(Database::release(release)).await;
        assert_eq!(admin.exclude("acme", &json!({ "reason": "x" })).await.0, 201, "{release:?}");
        assert_eq!(admin.ask("GET", LIST).await.1[0]["reason"], "x", "{release:?}");
        assert_eq!(admin.ask("DELETE", P).await.0, 204, "{release:?}");
    }
}

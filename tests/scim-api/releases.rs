//! scim-api on the GitLab releases, with its own role.
use super::scim_api;
use super::support::{GROUP, INSTANCE, b1_with};
use serde_json::json;
use testkit::{Database, Release};

/// A new account has its rows, and the organization of its group where the release has the column.
#[actix_web::test]
async fn accounts_are_created_on_each_release() {
    for release in Release::ALL {
        let scim = scim_api(Database::release(release)).await;
        for (number, base) in [GROUP, INSTANCE].into_iter().enumerate() {
            let body = b1_with(json!({
                "externalId": "o", "userName": format!("org{number}"),
                "emails": format!("org{number}@example.com"),
            }));
            let request =
                if base == GROUP { scim.group("POST", "/Users") } else { scim.instance("POST", "/Users") };
            assert_eq!(request.json(&body).send().await.status, 201, "{release:?} {base}");
            let id = scim.user_id(&format!("org{number}"));
            let namespace = format!("SELECT id FROM namespaces WHERE owner_id = {id}");
            for table in ["namespace_settings", "namespace_details"] {
                let rows = format!("SELECT count(*) FROM {table} WHERE namespace_id = ({namespace})");
                assert_eq!(scim.number(&rows), 1, "{release:?} {table}");
            }
            if release != Release::V18_0 {
                let organization = format!("SELECT organization_id FROM users WHERE id = {id}");
                assert_eq!(scim.number(&organization), 1, "{release:?}");
            }
        }
        assert_eq!(scim.group("GET", "/Users").send().await.json().1["totalResults"], 2, "{release:?}");
    }
}

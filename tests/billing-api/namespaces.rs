//! Namespaces, their owners, and users.
use super::billing_api;
use super::support::{error, no_namespace, not_root};
use serde_json::json;

#[testkit::test]
async fn namespace_is_returned_with_all_fields(database: Database) {
    let billing = billing_api(database).await;
    billing.sql(
        "INSERT INTO namespace_root_storage_statistics (namespace_id, repository_size, updated_at) \
                 VALUES (123, 100, '2020-01-01')",
    );
    let group = json!({
        "id": 123, "name": "acme", "path": "acme", "kind": "group", "full_path": "acme", "parent_id": null,
        "avatar_url": null, "web_url": "https://gitlab.example.com/groups/acme",
        "members_count_with_descendants": 1,
        "billable_members_count": 1, "max_seats_used": 0, "seats_in_use": 0, "plan": "default",
        "end_date": null,
        "trial_ends_on": null, "trial": false, "root_repository_size": 100, "projects_count": 0,
    });
    assert_eq!(billing.get_current("/namespaces/123").await, (200, group.clone()));
    assert_eq!(billing.get_current("/namespaces/Acme").await, (200, group.clone()));
    billing.grown(123);
    let mut sub = group;
    for (name, value) in [
        ("id", json!(124)),
        ("name", json!("sub")),
        ("path", json!("sub")),
        ("full_path", json!("acme/sub")),
        ("parent_id", json!(123)),
        ("web_url", json!("https://gitlab.example.com/groups/acme/sub")),
        ("members_count_with_descendants", json!(0)),
        ("billable_members_count", json!(0)),
        ("plan", json!("premium")),
        ("max_seats_used", json!(82)),
        ("seats_in_use", json!(82)),
        ("end_date", json!("2021-07-15")),
    ] {
        sub[name] = value;
    }
    assert_eq!(billing.get_current("/namespaces/124").await, (200, sub.clone()));
    assert_eq!(billing.get_current("/namespaces/acme%2Fsub").await, (200, sub));
    let (status, personal) = billing.get_current("/namespaces/1002").await;
    assert_eq!(
        (status, &personal["kind"], &personal["web_url"]),
        (200, &json!("user"), &json!("https://gitlab.example.com/alice"))
    );
    assert_eq!(billing.get_current("/namespaces/126").await, not_root());
    assert_eq!(billing.get_current("/namespaces/999").await, no_namespace());
    assert_eq!(billing.get_current("/namespaces/20").await.1["projects_count"], 4);
}

#[testkit::test]
async fn limits_are_set_and_cleared(database: Database) {
    let billing = billing_api(database).await;
    let put = async |body| billing.current("PUT", "/namespaces/123", body).await;
    let (status, shown) =
        put(json!({ "shared_runners_minutes_limit": 1000, "extra_shared_runners_minutes_limit": "5" })).await;
    assert_eq!((status, &shown["full_path"]), (200, &json!("acme")));
    let limits = "SELECT shared_runners_minutes_limit || ' ' || \
                  COALESCE(CAST(extra_shared_runners_minutes_limit AS text), 'none') FROM namespaces WHERE \
                  id = 123";
    assert_eq!(billing.text(limits).as_deref(), Some("1000 5"));
    assert_eq!(put(json!({ "extra_shared_runners_minutes_limit": null })).await.0, 200);
    assert_eq!(billing.text(limits).as_deref(), Some("1000 none"));
    let storage = "SELECT additional_purchased_storage_size || ' ' || additional_purchased_storage_ends_on \
                   FROM namespace_limits WHERE namespace_id = 123";
    assert_eq!(
        put(json!({ "additional_purchased_storage_size": 100,
        "additional_purchased_storage_ends_on": "2025-01-01" }))
        .await
        .0,
        200
    );
    assert_eq!(billing.text(storage).as_deref(), Some("100 2025-01-01"));
    assert_eq!(put(json!({ "additional_purchased_storage_size": 200 })).await.0, 200);
    assert_eq!(billing.text(storage).as_deref(), Some("200 2025-01-01"));
    let negative =
        json!({ "message": { "shared_runners_minutes_limit": ["must be greater than or equal to 0"] } });
    assert_eq!(
        put(json!({ "shared_runners_minutes_limit": -1, "additional_purchased_storage_size": 7 })).await,
        (400, negative)
    );
    assert_eq!(
        put(json!({ "additional_purchased_storage_size": "much" })).await,
        error("additional_purchased_storage_size is invalid")
    );
    assert_eq!(billing.text(storage).as_deref(), Some("200 2025-01-01"));
    assert_eq!(billing.current("PUT", "/namespaces/124", json!({})).await, not_root());
    assert_eq!(billing.current("PUT", "/namespaces/999", json!({})).await, no_namespace());
}

#[testkit::test]
async fn a_subscription_is_set_with_its_namespace(database: Database) {
    let billing = billing_api(database).await;
    let put = async |body| billing.current("PUT", "/namespaces/123", body).await;
    let (status, shown) =
        put(json!({ "gitlab_subscription_attributes": { "plan_code": "premium", "seats": 5 } })).await;
    assert_eq!((status, &shown["plan"], &shown["seats_in_use"]), (200, &json!("premium"), &json!(1)));
    assert_eq!(
        billing.text("SELECT seats || ' ' || start_date FROM gitlab_subscriptions").as_deref(),
        Some("5 2021-01-10")
    );
    let refused =
        json!({ "message": { "gitlab_subscription.seats": ["must be greater than or equal to 0"] } });
    let both =
        json!({ "shared_runners_minutes_limit": 7, "gitlab_subscription_attributes": { "seats": -1 } });
    assert_eq!(put(both).await, (400, refused));
    assert_eq!(billing.number("SELECT count(*) FROM namespaces WHERE shared_runners_minutes_limit = 7"), 0);
    assert_eq!(
        put(json!({ "gitlab_subscription_attributes": { "seats": "x" } })).await,
        error("gitlab_subscription_attributes[seats] is invalid")
    );
    assert_eq!(
        put(json!({ "gitlab_subscription_attributes": 7 })).await,
        error("gitlab_subscription_attributes is invalid")
    );
}

#[testkit::test]
async fn owners_are_listed(database: Database) {
    let billing = billing_api(database).await;
    let bob = json!({ "user": { "id": 3, "username": "bob", "name": "bob the user" }, "access_level": 50,
        "notification_email": "bob@example.com" });
    assert_eq!(billing.get_current("/namespaces/123/owners").await, (200, json!([bob])));
    billing.sql("UPDATE users SET notification_email = 'alice@elsewhere.example' WHERE id = 2");
    let alice = json!([{ "user": { "id": 2, "username": "alice", "name": "alice the user" },
        "access_level": 50, "notification_email": "alice@elsewhere.example" }]);
    assert_eq!(billing.get_current("/namespaces/125/owners").await, (200, alice));
    billing.sql("UPDATE users SET state = 'blocked' WHERE id = 3");
    assert_eq!(billing.get_current("/namespaces/123/owners").await, (200, json!([])));
    assert_eq!(billing.get_current("/namespaces/124/owners").await, not_root());
    assert_eq!(billing.get_current("/namespaces/999/owners").await, no_namespace());
}

#[testkit::test]
async fn owners_and_administrators_edit_billing(database: Database) {
    let billing = billing_api(database).await;
    for (path, expected) in [
        ("/namespaces/123/user_permissions/3", true),
        ("/namespaces/123/user_permissions/2", false),
        ("/namespaces/123/user_permissions/1", true),
        ("/namespaces/125/user_permissions/2", true),
        ("/namespaces/125/user_permissions/3", false),
    ] {
        assert_eq!(billing.get_current(path).await, (200, json!({ "edit_billing": expected })), "{path}");
    }
    let nobody = (404, json!({ "message": "404 User Not Found" }));
    for id in ["999", "x", "99999999999999999999"] {
        assert_eq!(billing.get_current(&format!("/namespaces/123/user_permissions/{id}")).await, nobody);
    }
    assert_eq!(billing.get_current("/namespaces/999/user_permissions/3").await, no_namespace());
    assert_eq!(billing.get_current("/namespaces/124/user_permissions/3").await, not_root());
}

#[testkit::test]
async fn user_is_returned(database: Database) {
    let billing = billing_api(database).await;
    let alice = json!({ "id": 2, "username": "alice", "name": "alice the user",
        "web_url": "https://gitlab.example.com/alice" });
    assert_eq!(billing.get_current("/users/2").await, (200, alice));
    for id in ["999", "alice", "-1"] {
        assert_eq!(
            billing.get_current(&format!("/users/{id}")).await,
            (404, json!({ "message": "404 User Not Found" }))
        );
    }
}

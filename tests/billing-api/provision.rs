//! Provisioning of a namespace: subscription, minutes, storage and add-ons in one request.
use super::billing_api;
use super::support::{error, no_namespace, not_root};
use serde_json::{Value, json};

const PATH: &str = "/namespaces/123/provision";

fn everything() -> Value {
    json!({ "provision": {
        "base_product": { "plan_code": "premium", "start_date": "2021-01-01", "end_date": "2022-01-01",
            "seats": 10, "auto_renew": true },
        "storage": { "additional_purchased_storage_size": 100,
            "additional_purchased_storage_ends_on": "2025-01-01" },
        "compute_minutes": { "shared_runners_minutes_limit": 2000,
            "extra_shared_runners_minutes_limit": 1000 },
        "add_on_purchases": { "duo_pro": [{ "quantity": 1, "started_on": "2024-01-01",
            "expires_on": "2024-12-31", "purchase_xid": "C-00123456", "trial": false }] },
    } })
}

#[testkit::test]
async fn repeated_provision_is_idempotent(database: Database) {
    let billing = billing_api(database).await;
    for _ in 0..2 {
        assert_eq!(billing.current("POST", PATH, everything()).await, (200, json!("")));
    }
    for (query, expected) in [
        (
            "SELECT count(*) FROM gitlab_subscriptions WHERE namespace_id = 123 AND seats = 10 AND \
             auto_renew",
            1,
        ),
        (
            "SELECT count(*) FROM namespace_limits WHERE namespace_id = 123 AND \
             additional_purchased_storage_size = 100",
            1,
        ),
        (
            "SELECT count(*) FROM namespaces WHERE id = 123 AND shared_runners_minutes_limit = 2000 AND \
             extra_shared_runners_minutes_limit = 1000",
            1,
        ),
        ("SELECT count(*) FROM subscription_add_on_purchases WHERE namespace_id = 123 AND quantity = 1", 1),
        ("SELECT count(*) FROM gitlab_subscription_histories", 0),
    ] {
        assert_eq!(billing.number(query), expected, "{query}");
    }
}

#[testkit::test]
async fn refused_part_does_not_affect_the_others(database: Database) {
    let billing = billing_api(database).await;
    let mut body = everything();
    body["provision"]["base_product"]["seats"] = json!(-1);
    body["provision"]["add_on_purchases"]["duo_pro"][0]["quantity"] = json!(-1);
    let expected = "base_product: seats must be greater than or equal to 0, \
            add_on_purchases: duo_pro quantity must be greater than or equal to 0";
    assert_eq!(billing.current("POST", PATH, body).await, (422, json!({ "message": expected })));
    assert_eq!(billing.number("SELECT count(*) FROM gitlab_subscriptions"), 0);
    assert_eq!(billing.number("SELECT count(*) FROM subscription_add_on_purchases"), 0);
    assert_eq!(billing.number("SELECT count(*) FROM namespace_limits"), 1);
    assert_eq!(
        billing.number("SELECT count(*) FROM namespaces WHERE shared_runners_minutes_limit = 2000"),
        1
    );
}

/// Each part is stored on its own, even if the database refuses another one.
#[testkit::test]
async fn failed_part_does_not_affect_the_others(database: Database) {
    let billing = billing_api(database).await;
    billing.sql("DROP TABLE namespace_limits");
    let expected = "storage: could not be stored, compute_minutes: could not be stored";
    assert_eq!(billing.current("POST", PATH, everything()).await, (422, json!({ "message": expected })));
    assert_eq!(billing.number("SELECT count(*) FROM gitlab_subscriptions WHERE seats = 10"), 1);
    assert_eq!(billing.number("SELECT count(*) FROM subscription_add_on_purchases"), 1);
}

#[testkit::test]
async fn invalid_parameters_store_nothing(database: Database) {
    let billing = billing_api(database).await;
    assert_eq!(billing.current("POST", "/namespaces/124/provision", everything()).await, not_root());
    assert_eq!(billing.current("POST", "/namespaces/999/provision", everything()).await, no_namespace());
    for (body, expected) in [
        (json!({}), "provision is missing"),
        (json!({ "provision": 7 }), "provision is invalid"),
        (json!({ "provision": { "storage": [] } }), "provision[storage] is invalid"),
        (
            json!({ "provision": { "base_product": { "seats": "x" } } }),
            "provision[base_product][seats] is invalid",
        ),
        (
            json!({ "provision": { "base_product": { "trial": true } } }),
            "provision[base_product][trial_starts_on] is missing",
        ),
        (
            json!({ "provision": { "base_product": { "trial": true, "trial_starts_on": "" } } }),
            "provision[base_product][trial_starts_on] is invalid",
        ),
        (
            json!({ "provision": { "base_product": { "start_date": "" } } }),
            "provision[base_product][start_date] is invalid",
        ),
        (
            json!({ "provision": { "base_product": { "start_date": null } } }),
            "provision[base_product][start_date] is invalid",
        ),
        (
            json!({ "provision": { "add_on_purchases": { "xyz": [] } } }),
            "provision[add_on_purchases][xyz] is invalid",
        ),
    ] {
        assert_eq!(billing.current("POST", PATH, body.clone()).await, error(expected), "{body}");
    }
    assert_eq!(billing.current("POST", PATH, json!({ "provision": {} })).await, (200, json!("")));
    assert_eq!(billing.number("SELECT count(*) FROM gitlab_subscriptions"), 0);
}

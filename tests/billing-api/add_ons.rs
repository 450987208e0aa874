//! Purchases of add-ons.
use super::support::{bad_request, error, no_namespace, not_root};
use super::{Billing, billing_api};
use serde_json::{Value, json};

const PATH: &str = "/namespaces/123/subscription_add_on_purchases";
const LEGACY: &str = "/namespaces/123/subscription_add_on_purchase";

fn item(quantity: i32) -> Value {
    json!({
        "quantity": quantity, "started_on": "2024-01-01", "expires_on": "2024-12-31",
        "purchase_xid": "C-00123456", "trial": false,
    })
}

fn shown(add_on: &str, quantity: i32) -> Value {
    let mut shown = item(quantity);
    shown["namespace_id"] = json!(123);
    shown["namespace_name"] = json!("acme");
    shown["add_on"] = json!(add_on);
    shown
}

async fn order(billing: &Billing, purchases: Value) -> (u16, Value) {
    billing.current("POST", PATH, json!({ "add_on_purchases": purchases })).await
}

fn rows(billing: &Billing) -> i64 {
    billing.number("SELECT count(*) FROM subscription_add_on_purchases WHERE organization_id = 1")
}

#[testkit::test]
async fn purchase_is_created_changed_and_ended(database: Database) {
    let billing = billing_api(database).await;
    for quantity in [1, 3] {
        let answer = order(&billing, json!({ "duo_pro": [item(quantity)] })).await;
        assert_eq!(answer, (201, json!([shown("Code Suggestions", quantity)])));
        assert_eq!(rows(&billing), 1);
    }
    for name in ["duo_pro", "code_suggestions"] {
        assert_eq!(billing.get_current(&format!("{PATH}/{name}")).await, (200, shown("Code Suggestions", 3)));
        assert_eq!(
            billing.ask("GET", &format!("{LEGACY}/{name}")).await,
            (200, shown("Code Suggestions", 3))
        );
    }
    let end = json!({ "started_on": "2021-01-09", "expires_on": "2021-01-09" });
    let mut ended = shown("Code Suggestions", 3);
    ended["started_on"] = json!("2021-01-09");
    ended["expires_on"] = json!("2021-01-09");
    assert_eq!(order(&billing, json!({ "code_suggestions": [end.clone()] })).await, (201, json!([ended])));
    // A purchase that does not exist needs no end.
    assert_eq!(order(&billing, json!({ "duo_enterprise": [end] })).await, (201, json!([])));
    assert_eq!(rows(&billing), 1);
    let both = order(&billing, json!({ "duo_enterprise": [item(2)], "duo_pro": [item(4)] })).await;
    assert_eq!(both, (201, json!([shown("Duo Enterprise", 2), shown("Code Suggestions", 4)])));
    assert_eq!(rows(&billing), 2);
}

#[testkit::test]
async fn invalid_order_stores_nothing(database: Database) {
    let billing = billing_api(database).await;
    let without = |field: &str| {
        let mut item = item(1);
        item.as_object_mut().unwrap().remove(field);
        item
    };
    let with = |field: &str, value: Value| {
        let mut item = item(1);
        item[field] = value;
        item
    };
    for (purchases, expected) in [
        (json!({ "foo": [item(1)] }), "add_on_purchases[foo] is invalid"),
        (json!({ "duo_pro": item(1) }), "add_on_purchases[duo_pro] is invalid"),
        (
            json!({ "duo_pro": [without("started_on")] }),
            "add_on_purchases[duo_pro][0][started_on] is missing",
        ),
        (
            json!({ "duo_pro": [with("quantity", json!("x"))] }),
            "add_on_purchases[duo_pro][0][quantity] is invalid",
        ),
        (json!([]), "add_on_purchases is invalid"),
        (json!(null), "add_on_purchases is missing"),
    ] {
        assert_eq!(order(&billing, purchases.clone()).await, error(expected), "{purchases}");
    }
    for (bad, expected) in [
        (with("quantity", json!(-1)), "quantity must be greater than or equal to 0"),
        (with("expires_on", json!("2023-12-31")), "expires_on must be after the start date"),
        (
            with("purchase_xid", json!("x".repeat(256))),
            "purchase_xid is too long (maximum is 255 characters)",
        ),
        (with("purchase_xid", json!(" ")), "purchase_xid can't be blank"),
        (without("purchase_xid"), "purchase_xid can't be blank"),
    ] {
        let purchases = json!({ "duo_enterprise": [item(1)], "duo_pro": [bad] });
        assert_eq!(order(&billing, purchases).await, (422, json!({ "message": { "duo_pro": [expected] } })));
    }
    let body = json!({ "add_on_purchases": { "duo_pro": [item(1)] } });
    assert_eq!(
        billing.current("POST", "/namespaces/124/subscription_add_on_purchases", body.clone()).await,
        not_root()
    );
    assert_eq!(
        billing.current("POST", "/namespaces/999/subscription_add_on_purchases", body).await,
        no_namespace()
    );
    assert_eq!(rows(&billing), 0);
}

#[testkit::test]
async fn missing_purchase_is_not_found(database: Database) {
    let billing = billing_api(database).await;
    let unknown = (404, json!({ "message": "404 Subscription Add-on Not Found" }));
    let none = (404, json!({ "message": "404 Subscription Add-on Purchase Not Found" }));
    for path in [PATH, LEGACY] {
        let root = if path == PATH { "/api/v4/internal/gitlab_subscriptions" } else { "/api/v4" };
        let get = async |name: &str| billing.request("GET", &format!("{root}{path}/{name}")).answer().await;
        assert_eq!(get("duo_pro").await, none);
        assert_eq!(get("foo").await, unknown);
    }
    assert_eq!(billing.send("PUT", &format!("{LEGACY}/duo_pro"), item(1)).await, none);
    assert_eq!(billing.send("PUT", &format!("{LEGACY}/foo"), item(1)).await, unknown);
    assert_eq!(billing.send("POST", &format!("{LEGACY}/foo"), item(1)).await, unknown);
    assert_eq!(
        billing.get_current("/namespaces/999/subscription_add_on_purchases/foo").await,
        no_namespace()
    );
}

#[testkit::test]
async fn legacy_endpoint_creates_a_purchase_once(database: Database) {
    let billing = billing_api(database).await;
    let path = format!("{LEGACY}/product_analytics");
    assert_eq!(billing.send("POST", &path, item(5)).await, (201, shown("Product Analytics", 5)));
    assert_eq!(billing.send("POST", &path, item(5)).await, bad_request("Add-on has already been purchased"));
    let dates = json!({ "started_on": "2024-02-01", "expires_on": "2025-01-31" });
    let (status, changed) = billing.send("PUT", &path, dates).await;
    assert_eq!(
        (status, &changed["expires_on"], &changed["quantity"]),
        (200, &json!("2025-01-31"), &json!(5))
    );
    let zero = billing.send("POST", &format!("{LEGACY}/duo_pro"), item(0)).await;
    assert_eq!(zero, error("quantity does not have a valid value"));
    assert_eq!(
        billing.send("PUT", &path, json!({})).await,
        error("started_on is missing, expires_on is missing")
    );
    assert_eq!(rows(&billing), 1);
}

#[testkit::test]
async fn two_names_of_one_add_on_are_exclusive(database: Database) {
    let billing = billing_api(database).await;
    let names = "add_on_purchases[code_suggestions], add_on_purchases[duo_pro] are mutually exclusive";
    for (duo_pro, code_suggestions) in
        [(json!([item(7)]), json!([item(3)])), (json!([]), json!([])), (json!([item(1)]), Value::Null)]
    {
        let purchases = json!({ "duo_pro": duo_pro, "code_suggestions": code_suggestions });
        let (status, body) = order(&billing, purchases).await;
        let errors = body["error"].as_str().unwrap();
        assert!(status == 400 && errors.split(", ").count() >= 2 && errors.ends_with(names), "{body}");
    }
    let purchases =
        json!({ "code_suggestions": [item(3)], "duo_pro": [item(7)], "duo_enterprise": [item(1)] });
    assert_eq!(order(&billing, purchases.clone()).await, error(names));
    let storage = json!({ "additional_purchased_storage_size": 100 });
    let provision = json!({ "provision": { "storage": storage, "add_on_purchases": purchases } });
    let names = "provision[add_on_purchases][code_suggestions], provision[add_on_purchases][duo_pro] \
                 are mutually exclusive";
    assert_eq!(billing.current("POST", "/namespaces/123/provision", provision).await, error(names));
    assert_eq!(rows(&billing), 0);
    assert_eq!(billing.number("SELECT count(*) FROM namespace_limits"), 0);
}

#[testkit::test]
async fn several_items_for_one_add_on_are_one_purchase(database: Database) {
    let billing = billing_api(database).await;
    let answer = order(&billing, json!({ "duo_pro": [item(7), item(3)] })).await;
    assert_eq!(answer, (201, json!([shown("Code Suggestions", 3)])));
    let dates = json!({ "started_on": "2021-01-09", "expires_on": "2021-01-09" });
    let (_, answer) = order(&billing, json!({ "duo_pro": [item(9), dates] })).await;
    let expected = (&json!(9), &json!("2021-01-09"));
    assert_eq!((&answer[0]["quantity"], &answer[0]["expires_on"]), expected);
    assert_eq!((answer.as_array().unwrap().len(), rows(&billing)), (1, 1));
}

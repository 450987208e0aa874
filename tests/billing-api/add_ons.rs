//! Add-on purchases: rows 87 to 91.
use super::support::{bad_request, error, no_namespace, not_root};
use super::{Billing, billing_api};
use serde_json::{Value, json};

const PATH: &str = "/namespaces/123/subscription_add_on_purchases";
const LEGACY: &str = "/namespaces/123/subscription_add_on_purchase";

fn item(quantity: i32) -> Value {
    json!({ "quantity": quantity, "started_on": "2024-01-01", "expires_on": "2024-12-31", "purchase_xid": "C-00123456", "trial": false })
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

/// 87, 88, 90
#[testkit::test]
async fn a_purchase_is_made_changed_and_ended(database: Database) {
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
    // What is not there is ended already.
    assert_eq!(order(&billing, json!({ "duo_enterprise": [end] })).await, (201, json!([])));
    assert_eq!(rows(&billing), 1);
    let both = order(&billing, json!({ "duo_enterprise": [item(2)], "duo_pro": [item(4)] })).await;
    assert_eq!(both, (201, json!([shown("Duo Enterprise", 2), shown("Code Suggestions", 4)])));
    assert_eq!(rows(&billing), 2);
}

/// 89
#[testkit::test]
async fn what_is_wrong_is_said_and_nothing_stored(database: Database) {
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
async fn what_is_not_there_is_not_found(database: Database) {
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

/// 91
#[testkit::test]
async fn older_portals_make_a_purchase_once(database: Database) {
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

//! Purchases of compute minutes.
use super::support::{error, no_namespace, not_root, wrong};
use super::{Billing, billing_api};
use serde_json::{Value, json};

const MINUTES: &str = "/namespaces/123/minutes";
const XID: &str = "46952fe69bebc1a4de10b2b4ff439d0c";

fn pack(xid: &str) -> Value {
    json!({ "number_of_minutes": 10000, "expires_at": "2022-01-01", "purchase_xid": xid })
}

/// A pack with other fields. `null` removes a field.
fn with(further: Value) -> Value {
    let mut pack = pack(XID);
    let (Value::Object(fields), Value::Object(further)) = (&mut pack, further) else { panic!("two objects") };
    for (name, value) in further {
        if value.is_null() {
            fields.remove(&name);
        } else {
            fields.insert(name, value);
        }
    }
    pack
}

fn shown(xid: &str) -> Value {
    json!({ "namespace_id": 123, "expires_at": "2022-01-01", "number_of_minutes": 10000,
        "purchase_xid": xid })
}

async fn buy(billing: &Billing, packs: Value) -> (u16, Value) {
    billing.send("POST", MINUTES, json!({ "packs": packs })).await
}

fn rows(billing: &Billing) -> i64 {
    billing.number("SELECT count(*) FROM ci_minutes_additional_packs")
}

#[testkit::test]
async fn repeated_purchase_is_stored_once(database: Database) {
    let billing = billing_api(database).await;
    for _ in 0..2 {
        assert_eq!(buy(&billing, json!([pack(XID)])).await, (201, json!([shown(XID)])));
    }
    let other = with(json!({ "number_of_minutes": 5, "expires_at": "2023-01-01" }));
    assert_eq!(buy(&billing, json!([other])).await, (201, json!([shown(XID)])));
    assert_eq!(rows(&billing), 1);
    // The same purchase id in another namespace is another purchase.
    let (status, _) =
        billing.current("POST", "/namespaces/321/minutes", json!({ "packs": [pack(XID)] })).await;
    assert_eq!((status, rows(&billing)), (201, 2));
}

#[testkit::test]
async fn each_is_answered_in_its_place(database: Database) {
    let billing = billing_api(database).await;
    let answer = buy(&billing, json!([pack("b"), pack("a"), pack("b")])).await;
    assert_eq!(answer, (201, json!([shown("b"), shown("a"), shown("b")])));
    assert_eq!(rows(&billing), 2);
    // Of several old rows with one id, the oldest is returned.
    billing.sql(
        "INSERT INTO ci_minutes_additional_packs (namespace_id, expires_at, number_of_minutes, \
                 purchase_xid, created_at, updated_at) VALUES (123, '2030-01-01', 7, 'a', '2020-01-01', \
                 '2020-01-01')",
    );
    assert_eq!(buy(&billing, json!([pack("a")])).await, (201, json!([shown("a")])));
}

/// More packs than fit into one statement.
#[testkit::test]
async fn many_packs_are_bought_in_one_request(database: Database) {
    let billing = billing_api(database).await;
    let xids: Vec<String> = (0..1200).map(|n| (n % 1100).to_string()).collect();
    let packs: Vec<Value> = xids.iter().map(|xid| pack(xid)).collect();
    let expected: Vec<Value> = xids.iter().map(|xid| shown(xid)).collect();
    for _ in 0..2 {
        assert_eq!(buy(&billing, json!(packs)).await, (201, json!(expected)));
        assert_eq!(rows(&billing), 1100);
    }
}

/// One invalid pack refuses the whole request. The response names the pack and its field.
#[testkit::test]
async fn invalid_pack_is_refused_and_nothing_is_stored(database: Database) {
    let billing = billing_api(database).await;
    let greater = wrong("number_of_minutes", "must be greater than 0");
    let good = pack("good");
    for (packs, expected) in [
        (json!([good, with(json!({ "number_of_minutes": 0 }))]), greater.clone()),
        (json!([with(json!({ "number_of_minutes": -5 }))]), greater),
        (json!([with(json!({ "purchase_xid": " " }))]), wrong("purchase_xid", "can't be blank")),
        (
            json!([with(json!({ "purchase_xid": "x".repeat(51) }))]),
            wrong("purchase_xid", "is too long (maximum is 50 characters)"),
        ),
        (json!([with(json!({ "expires_at": null }))]), error("packs[0][expires_at] is missing")),
        (json!([with(json!({ "expires_at": "soon" }))]), error("packs[0][expires_at] is invalid")),
        (json!([with(json!({ "expires_at": "" }))]), error("packs[0][expires_at] is invalid")),
        (
            json!([good, with(json!({ "number_of_minutes": "x" }))]),
            error("packs[1][number_of_minutes] is invalid"),
        ),
        (
            json!([with(json!({ "number_of_minutes": 2_147_483_648_i64 }))]),
            error("packs[0][number_of_minutes] is invalid"),
        ),
        (json!([with(json!({ "purchase_xid": {} }))]), error("packs[0][purchase_xid] is invalid")),
        (json!([with(json!({ "purchase_xid": "a\u{0}" }))]), error("packs[0][purchase_xid] is invalid")),
        (
            json!([{}]),
            error(
                "packs[0][expires_at] is missing, packs[0][number_of_minutes] is missing, \
                 packs[0][purchase_xid] is missing",
            ),
        ),
        (json!([good, 7]), error("packs[1] is invalid")),
        (json!([]), error("packs is empty")),
        (good.clone(), error("packs is invalid")),
        (json!({}), error("packs is invalid")),
        (json!("x"), error("packs is invalid")),
        (json!(null), error("packs is missing")),
    ] {
        assert_eq!(buy(&billing, packs.clone()).await, expected, "{packs}");
    }
    assert_eq!(billing.send("POST", MINUTES, json!({})).await, error("packs is missing"));
    assert_eq!(rows(&billing), 0);
    let longest = "ü".repeat(50);
    assert_eq!(buy(&billing, json!([pack(&longest)])).await, (201, json!([shown(&longest)])));
}

#[testkit::test]
async fn dates_can_have_month_names_and_be_in_the_past(database: Database) {
    let billing = billing_api(database).await;
    let words = with(json!({ "expires_at": "1 Jan 2022" }));
    assert_eq!(buy(&billing, json!([words])).await, (201, json!([shown(XID)])));
    let past = json!({ "number_of_minutes": "1", "expires_at": "1999-12-31", "purchase_xid": 7 });
    let (status, answer) = buy(&billing, json!([past])).await;
    let expected = json!([{ "namespace_id": 123, "expires_at": "1999-12-31", "number_of_minutes": 1,
        "purchase_xid": "7" }]);
    assert_eq!((status, answer), (201, expected));
}

#[testkit::test]
async fn only_roots_buy(database: Database) {
    let billing = billing_api(database).await;
    let body = json!({ "packs": [pack(XID)] });
    for id in ["124", "126"] {
        assert_eq!(
            billing.send("POST", &format!("/namespaces/{id}/minutes"), body.clone()).await,
            not_root()
        );
    }
    assert_eq!(billing.send("POST", "/namespaces/999/minutes", body.clone()).await, no_namespace());
    // Errors of the parameters are reported before a missing namespace.
    assert_eq!(billing.send("POST", "/namespaces/999/minutes", json!({})).await, error("packs is missing"));
    assert_eq!(rows(&billing), 0);
}

#[testkit::test]
async fn concurrent_purchases_are_stored_once(database: Database) {
    let billing = billing_api(database).await;
    let answers = futures_util::future::join_all((0..20).map(|_| buy(&billing, json!([pack(XID)])))).await;
    assert!(answers.iter().all(|answer| *answer == (201, json!([shown(XID)]))), "{answers:?}");
    assert_eq!(rows(&billing), 1);
}

#[testkit::test]
async fn forms_name_lists_in_two_ways(database: Database) {
    let billing = billing_api(database).await;
    let one = |prefix: &str, xid: &str| {
        format!(
            "{prefix}[expires_at]=2022-01-01&{prefix}[number_of_minutes]=10000&{prefix}[purchase_xid]={xid}"
        )
    };
    for body in [
        format!("{}&{}", one("packs[]", "a"), one("packs[]", "b")),
        format!("{}&{}", one("packs[1]", "b"), one("packs[0]", "a")),
    ] {
        let answer = billing.send_raw("POST", MINUTES, "application/x-www-form-urlencoded", &body).await;
        assert_eq!(answer.json(), (201, json!([shown("a"), shown("b")])), "{body}");
    }
    let query = one("packs%5B%5D", "a");
    assert_eq!(billing.ask("POST", &format!("{MINUTES}?{query}")).await, (201, json!([shown("a")])));
    assert_eq!(rows(&billing), 2);
}

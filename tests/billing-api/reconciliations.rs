//! Upcoming reconciliations.
use std::fmt::Write;
use std::time::{Duration, Instant};

use super::support::{B, CURRENT, LEGACY, error, forbidden, no_namespace, not_root};
use super::{Billing, billing_api};
use serde_json::{Value, json};
use testkit::fixture::THEN;

const MANY: &str = "/internal/upcoming_reconciliations";

fn example() -> Value {
    json!({ "upcoming_reconciliations": [
        { "namespace_id": 127, "next_reconciliation_date": "13 Jun 2021",
            "display_alert_from": "06 Jun 2021" },
        { "namespace_id": 129, "next_reconciliation_date": "12 Jun 2021",
            "display_alert_from": "05 Jun 2021" },
    ] })
}

fn reconciliation(namespace_id: i64, next: &str, alert: &str) -> Value {
    json!({ "namespace_id": namespace_id, "next_reconciliation_date": next, "display_alert_from": alert })
}

async fn put(billing: &Billing, list: Value) -> (u16, Value) {
    billing.send("PUT", MANY, json!({ "upcoming_reconciliations": list })).await
}

/// The stored rows, by namespace: its id, the date of the reconciliation and the date of the alert.
fn stored(billing: &Billing) -> String {
    let list = if billing.service.database.is_postgresql() {
        "string_agg(row, ';' ORDER BY row)"
    } else {
        "group_concat(row, ';')"
    };
    let rows = "SELECT namespace_id || ' ' || next_reconciliation_date || ' ' || display_alert_from AS row \
        FROM upcoming_reconciliations WHERE organization_id = 1 ORDER BY namespace_id";
    billing.text(&format!("SELECT {list} FROM ({rows}) AS x")).unwrap_or_default()
}

#[testkit::test]
async fn the_example_is_stored_and_changed(database: Database) {
    let billing = billing_api(database).await;
    for _ in 0..2 {
        assert_eq!(billing.send("PUT", MANY, example()).await, (200, json!(200)));
        assert_eq!(stored(&billing), "127 2021-06-13 2021-06-06;129 2021-06-12 2021-06-05");
    }
    assert_eq!(
        put(&billing, json!([reconciliation(127, "2022-01-02", "2022-01-01")])).await,
        (200, json!(200))
    );
    assert_eq!(stored(&billing), "127 2022-01-02 2022-01-01;129 2021-06-12 2021-06-05");
}

#[testkit::test]
async fn last_entry_wins_and_missing_namespaces_are_skipped(database: Database) {
    let billing = billing_api(database).await;
    let twice = json!([
        reconciliation(127, "2021-06-13", "2021-06-06"),
        reconciliation(127, "2021-07-13", "2021-07-06")
    ]);
    assert_eq!(put(&billing, twice).await, (200, json!(200)));
    assert_eq!(stored(&billing), "127 2021-07-13 2021-07-06");
    let lost = json!([
        reconciliation(999, "2021-08-13", "2021-08-06"),
        reconciliation(127, "2021-08-13", "2021-08-06"),
        reconciliation(124, "2021-08-13", "2021-08-06")
    ]);
    let expected = json!({ "message": { "error": { "999": ["Namespace must exist"],
        "124": ["Namespace must be a root namespace"] } } });
    assert_eq!(put(&billing, lost).await, (400, expected));
    assert_eq!(stored(&billing), "127 2021-08-13 2021-08-06");
}

#[testkit::test]
async fn invalid_entry_is_refused_and_nothing_is_stored(database: Database) {
    let billing = billing_api(database).await;
    let good = reconciliation(127, "2021-06-13", "2021-06-06");
    for (list, expected) in [
        (
            json!([{ "namespace_id": 127, "next_reconciliation_date": "2021-06-13" }]),
            "upcoming_reconciliations[0][display_alert_from] is missing",
        ),
        (
            json!([good, { "next_reconciliation_date": "2021-06-13", "display_alert_from": "2021-06-06" }]),
            "upcoming_reconciliations[1][namespace_id] is missing",
        ),
        (
            json!([reconciliation(127, "soon", "2021-06-06")]),
            "upcoming_reconciliations[0][next_reconciliation_date] is invalid",
        ),
        (json!([good, "x"]), "upcoming_reconciliations[1] is invalid"),
        (good.clone(), "upcoming_reconciliations is invalid"),
        (json!(null), "upcoming_reconciliations is missing"),
    ] {
        assert_eq!(put(&billing, list.clone()).await, error(expected), "{list}");
    }
    assert_eq!(billing.send("PUT", MANY, json!({})).await, error("upcoming_reconciliations is missing"));
    assert_eq!(put(&billing, json!([])).await, (200, json!(200)));
    assert_eq!(stored(&billing), "");
}

#[testkit::test]
async fn five_thousand_take_no_five_seconds(database: Database) {
    let billing = billing_api(database).await;
    let mut rows = String::new();
    let ids = if billing.service.database.is_postgresql() { "{}" } else { "[]" };
    for id in 10_000..15_000 {
        let comma = if rows.is_empty() { "" } else { "," };
        write!(rows, "{comma}({id}, 'n{id}', 'n{id}', 'Group', 1, '{ids}', '{THEN}', '{THEN}')").unwrap();
    }
    billing.sql(&format!(
        "INSERT INTO namespaces (id, name, path, type, organization_id, traversal_ids, \
                          created_at, updated_at) VALUES {rows}"
    ));
    let list: Vec<Value> =
        (10_000..15_000).rev().map(|id| reconciliation(id, "13 Jun 2021", "06 Jun 2021")).collect();
    let started = Instant::now();
    assert_eq!(put(&billing, json!(list)).await, (200, json!(200)));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(billing.number("SELECT count(*) FROM upcoming_reconciliations"), 5000);
}

#[testkit::test]
async fn one_is_deleted_once(database: Database) {
    let billing = billing_api(database).await;
    billing.send("PUT", MANY, example()).await;
    let delete = async |query: &str| billing.ask("DELETE", &format!("{MANY}{query}")).await;
    let none = (404, json!({ "message": "404 Not Found" }));
    assert_eq!(delete("?namespace_id=127").await, (204, json!("")));
    assert_eq!(stored(&billing), "129 2021-06-12 2021-06-05");
    for query in ["?namespace_id=127", "?namespace_id=999", "?namespace_id=124"] {
        assert_eq!(delete(query).await, none, "{query}");
    }
    assert_eq!(delete("").await, error("namespace_id is missing"));
    assert_eq!(delete("?namespace_id=x").await, error("namespace_id is invalid"));
    assert_eq!(billing.send("DELETE", MANY, json!({ "namespace_id": 129 })).await.0, 204);
    let path = format!("{CURRENT}/namespaces/129/upcoming_reconciliations");
    assert_eq!(billing.by_portal("DELETE", &path).answer().await, none);
    billing.send("PUT", MANY, example()).await;
    assert_eq!(billing.by_portal("DELETE", &path).answer().await.0, 204);
    assert_eq!(
        billing.by_portal("DELETE", &format!("{CURRENT}/127/upcoming_reconciliations")).answer().await.0,
        204
    );
    assert_eq!(stored(&billing), "");
}

#[testkit::test]
async fn newer_path_accepts_one_entry_in_every_encoding(database: Database) {
    let billing = billing_api(database).await;
    let plain = json!({ "next_reconciliation_date": "12 Jun 2021", "display_alert_from": "05 Jun 2021" });
    let listed = json!({ "upcoming_reconciliations": [{ "next_reconciliation_date": "13 Jun 2021",
        "display_alert_from": "06 Jun 2021" }] });
    let named = json!({ "upcoming_reconciliations": [reconciliation(129, "14 Jun 2021", "07 Jun 2021")] });
    for (path, body, expected) in [
        ("/namespaces/129/upcoming_reconciliations", &plain, "129 2021-06-12 2021-06-05"),
        ("/129/upcoming_reconciliations", &listed, "129 2021-06-13 2021-06-06"),
        ("/namespaces/group-129/upcoming_reconciliations", &named, "129 2021-06-14 2021-06-07"),
        ("/129/upcoming_reconciliations", &plain, "129 2021-06-12 2021-06-05"),
    ] {
        assert_eq!(billing.current("PUT", path, body.clone()).await, (200, json!(200)), "{path}");
        assert_eq!(stored(&billing), expected);
    }
    let other = json!({ "upcoming_reconciliations": [reconciliation(127, "14 Jun 2021", "07 Jun 2021")] });
    let path = "/namespaces/129/upcoming_reconciliations";
    assert_eq!(billing.current("PUT", path, other).await, error("namespace_id is invalid"));
    let two = json!({ "upcoming_reconciliations": example()["upcoming_reconciliations"] });
    assert_eq!(billing.current("PUT", path, two).await, error("upcoming_reconciliations is invalid"));
    let nothing = error("next_reconciliation_date is missing, display_alert_from is missing");
    assert_eq!(billing.current("PUT", path, json!({})).await, nothing);
    assert_eq!(
        billing.current("PUT", "/namespaces/124/upcoming_reconciliations", plain.clone()).await,
        not_root()
    );
    assert_eq!(
        billing.current("PUT", "/namespaces/999/upcoming_reconciliations", plain).await,
        no_namespace()
    );
}

#[testkit::test]
async fn only_administrators_set_reconciliations(database: Database) {
    let billing = billing_api(database).await;
    let request = billing.anonymous("PUT", &format!("{LEGACY}{MANY}")).header("PRIVATE-TOKEN", B);
    assert_eq!(request.json(&example()).answer().await, forbidden());
    assert_eq!(stored(&billing), "");
}

//! Moves of compute minutes between namespaces.
use super::support::{bad_request, no_namespace, not_root};
use super::{Billing, billing_api};
use serde_json::{Value, json};

/// Packs of 10 minutes each.
fn packs(billing: &Billing, namespace_id: i64, xids: &[&str]) {
    for xid in xids {
        billing.sql(&format!(
            "INSERT INTO ci_minutes_additional_packs (namespace_id, expires_at, number_of_minutes, \
             purchase_xid, created_at, updated_at)
             VALUES ({namespace_id}, '2020-01-01', 10, '{xid}', '2020-01-01', '2020-01-01')"
        ));
    }
}

fn rows(billing: &Billing, namespace_id: i64) -> i64 {
    billing.number(&format!(
        "SELECT count(*) FROM ci_minutes_additional_packs WHERE namespace_id = {namespace_id}"
    ))
}

async fn move_all(billing: &Billing, source: &str, target: &str) -> (u16, Value) {
    billing.ask("PATCH", &format!("/namespaces/{source}/minutes/move/{target}")).await
}

fn accepted() -> (u16, Value) {
    (202, json!({ "message": "202 Accepted" }))
}

const SUM: &str = "SELECT CAST(sum(number_of_minutes) AS bigint) FROM ci_minutes_additional_packs";

#[testkit::test]
async fn all_packs_go_also_where_there_are_none(database: Database) {
    let billing = billing_api(database).await;
    packs(&billing, 123, &["a", "b", "c"]);
    let ids = "SELECT CAST(sum(id * id) AS bigint) FROM ci_minutes_additional_packs";
    let before = billing.number(ids);
    for _ in 0..2 {
        assert_eq!(move_all(&billing, "123", "321").await, accepted());
        assert_eq!((rows(&billing, 123), rows(&billing, 321)), (0, 3));
    }
    assert_eq!(move_all(&billing, "beta", "alice-too").await, accepted());
    assert_eq!((rows(&billing, 125), billing.number(ids)), (3, before));
    let path = "/api/v4/internal/gitlab_subscriptions/namespaces/125/minutes/move/acme";
    assert_eq!(billing.by_portal("PATCH", path).answer().await, accepted());
    assert_eq!(rows(&billing, 123), 3);
}

#[testkit::test]
async fn invalid_moves_change_nothing(database: Database) {
    let billing = billing_api(database).await;
    packs(&billing, 123, &["a"]);
    let same = bad_request("Source and target namespaces must be different");
    for (source, target, expected) in [
        ("123", "123", same.clone()),
        ("123", "acme", same),
        ("123", "124", not_root()),
        ("124", "123", not_root()),
        ("123", "999", no_namespace()),
        ("999", "321", no_namespace()),
    ] {
        assert_eq!(move_all(&billing, source, target).await, expected, "{source} {target}");
    }
    assert_eq!(rows(&billing, 123), 1);
}

#[testkit::test]
async fn a_move_never_merges(database: Database) {
    let billing = billing_api(database).await;
    packs(&billing, 123, &["x"]);
    packs(&billing, 321, &["x"]);
    assert_eq!(move_all(&billing, "123", "321").await, accepted());
    assert_eq!((rows(&billing, 321), billing.number(SUM)), (2, 20));
}

#[testkit::test]
async fn concurrent_moves_lose_no_pack(database: Database) {
    let billing = billing_api(database).await;
    let xids: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    packs(&billing, 123, &xids.iter().map(String::as_str).collect::<Vec<_>>());
    let moves = (0..40).map(|n| {
        if n % 2 == 0 { move_all(&billing, "123", "321") } else { move_all(&billing, "321", "123") }
    });
    let answers = futures_util::future::join_all(moves).await;
    assert!(answers.iter().all(|answer| *answer == accepted()), "{answers:?}");
    assert_eq!((rows(&billing, 123) + rows(&billing, 321), billing.number(SUM)), (50, 500));
}

#[testkit::test]
async fn a_pack_that_is_bought_meanwhile_is_somewhere(database: Database) {
    let billing = billing_api(database).await;
    let pack =
        json!({ "packs": [{ "number_of_minutes": 10, "expires_at": "2022-01-01", "purchase_xid": "new" }] });
    let (moved, bought) = futures_util::future::join(
        move_all(&billing, "123", "321"),
        billing.send("POST", "/namespaces/123/minutes", pack),
    )
    .await;
    assert_eq!((moved, bought.0), (accepted(), 201));
    assert_eq!(rows(&billing, 123) + rows(&billing, 321), 1);
}

//! A GitLab whose tables are split into the databases `main` and `ci`.
use std::time::{Duration, Instant};

use super::support::{billing_api_with, number, plant};
use super::{Billing, billing_api};
use serde_json::{Value, json};
use testkit::{Database, Release, fixture};

const PACKS: &str = "SELECT count(*) FROM ci_minutes_additional_packs";

fn main_database() -> Database {
    let database = Database::release(Release::V19_5);
    database.lock_writes(&["ci_minutes_additional_packs"]);
    database
}

fn ci_database() -> Database {
    let database = Database::release(Release::V19_5);
    plant(&database);
    database.lock_writes(&["gitlab_subscriptions", "namespace_limits", "namespaces"]);
    database
}

/// Buys a pack. The check of `ci` runs beside that of `main`.
async fn buy(billing: &Billing) -> (u16, Value) {
    let pack = json!({ "number_of_minutes": 10, "expires_at": "2022-01-01", "purchase_xid": "a" });
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let response = billing.send("POST", "/namespaces/123/minutes", json!({ "packs": [pack] })).await;
        if response.0 != 503 || Instant::now() > end {
            return response;
        }
    }
}

#[actix_web::test]
async fn packs_are_in_their_own_database() {
    let ci = ci_database();
    let billing = billing_api_with(main_database(), &["--database-ci-url", ci.url()]).await;
    let stored = json!([{
        "namespace_id": 123, "expires_at": "2022-01-01", "number_of_minutes": 10, "purchase_xid": "a"
    }]);
    for _ in 0..2 {
        assert_eq!(buy(&billing).await, (201, stored.clone()));
        assert_eq!((number(&ci, PACKS), billing.number(PACKS)), (1, 0));
    }
    let moved = billing.ask("PATCH", "/namespaces/123/minutes/move/321").await;
    assert_eq!(moved, (202, json!({ "message": "202 Accepted" })));
    assert_eq!(number(&ci, &format!("{PACKS} WHERE namespace_id = 321")), 1);
}

#[actix_web::test]
async fn without_their_url_packs_are_not_supported() {
    let billing = billing_api(main_database()).await;
    assert_eq!(buy(&billing).await, (501, json!({ "message": "501 Not Implemented" })));
}

/// The main database is lost after `ci` has stored a pack: the purchase fails, and its repetition adds
/// nothing.
#[actix_web::test]
async fn a_pack_is_stored_once_if_the_main_database_fails_in_between() {
    let ci = ci_database();
    let billing = billing_api_with(main_database(), &["--database-ci-url", ci.url()]).await;
    assert_eq!(buy(&billing).await.0, 201);
    let pack = json!({ "number_of_minutes": 20, "expires_at": "2022-01-01", "purchase_xid": "b" });
    let order = || billing.send("POST", "/namespaces/123/minutes", json!({ "packs": [pack] }));
    let mut lock = ci.open();
    fixture::run(&mut lock, "BEGIN; LOCK TABLE ci_minutes_additional_packs IN SHARE MODE;");
    let fail_main = async {
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = \
                       CAST('ci_minutes_additional_packs' AS regclass)";
        while number(&ci, waiting) == 0 {
            tokio::task::yield_now().await;
        }
        billing.service.database.allow_connections(false);
        fixture::run(&mut lock, "COMMIT;");
    };
    let (first, ()) = futures_util::join!(order(), fail_main);
    assert_eq!(first, (503, json!({ "message": "503 Service Unavailable" })));
    assert_eq!(number(&ci, PACKS), 2);
    billing.service.database.allow_connections(true);
    let end = Instant::now() + Duration::from_secs(10);
    let repeated = loop {
        let response = order().await;
        if response.0 != 503 || Instant::now() > end {
            break response;
        }
    };
    assert_eq!((repeated.0, &repeated.1[0]["number_of_minutes"]), (201, &json!(20)));
    assert_eq!(number(&ci, &format!("{PACKS} WHERE purchase_xid = 'b'")), 1);
    assert_eq!(number(&ci, "SELECT sum(number_of_minutes) FROM ci_minutes_additional_packs"), 30);
}

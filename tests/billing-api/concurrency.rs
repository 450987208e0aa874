//! Concurrent requests that wait for locks, and an unavailable database.
use super::{Billing, billing_api, support};
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use std::rc::Rc;
use std::time::Instant;

const MINUTES: &str = "/namespaces/123/minutes";

/// Repeats the request after a conflict, as a client does. A stalled machine may cause one.
async fn until_taken(billing: &Billing, method: &str, path: &str, body: &Value) -> (u16, Value) {
    loop {
        let answer = billing.send(method, path, body.clone()).await;
        if answer.0 != 409 {
            return answer;
        }
    }
}

/// Sends requests while another connection holds the lock of namespace 123 and runs `meanwhile`.
async fn beside(
    billing: Billing,
    count: usize,
    method: &'static str,
    path: &'static str,
    body: Value,
    meanwhile: &str,
) -> (Rc<Billing>, Vec<(u16, Value)>) {
    let mut other = billing.service.database.open();
    let is_postgresql = billing.service.database.is_postgresql();
    let lock = if is_postgresql {
        "BEGIN; SELECT 1 FROM namespaces WHERE id = 123 FOR UPDATE"
    } else {
        "BEGIN IMMEDIATE"
    };
    other.batch_execute(lock).unwrap();
    let billing = Rc::new(billing);
    let asking = Rc::clone(&billing);
    let requests = actix_web::rt::spawn(async move {
        futures_util::future::join_all((0..count).map(|_| until_taken(&asking, method, path, &body))).await
    });
    // Wait until a request waits for the lock, or all requests have ended.
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND \
                   wait_event_type = 'Lock'";
    while is_postgresql && !requests.is_finished() && billing.number(waiting) == 0 {
        tokio::task::yield_now().await;
    }
    other.batch_execute(meanwhile).unwrap();
    other.batch_execute("COMMIT").unwrap();
    (billing, requests.await.unwrap())
}

/// No unique index prevents a double purchase, so a request that has waited for the lock checks again.
#[testkit::test]
async fn a_purchase_sees_the_one_that_it_waited_for(database: Database) {
    let billing = billing_api(database).await;
    let body =
        json!({ "packs": [{ "number_of_minutes": 1, "expires_at": "2022-01-01", "purchase_xid": "x" }] });
    let insert = "INSERT INTO ci_minutes_additional_packs (namespace_id, expires_at, number_of_minutes, \
                  purchase_xid, created_at, updated_at) VALUES (123, '2023-01-01', 7, 'x', '2020-01-01', \
                  '2020-01-01')";
    let (billing, answers) = beside(billing, 5, "POST", MINUTES, body, insert).await;
    let shown = json!([{ "namespace_id": 123, "expires_at": "2023-01-01", "number_of_minutes": 7,
        "purchase_xid": "x" }]);
    assert_eq!(answers, vec![(201, shown); 5]);
    assert_eq!(billing.number("SELECT count(*) FROM ci_minutes_additional_packs"), 1);
}

/// A move waits for a running purchase of its source and moves it too.
#[testkit::test]
async fn move_includes_the_purchase_that_it_waited_for(database: Database) {
    let billing = billing_api(database).await;
    let insert = "INSERT INTO ci_minutes_additional_packs (namespace_id, expires_at, number_of_minutes, \
                  purchase_xid, created_at, updated_at) VALUES (123, '2023-01-01', 7, 'x', '2020-01-01', \
                  '2020-01-01')";
    let (billing, answers) =
        beside(billing, 1, "PATCH", "/namespaces/123/minutes/move/321", json!({}), insert).await;
    assert_eq!(answers, [(202, json!({ "message": "202 Accepted" }))]);
    let moved = "SELECT count(*) FROM ci_minutes_additional_packs WHERE namespace_id = 321 AND updated_at > \
                 '2021-01-10' AND created_at < '2021-01-10'";
    assert_eq!(billing.number(moved), 1);
}

/// Rows are read again after the wait, so neither change is lost.
#[testkit::test]
async fn two_changes_of_one_subscription_both_count(database: Database) {
    let billing = billing_api(database).await;
    billing.grown(123);
    let path = "/namespaces/123/gitlab_subscription";
    let other = "UPDATE gitlab_subscriptions SET seats = 100 WHERE namespace_id = 123";
    let (billing, answers) = beside(billing, 1, "PUT", path, json!({ "max_seats_used": 90 }), other).await;
    assert_eq!(
        (answers[0].0, &answers[0].1["usage"]),
        (
            200,
            &json!({ "seats_in_subscription": 100, "seats_in_use": 82, "max_seats_used": 90,
                "seats_owed": 0 })
        )
    );
    assert_eq!(
        billing.number(
            "SELECT count(*) FROM gitlab_subscription_histories WHERE seats = 100 AND max_seats_used = 82"
        ),
        1
    );
}

#[testkit::test]
async fn lock_timeout_is_a_conflict(database: Database) {
    let billing = billing_api(database).await;
    let mut other = billing.service.database.open();
    let lock = if billing.service.database.is_postgresql() {
        "BEGIN; SELECT 1 FROM namespaces WHERE id = 123 FOR UPDATE"
    } else {
        "BEGIN IMMEDIATE"
    };
    other.batch_execute(lock).unwrap();
    let body =
        json!({ "packs": [{ "number_of_minutes": 1, "expires_at": "2022-01-01", "purchase_xid": "x" }] });
    // The time of the token's last use would be written too.
    let path = format!("{}{MINUTES}", support::LEGACY);
    let started = Instant::now();
    let answer = billing.by_portal("POST", &path).json(&body).answer().await;
    assert_eq!(answer, (409, json!({ "message": "409 Conflict" })));
    assert!((4..60).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    other.batch_execute("ROLLBACK").unwrap();
    assert_eq!(billing.by_portal("POST", &path).json(&body).answer().await.0, 201);
}

#[testkit::test]
async fn a_database_without_its_tables_is_an_error_of_ours(database: Database) {
    let billing = billing_api(database).await;
    billing.sql("DROP TABLE ci_minutes_additional_packs");
    let body =
        json!({ "packs": [{ "number_of_minutes": 1, "expires_at": "2022-01-01", "purchase_xid": "x" }] });
    let answer = billing.send("POST", MINUTES, body).await;
    assert_eq!(answer, (500, json!({ "message": "500 Internal Server Error" })));
    assert_eq!(billing.ask("GET", "/namespaces/123/gitlab_subscription").await.0, 200);
}

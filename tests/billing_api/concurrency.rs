//! Locks that are waited for, and a database that is gone.
use super::{billing_api, support};
use diesel::connection::SimpleConnection;
use serde_json::json;
use std::time::Instant;

const MINUTES: &str = "/namespaces/123/minutes";

testkit::databases! {
    async fn whoever_waits_too_long_hears_of_a_conflict(database: Database) {
        let billing = billing_api(database).await;
        let mut other = billing.service.database.open();
        let lock = if billing.service.database.is_postgresql() {
            "BEGIN; SELECT 1 FROM namespaces WHERE id = 123 FOR UPDATE"
        } else {
            "BEGIN IMMEDIATE"
        };
        other.batch_execute(lock).unwrap();
        let body = json!({ "packs": [{ "number_of_minutes": 1, "expires_at": "2022-01-01", "purchase_xid": "x" }] });
        // The token's last use would be written, too.
        let path = format!("{}{MINUTES}", support::LEGACY);
        let started = Instant::now();
        let answer = billing.by_portal("POST", &path).json(&body).answer().await;
        assert_eq!(answer, (409, json!({ "message": "409 Conflict" })));
        assert!((4..60).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
        other.batch_execute("ROLLBACK").unwrap();
        assert_eq!(billing.by_portal("POST", &path).json(&body).answer().await.0, 201);
    }

    async fn a_database_without_its_tables_is_an_error_of_ours(database: Database) {
        let billing = billing_api(database).await;
        billing.sql("DROP TABLE ci_minutes_additional_packs");
        let body = json!({ "packs": [{ "number_of_minutes": 1, "expires_at": "2022-01-01", "purchase_xid": "x" }] });
        let answer = billing.send("POST", MINUTES, body).await;
        assert_eq!(answer, (500, json!({ "message": "500 Internal Server Error" })));
        assert_eq!(billing.ask("GET", "/namespaces/123/gitlab_subscription").await.0, 200);
    }
}

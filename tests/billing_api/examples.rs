//! The examples of the published page, as they are printed: 70 to 76.
use super::billing_api;
use super::support::{A, shown};
use serde_json::json;
use testkit::fixture;

const S: &str = "/api/v4/namespaces/1234/gitlab_subscription";

testkit::databases! {
    async fn a_subscription_begins_grows_and_is_read(database: Database) {
        let billing = billing_api(database).await;
        let conn = &mut billing.service.database.open();
        fixture::group(conn, 1234, "a-namespace", None);
        fixture::member(conn, 1, storage::memberships::Source::Group(1234), domain::Role::OWNER);
        let ask = |method: &str, path: &str| billing.anonymous(method, path).header("TOKEN", A);
        let bought = ask("POST", &format!("{S}?start_date=2020-07-15&plan=premium&seats=10"));
        let plan = json!({ "code": "premium" });
        assert_eq!(bought.answer().await, (201, shown(plan.clone(), [10, 1, 0, 0], [Some("2020-07-15"), None, None])));
        billing.sql("DELETE FROM gitlab_subscriptions");
        billing.grown(1234);
        let dates = [Some("2020-07-15"), Some("2021-07-15"), None];
        assert_eq!(ask("GET", S).answer().await, (200, shown(plan.clone(), [80, 82, 82, 2], dates)));
        let put = ask("PUT", &format!("{S}?max_seats_used=0"));
        assert_eq!(put.answer().await, (200, shown(plan, [80, 82, 0, 2], dates)));
    }

    async fn minutes_are_bought_and_moved(database: Database) {
        let billing = billing_api(database).await;
        let packs = r#"{"packs":[{"number_of_minutes":10000,"expires_at":"2022-01-01","purchase_xid":"46952fe69bebc1a4de10b2b4ff439d0c"}]}"#;
        let bought = billing.send_raw("POST", "/namespaces/123/minutes", "application/json", packs).await;
        let expected = json!([{ "namespace_id": 123, "expires_at": "2022-01-01", "number_of_minutes": 10000, "purchase_xid": "46952fe69bebc1a4de10b2b4ff439d0c" }]);
        assert_eq!(bought.json(), (201, expected));
        let moved = billing.ask("PATCH", "/namespaces/123/minutes/move/321").await;
        assert_eq!(moved, (202, json!({ "message": "202 Accepted" })));
    }

    async fn reconciliations_are_set_and_deleted(database: Database) {
        let billing = billing_api(database).await;
        fixture::group(&mut billing.service.database.open(), 22, "namespace-22", None);
        let body = r#"{"upcoming_reconciliations": [{"namespace_id": 127, "next_reconciliation_date": "13 Jun 2021", "display_alert_from": "06 Jun 2021"}, {"namespace_id": 129, "next_reconciliation_date": "12 Jun 2021", "display_alert_from": "05 Jun 2021"}]}"#;
        let path = "/internal/upcoming_reconciliations";
        assert_eq!(billing.send_raw("PUT", path, "application/json", body).await.json(), (200, json!(200)));
        billing.sql("UPDATE upcoming_reconciliations SET namespace_id = 22 WHERE namespace_id = 127");
        assert_eq!(billing.ask("DELETE", &format!("{path}?namespace_id=22")).await, (204, json!("")));
        assert_eq!(billing.number("SELECT count(*) FROM upcoming_reconciliations"), 1);
    }
}

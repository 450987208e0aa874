//! Examples 70 to 76 of GitLab's documentation, exactly as printed: method, path, headers and body.
use super::support::{A, shown};
use super::{Billing, billing_api};
use database::memberships::Source;
use domain::Role;
use serde_json::{Value, json};
use testkit::{Answer, fixture};

const S: &str = "/api/v4/namespaces/1234/gitlab_subscription";
const RECONCILIATIONS: &str = "/api/v4/internal/upcoming_reconciliations";
const PACKS: &str = concat!(
    r#"{"packs":[{"number_of_minutes":10000,"expires_at":"2022-01-01","#,
    r#""purchase_xid":"46952fe69bebc1a4de10b2b4ff439d0c"}]}"#,
);

/// Group 1234, which has one billable member.
async fn with_group(database: testkit::Database) -> Billing {
    let billing = billing_api(database).await;
    let conn = &mut billing.service.database.open();
    fixture::group(conn, 1234, "a-namespace", None);
    fixture::member(conn, 1, Source::Group(1234), Role::OWNER);
    billing
}

/// The subscription of the later examples, with its maximum of used seats.
fn grown(most_used: i32) -> Value {
    let dates = [Some("2020-07-15"), Some("2021-07-15"), None];
    shown(json!({ "code": "premium" }), [80, 82, most_used, 2], dates)
}

async fn by_token(billing: &Billing, method: &str, path: &str) -> (u16, Value) {
    billing.anonymous(method, path).header("TOKEN", A).answer().await
}

async fn with_json(billing: &Billing, method: &str, path: &str, body: &str) -> Answer {
    billing.request(method, path).body("application/json", body.to_owned()).send().await
}

fn accepted() -> (u16, Value) {
    (202, json!({ "message": "202 Accepted" }))
}

#[testkit::test]
async fn example_70(database: Database) {
    let billing = with_group(database).await;
    let bought = shown(json!({ "code": "premium" }), [10, 1, 0, 0], [Some("2020-07-15"), None, None]);
    let path = format!("{S}?start_date=2020-07-15&plan=premium&seats=10");
    assert_eq!(by_token(&billing, "POST", &path).await, (201, bought));
}

#[testkit::test]
async fn example_71(database: Database) {
    let billing = with_group(database).await;
    billing.grown(1234);
    assert_eq!(by_token(&billing, "PUT", &format!("{S}?max_seats_used=0")).await, (200, grown(0)));
}

/// Also example 72O, which an older page prints without `exclude_guests`.
#[testkit::test]
async fn example_72(database: Database) {
    let billing = with_group(database).await;
    billing.grown(1234);
    assert_eq!(by_token(&billing, "GET", S).await, (200, grown(82)));
}

#[testkit::test]
async fn example_73(database: Database) {
    let billing = billing_api(database).await;
    let expected = json!([{ "namespace_id": 123, "expires_at": "2022-01-01", "number_of_minutes": 10000,
        "purchase_xid": "46952fe69bebc1a4de10b2b4ff439d0c" }]);
    let answer = with_json(&billing, "POST", "/api/v4/namespaces/123/minutes", PACKS).await;
    assert_eq!(answer.json(), (201, expected));
}

/// Examples with packs and without.
#[testkit::test]
async fn example_74(database: Database) {
    let billing = billing_api(database).await;
    assert_eq!(with_json(&billing, "POST", "/api/v4/namespaces/123/minutes", PACKS).await.status, 201);
    for _ in 0..2 {
        let moved = billing.request("PATCH", "/api/v4/namespaces/123/minutes/move/321").answer().await;
        assert_eq!(moved, accepted());
        assert_eq!(
            billing.number("SELECT count(*) FROM ci_minutes_additional_packs WHERE namespace_id = 321"),
            1
        );
    }
}

#[testkit::test]
async fn example_75(database: Database) {
    let billing = billing_api(database).await;
    let body = concat!(
        r#"{"upcoming_reconciliations": [{"namespace_id": 127,"#,
        r#" "next_reconciliation_date": "13 Jun 2021", "display_alert_from": "06 Jun 2021"},"#,
        r#" {"namespace_id": 129, "next_reconciliation_date": "12 Jun 2021","#,
        r#" "display_alert_from": "05 Jun 2021"}]}"#,
    );
    assert_eq!(with_json(&billing, "PUT", RECONCILIATIONS, body).await.json(), (200, json!(200)));
    let stored = "SELECT count(*) FROM upcoming_reconciliations WHERE (namespace_id = 127 AND \
                  next_reconciliation_date = '2021-06-13' AND display_alert_from = '2021-06-06') OR \
                  (namespace_id = 129 AND next_reconciliation_date = '2021-06-12' AND display_alert_from = \
                  '2021-06-05')";
    assert_eq!(billing.number(stored), 2);
}

#[testkit::test]
async fn example_76(database: Database) {
    let billing = billing_api(database).await;
    fixture::group(&mut billing.service.database.open(), 22, "namespace-22", None);
    billing.sql(
        "INSERT INTO upcoming_reconciliations (namespace_id, next_reconciliation_date, \
                 display_alert_from, organization_id, created_at, updated_at) VALUES (22, '2021-06-14', \
                 '2021-06-07', 1, '2020-01-01', '2020-01-01')",
    );
    let deleted = billing.request("DELETE", &format!("{RECONCILIATIONS}?namespace_id=22")).send().await;
    assert_eq!(deleted.json(), (204, json!("")));
    assert_eq!(billing.number("SELECT count(*) FROM upcoming_reconciliations"), 0);
}

//! Who takes a seat.
use super::support::today;
use super::{Billing, billing_api};
use database::memberships::Source;
use domain::Role;
use serde_json::json;
use testkit::fixture::{self, THEN};

async fn in_use(billing: &Billing, namespace_id: i64) -> serde_json::Value {
    let (_, body) = billing.ask("GET", &format!("/namespaces/{namespace_id}/gitlab_subscription")).await;
    body["usage"]["seats_in_use"].clone()
}

#[testkit::test]
async fn members_are_counted_once_wherever_they_are(database: Database) {
    let billing = billing_api(database).await;
    let conn = &mut billing.service.database.open();
    fixture::project(conn, 60, "acme/one", 123, 0);
    fixture::project(conn, 61, "acme/sub/two", 124, 0);
    for (user_id, source) in
        [(3, Source::Group(124)), (2, Source::Project(60)), (2, Source::Project(61)), (4, Source::Group(124))]
    {
        fixture::member(conn, user_id, source, Role::GUEST);
    }
    assert_eq!(in_use(&billing, 123).await, 3);
    // Through an invited group, at its own role; and through the group above that one.
    fixture::group(conn, 70, "invited", None);
    fixture::group(conn, 71, "invited/sub", Some(70));
    fixture::member(conn, 5, Source::Group(71), Role::DEVELOPER);
    fixture::member(conn, 6, Source::Group(70), Role::DEVELOPER);
    billing.sql(&format!("INSERT INTO group_group_links (shared_group_id, shared_with_group_id, group_access, created_at, updated_at) VALUES (124, 71, 10, '{THEN}', '{THEN}')"));
    assert_eq!(in_use(&billing, 123).await, 5);
    // Where guests are free, only the owner counts.
    let put = json!({ "gitlab_subscription_attributes": { "plan_code": "ultimate" } });
    let (_, told) = billing.current("PUT", "/namespaces/123", put).await;
    assert_eq!(
        (&told["billable_members_count"], &told["members_count_with_descendants"], &told["projects_count"]),
        (&json!(1), &json!(3), &json!(2))
    );
    assert_eq!(told["seats_in_use"], 1);
}

#[testkit::test]
async fn whoever_has_gone_takes_no_seat(database: Database) {
    let billing = billing_api(database).await;
    let conn = &mut billing.service.database.open();
    for user_id in 2..=8 {
        fixture::member(conn, user_id, Source::Group(321), Role::DEVELOPER);
    }
    // 8 is blocked already.
    assert_eq!(in_use(&billing, 321).await, 6);
    billing.sql(
        "UPDATE users SET user_type = 6 WHERE id = 7; UPDATE users SET state = 'deactivated' WHERE id = 6",
    );
    billing.sql("UPDATE members SET expires_at = '2021-01-10' WHERE source_id = 321 AND user_id = 5; UPDATE members SET access_level = 5 WHERE source_id = 321 AND user_id = 4");
    billing.sql("UPDATE members SET requested_at = '2021-01-01' WHERE source_id = 321 AND user_id = 3");
    assert_eq!(in_use(&billing, 321).await, 1);
    billing.sql("UPDATE members SET expires_at = '2021-01-10' WHERE source_id = 321 AND user_id = 2");
    assert_eq!(in_use(&billing, 321).await, 0);
    // A person always takes a seat of their own namespace, even without an account that counts.
    billing.sql("UPDATE users SET state = 'blocked' WHERE id = 2");
    assert_eq!(in_use(&billing, 125).await, 1);
}

#[testkit::test]
async fn seats_are_counted_again_after_a_day(database: Database) {
    let billing = billing_api(database).await;
    billing.subscription(123, "premium", "1, 0, 0", "'2020-07-15', NULL");
    let conn = &mut billing.service.database.open();
    fixture::member(conn, 2, Source::Group(123), Role::DEVELOPER);
    let now = today();
    assert_eq!(database::billing::seats::refresh_stale(conn, now).unwrap(), 1);
    let usage =
        json!({ "seats_in_subscription": 1, "seats_in_use": 2, "max_seats_used": 2, "seats_owed": 1 });
    assert_eq!(billing.ask("GET", "/namespaces/123/gitlab_subscription").await.1["usage"], usage);
    assert_eq!(database::billing::seats::refresh_stale(conn, now + chrono::TimeDelta::hours(23)).unwrap(), 0);
    assert_eq!(database::billing::seats::refresh_stale(conn, now + chrono::TimeDelta::hours(24)).unwrap(), 1);
    assert_eq!(billing.number("SELECT count(*) FROM gitlab_subscription_histories"), 1);
}

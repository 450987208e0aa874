//! Billable members.
use super::support::today;
use super::{Billing, billing_api};
use database::memberships::Source;
use domain::Role;
use serde_json::json;
use testkit::fixture::{self, THEN};

/// Invites a group into another one.
fn invite(billing: &Billing, into: i64, group: i64, access: i64) {
    billing.sql(&format!(
        "INSERT INTO group_group_links
           (shared_group_id, shared_with_group_id, group_access, created_at, updated_at)
         VALUES ({into}, {group}, {access}, '{THEN}', '{THEN}')"
    ));
}

async fn in_use(billing: &Billing, namespace_id: i64) -> serde_json::Value {
    let (_, body) = billing.ask("GET", &format!("/namespaces/{namespace_id}/gitlab_subscription")).await;
    body["usage"]["seats_in_use"].clone()
}

#[testkit::test]
async fn member_is_counted_once(database: Database) {
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
    // Members of an invited group count with their own role, and so do members of its parent group.
    fixture::group(conn, 70, "invited", None);
    fixture::group(conn, 71, "invited/sub", Some(70));
    fixture::member(conn, 5, Source::Group(71), Role::DEVELOPER);
    fixture::member(conn, 6, Source::Group(70), Role::DEVELOPER);
    invite(&billing, 124, 71, 10);
    assert_eq!(in_use(&billing, 123).await, 5);
    // On plans where guests are free, only the owner counts.
    let put = json!({ "gitlab_subscription_attributes": { "plan_code": "ultimate" } });
    let (_, told) = billing.current("PUT", "/namespaces/123", put).await;
    assert_eq!(
        (&told["billable_members_count"], &told["members_count_with_descendants"], &told["projects_count"]),
        (&json!(1), &json!(3), &json!(2))
    );
    assert_eq!(told["seats_in_use"], 1);
}

#[testkit::test]
async fn former_member_takes_no_seat(database: Database) {
    let billing = billing_api(database).await;
    let conn = &mut billing.service.database.open();
    for user_id in 2..=8 {
        fixture::member(conn, user_id, Source::Group(321), Role::DEVELOPER);
    }
    // User 8 is blocked already.
    assert_eq!(in_use(&billing, 321).await, 6);
    billing.sql(
        "UPDATE users SET user_type = 6 WHERE id = 7; UPDATE users SET state = 'deactivated' WHERE id = 6",
    );
    billing.sql("UPDATE members SET expires_at = '2021-01-10' WHERE source_id = 321 AND user_id = 5");
    billing.sql("UPDATE members SET access_level = 5 WHERE source_id = 321 AND user_id = 4");
    billing.sql("UPDATE members SET requested_at = '2021-01-01' WHERE source_id = 321 AND user_id = 3");
    assert_eq!(in_use(&billing, 321).await, 1);
    billing.sql("UPDATE members SET expires_at = '2021-01-10' WHERE source_id = 321 AND user_id = 2");
    assert_eq!(in_use(&billing, 321).await, 0);
    // A personal namespace always has one seat in use, even if the account of its user does not count.
    billing.sql("UPDATE users SET state = 'blocked' WHERE id = 2");
    assert_eq!(in_use(&billing, 125).await, 1);
}

#[testkit::test]
async fn seats_are_counted_daily(database: Database) {
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

/// Creates a custom role, and gives it to a member. In a GitLab database the role has the column that
/// GitLab's model fills by its permissions.
fn custom_role(billing: &Billing, id: i64, permissions: &str, member: &str) {
    billing.sql(&format!(
        "INSERT INTO member_roles (id, name, base_access_level, permissions, created_at, updated_at)
         VALUES ({id}, 'role {id}', 10, '{permissions}', '{THEN}', '{THEN}');
         UPDATE members SET member_role_id = {id} WHERE {member}"
    ));
    if billing.service.database.is_gitlab() {
        let elevates = permissions.contains(r#""admin_vulnerability": true"#);
        billing.sql(&format!("UPDATE member_roles SET occupies_seat = {elevates} WHERE id = {id}"));
    }
}

/// The seats in use of a subscription that is created with this plan.
async fn created_with(billing: &Billing, plan: &str) -> (serde_json::Value, serde_json::Value) {
    billing.sql("DELETE FROM gitlab_subscriptions");
    let body = json!({ "start_date": "2021-01-10", "plan_code": plan, "seats": 1 });
    let (status, body) = billing.send("POST", "/namespaces/127/gitlab_subscription", body).await;
    assert_eq!(status, 201, "{body}");
    (body["plan"]["exclude_guests"].clone(), body["usage"]["seats_in_use"].clone())
}

fn with_guests(billing: &Billing) {
    let conn = &mut billing.service.database.open();
    for (user_id, role) in [(4, Role::DEVELOPER), (5, Role::GUEST), (6, Role::GUEST)] {
        fixture::member(conn, user_id, Source::Group(127), role);
    }
}

#[testkit::test]
async fn guests_are_free_on_top_plans_only(database: Database) {
    let billing = billing_api(database).await;
    with_guests(&billing);
    for (plan, exclude_guests, seats) in [
        ("premium", false, 3),
        ("gold", true, 1),
        ("ultimate", true, 1),
        ("ultimate_trial", true, 1),
        ("opensource", true, 1),
        ("premium_trial", false, 3),
        ("ultimate_trial_paid_customer", false, 3),
    ] {
        assert_eq!(created_with(&billing, plan).await, (json!(exclude_guests), json!(seats)), "{plan}");
    }
}

#[testkit::test]
async fn guest_with_an_elevating_role_takes_a_seat(database: Database) {
    let billing = billing_api(database).await;
    with_guests(&billing);
    let both = r#"{"read_vulnerability": true, "admin_vulnerability": true}"#;
    for (id, permissions, seats) in [
        (71, both, 2),
        (72, r#"{"read_code": true}"#, 1),
        (73, r#"{"read_code": true, "admin_vulnerability": false}"#, 1),
        (74, r#"{"read_code": true, "admin_vulnerability": true}"#, 2),
        (75, "{}", 1),
        (76, "[]", 1),
    ] {
        custom_role(&billing, id, permissions, "source_id = 127 AND user_id = 5");
        assert_eq!(created_with(&billing, "ultimate").await.1, seats, "{permissions}");
        let (_, shown) = billing.get_current("/namespaces/127").await;
        assert_eq!(shown["billable_members_count"], seats, "{permissions}");
        assert_eq!(created_with(&billing, "premium").await.1, 3, "{permissions}");
    }
    // Minimal access takes no seat, even with a custom role.
    custom_role(&billing, 77, both, "source_id = 127 AND user_id = 5");
    billing.sql("UPDATE members SET access_level = 5 WHERE source_id = 127 AND user_id = 5");
    assert_eq!(created_with(&billing, "ultimate").await.1, 1);
}

/// Where the column `occupies_seat` exists (since GitLab 16.10), only it decides.
#[testkit::test]
async fn occupies_seat_decides_where_it_exists(database: Database) {
    let billing = billing_api(database).await;
    with_guests(&billing);
    custom_role(&billing, 71, r#"{"admin_vulnerability": true}"#, "source_id = 127 AND user_id = 5");
    if billing.service.database.is_gitlab() {
        billing.sql("UPDATE member_roles SET occupies_seat = false");
    } else {
        billing.sql("ALTER TABLE member_roles ADD COLUMN occupies_seat boolean NOT NULL DEFAULT false");
    }
    assert_eq!(created_with(&billing, "ultimate").await.1, 1);
    billing.sql("UPDATE member_roles SET occupies_seat = true");
    assert_eq!(created_with(&billing, "ultimate").await.1, 2);
}

#[testkit::test]
async fn role_counts_in_projects_and_through_invitations(database: Database) {
    let billing = billing_api(database).await;
    let conn = &mut billing.service.database.open();
    fixture::project(conn, 60, "group-127/one", 127, 0);
    fixture::member(conn, 4, Source::Project(60), Role::GUEST);
    fixture::group(conn, 70, "invited", None);
    fixture::member(conn, 5, Source::Group(70), Role::GUEST);
    invite(&billing, 127, 70, 30);
    assert_eq!(created_with(&billing, "ultimate").await.1, 0);
    let elevating = r#"{"admin_vulnerability": true}"#;
    custom_role(&billing, 71, elevating, "source_type = 'Project' AND source_id = 60 AND user_id = 4");
    assert_eq!(created_with(&billing, "ultimate").await.1, 1);
    custom_role(&billing, 72, elevating, "source_id = 70 AND user_id = 5");
    assert_eq!(created_with(&billing, "ultimate").await.1, 2);
    // An invitation that lowers the access level drops the custom role.
    billing.sql("UPDATE members SET access_level = 20 WHERE source_id = 70 AND user_id = 5");
    billing.sql("UPDATE group_group_links SET group_access = 10");
    assert_eq!(created_with(&billing, "ultimate").await.1, 1);
}

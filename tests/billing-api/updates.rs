//! Changes of subscriptions.
use super::billing_api;
use super::support::{error, no_namespace, not_root, shown, wrong};
use serde_json::json;

const S: &str = "/namespaces/123/gitlab_subscription";
const HISTORIES: &str = "SELECT count(*) FROM gitlab_subscription_histories";

#[testkit::test]
async fn example_of_the_documentation_resets_the_maximum(database: Database) {
    let billing = billing_api(database).await;
    billing.grown(123);
    let dates = [Some("2020-07-15"), Some("2021-07-15"), None];
    let plan = json!({ "code": "premium" });
    assert_eq!(billing.ask("GET", S).await, (200, shown(plan.clone(), [80, 82, 82, 2], dates)));
    let put = billing.ask("PUT", &format!("{S}?max_seats_used=0")).await;
    assert_eq!(put, (200, shown(plan, [80, 82, 0, 2], dates)));
    let before = format!(
        "{HISTORIES} WHERE max_seats_used = 82 AND change_type = 1 AND namespace_id = 123 AND seats = 80"
    );
    assert_eq!(billing.number(&before), 1);
    let changed = "SELECT count(*) FROM gitlab_subscriptions WHERE seats_owed = 2 AND \
                   max_seats_used_changed_at IS NOT NULL AND max_seats_used = 0";
    assert_eq!(billing.number(changed), 1);
}

#[testkit::test]
async fn missing_subscription_is_not_found(database: Database) {
    let billing = billing_api(database).await;
    let none = (404, json!({ "message": "404 GitlabSubscription Not Found" }));
    assert_eq!(billing.send("PUT", S, json!({ "seats": 1 })).await, none);
    assert_eq!(billing.ask("PUT", S).await, none);
    assert_eq!(billing.ask("PUT", "/namespaces/124/gitlab_subscription").await, not_root());
    assert_eq!(billing.ask("PUT", "/namespaces/999/gitlab_subscription").await, no_namespace());
}

#[testkit::test]
async fn trial_needs_its_first_day(database: Database) {
    let billing = billing_api(database).await;
    billing.grown(123);
    assert_eq!(
        billing.send("PUT", S, json!({ "trial": true })).await,
        wrong("trial_starts_on", "can't be blank")
    );
    assert_eq!(billing.number(HISTORIES), 0);
    let both = json!({ "trial": true, "trial_starts_on": "2021-01-01", "trial_extension_type": 2 });
    assert_eq!(billing.send("PUT", S, both).await.1["plan"]["trial"], true);
    let cleared = json!({ "trial_starts_on": null });
    assert_eq!(billing.send("PUT", S, cleared.clone()).await, wrong("trial_starts_on", "can't be blank"));
    assert_eq!(billing.send("PUT", S, json!({ "trial": false, "trial_starts_on": null })).await.0, 200);
    assert_eq!(billing.send("PUT", S, cleared).await.0, 200);
    let other = billing.send("PUT", S, json!({ "trial_extension_type": 3 })).await;
    assert_eq!(other, error("trial_extension_type does not have a valid value"));
}

#[testkit::test]
async fn null_clears_and_absence_keeps(database: Database) {
    let billing = billing_api(database).await;
    billing.grown(123);
    let with_end = billing.ask("GET", S).await;
    for body in [json!({}), json!({ "unknown": 1 }), json!({ "seats": 80, "plan_code": "premium" })] {
        assert_eq!(billing.send("PUT", S, body).await, with_end);
    }
    assert_eq!(billing.number(HISTORIES), 0);
    let expected = shown(json!({ "code": "premium" }), [80, 82, 82, 2], [Some("2020-07-15"), None, None]);
    assert_eq!(billing.send("PUT", S, json!({ "end_date": null })).await, (200, expected));
    assert_eq!(billing.number(&format!("{HISTORIES} WHERE end_date IS NOT NULL")), 1);
}

#[testkit::test]
async fn change_is_validated_with_the_stored_row(database: Database) {
    let billing = billing_api(database).await;
    billing.grown(123);
    let early = json!({ "end_date": "2020-07-14" });
    assert_eq!(billing.send("PUT", S, early).await, wrong("end_date", "must be after the start date"));
    // A new term counts the seats again. Group 123 has one billable member.
    let next =
        json!({ "start_date": "2021-07-15", "end_date": "2022-07-15", "seats": 82, "auto_renew": false });
    let expected = shown(
        json!({ "code": "premium", "auto_renew": false }),
        [82, 1, 1, 0],
        [Some("2021-07-15"), Some("2022-07-15"), None],
    );
    billing.sql("UPDATE gitlab_subscriptions SET max_seats_used = 90");
    assert_eq!(billing.send("PUT", S, next).await, (200, expected));
}

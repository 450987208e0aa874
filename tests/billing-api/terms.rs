//! Seat statistics across terms, plans and trials: GitLab's issues 432525 and 432526.
use super::support::{CURRENT, today};
use super::{Billing, billing_api};
use database::memberships::Source;
use domain::Role;
use serde_json::{Value, json};
use testkit::Database;
use testkit::fixture;

const PAID_TRIAL: &str = "ultimate_trial_paid_customer";

/// Group 321 with one developer and two guests.
async fn with_guests(database: Database) -> Billing {
    let billing = billing_api(database).await;
    let conn = &mut billing.service.database.open();
    for (user_id, role) in [(4, Role::DEVELOPER), (5, Role::GUEST), (6, Role::GUEST)] {
        fixture::member(conn, user_id, Source::Group(321), role);
    }
    billing
}

/// Adds a subscription of group 321: plan, `seats, seats in use, maximum`, start, and when the maximum was
/// set.
fn store(billing: &Billing, plan: &str, seats: &str, start: &str, changed_at: &str) {
    billing.sql("DELETE FROM gitlab_subscriptions");
    billing.subscription(321, plan, seats, &format!("{start}, NULL"));
    billing.sql(&format!("UPDATE gitlab_subscriptions SET max_seats_used_changed_at = {changed_at}"));
}

/// The three ways to change a subscription.
#[derive(Debug, Clone, Copy)]
enum Way {
    Subscription,
    Namespace,
    Provision,
}

const WAYS: [Way; 3] = [Way::Subscription, Way::Namespace, Way::Provision];

/// Changes the subscription, and returns its usage: bought, in use, maximum, owed.
async fn change(billing: &Billing, way: Way, attributes: &Value) -> [i64; 4] {
    let (method, path, body) = match way {
        Way::Subscription => ("PUT", "/gitlab_subscription", attributes.clone()),
        Way::Namespace => ("PUT", "", json!({ "gitlab_subscription_attributes": attributes })),
        Way::Provision => ("POST", "/provision", json!({ "provision": { "base_product": attributes } })),
    };
    let path = format!("{CURRENT}/namespaces/321{path}");
    let answer = billing.by_portal(method, &path).json(&body).send().await;
    assert_eq!(answer.status, 200, "{way:?} {attributes}: {}", answer.text);
    usage(billing).await
}

async fn usage(billing: &Billing) -> [i64; 4] {
    let (_, body) = billing.ask("GET", "/namespaces/321/gitlab_subscription").await;
    ["seats_in_subscription", "seats_in_use", "max_seats_used", "seats_owed"]
        .map(|name| body["usage"][name].as_i64().unwrap())
}

fn to_trial() -> Value {
    json!({ "plan_code": PAID_TRIAL, "trial": true, "trial_starts_on": "2021-01-05" })
}

fn to_plan(code: &str) -> Value {
    json!({ "plan_code": code, "trial": false })
}

fn starting(mut attributes: Value, day: &str) -> Value {
    attributes["start_date"] = json!(day);
    attributes
}

/// Each case, by each endpoint that can set the start date and by the one that cannot.
#[testkit::test]
async fn maximum_of_a_paid_trial_is_kept_until_it_ends(database: Database) {
    let billing = with_guests(database).await;
    for way in WAYS {
        let dated = !matches!(way, Way::Namespace);
        for (attributes, expected) in [
            (to_plan("premium"), [10, 25, 25, 15]),
            (to_plan("ultimate"), [10, 1, 1, 0]),
            (json!({ "seats": 11 }), [11, 25, 25, 14]),
        ]
        .into_iter()
        .chain(
            [
                (starting(to_plan("premium"), "2020-07-15"), [10, 25, 25, 15]),
                (starting(to_plan("premium"), "2021-01-06"), [10, 3, 3, 0]),
                (starting(to_plan("ultimate"), "2021-01-06"), [10, 1, 1, 0]),
                (starting(to_trial(), "2021-01-06"), [10, 25, 25, 15]),
            ]
            .into_iter()
            .filter(|_| dated),
        ) {
            store(&billing, "premium", "10, 25, 25", "'2020-07-15'", "'2020-08-01 00:00:00'");
            assert_eq!(change(&billing, way, &to_trial()).await, [10, 25, 25, 15], "{way:?}");
            assert_eq!(change(&billing, way, &attributes).await, expected, "{way:?} {attributes}");
        }
    }
}

/// A maximum that was kept belongs to the new term.
#[testkit::test]
async fn kept_maximum_is_not_reset_later(database: Database) {
    let billing = with_guests(database).await;
    store(&billing, "premium", "10, 25, 25", "'2020-07-15'", "'2020-08-01 00:00:00'");
    let trial = starting(to_trial(), "2021-01-05");
    assert_eq!(change(&billing, Way::Subscription, &trial).await[2], 25);
    assert_eq!(change(&billing, Way::Subscription, &to_plan("premium")).await[2], 25);
    assert_eq!(change(&billing, Way::Subscription, &json!({ "seats": 11 })).await[2], 25);
    database::billing::seats::refresh_stale(&mut billing.service.database.open(), today()).unwrap();
    assert_eq!(usage(&billing).await, [11, 3, 25, 14]);
}

#[testkit::test]
async fn maximum_of_an_earlier_term_is_reset(database: Database) {
    let billing = with_guests(database).await;
    for (changed_at, expected) in [
        ("'2020-05-01 00:00:00'", [3, 3, 3, 0]),
        ("'2020-11-30 23:59:59'", [3, 3, 3, 0]),
        ("'2020-12-01 00:00:00'", [3, 9, 9, 6]),
        ("'2020-12-02 00:00:00'", [3, 9, 9, 6]),
        ("NULL", [3, 9, 9, 6]),
    ] {
        store(&billing, "premium", "2, 9, 9", "'2020-12-01'", changed_at);
        for way in WAYS {
            assert_eq!(change(&billing, way, &json!({ "seats": 3 })).await, expected, "{changed_at} {way:?}");
        }
    }
    store(&billing, "premium", "2, 9, 9", "'2020-12-01'", "'2020-05-01 00:00:00'");
    assert_eq!(change(&billing, Way::Subscription, &json!({ "seats": 2 })).await[2], 9, "nothing changed");
    assert_eq!(change(&billing, Way::Subscription, &json!({ "seats": 3 })).await[2], 3);
    let now = "SELECT count(*) FROM gitlab_subscriptions WHERE max_seats_used_changed_at >= '2021-01-10' \
               AND last_seat_refresh_at >= '2021-01-10'";
    assert_eq!(billing.number(now), 1);
}

#[testkit::test]
async fn free_row_without_a_start_begins_a_term(database: Database) {
    let billing = with_guests(database).await;
    for way in WAYS {
        store(&billing, "free", "0, 3, 25", "NULL", "'2020-05-01 00:00:00'");
        assert_eq!(
            change(&billing, way, &json!({ "plan_code": "premium", "seats": 10 })).await,
            [10, 3, 3, 0]
        );
        let start = "SELECT count(*) FROM gitlab_subscriptions WHERE start_date = '2021-01-10'";
        assert_eq!(billing.number(start), 1, "{way:?}");
    }
    store(&billing, "free", "0, 3, 25", "NULL", "'2020-05-01 00:00:00'");
    let dated = json!({ "plan_code": "premium", "seats": 10, "start_date": "2021-01-02" });
    assert_eq!(change(&billing, Way::Subscription, &dated).await, [10, 3, 3, 0]);
}

#[testkit::test]
async fn new_term_counts_under_the_new_plan(database: Database) {
    let billing = with_guests(database).await;
    store(&billing, "premium", "10, 3, 25", "'2020-07-15'", "'2020-08-01 00:00:00'");
    let ultimate = starting(to_plan("ultimate"), "2021-01-10");
    assert_eq!(change(&billing, Way::Subscription, &ultimate).await, [10, 1, 1, 0]);
}

#[testkit::test]
async fn given_maximum_wins(database: Database) {
    let billing = with_guests(database).await;
    store(&billing, "premium", "10, 3, 25", "'2020-07-15'", "'2020-08-01 00:00:00'");
    let mut attributes = starting(to_plan("ultimate"), "2021-01-10");
    attributes["max_seats_used"] = json!(12);
    assert_eq!(change(&billing, Way::Subscription, &attributes).await, [10, 3, 12, 2]);
    assert_eq!(change(&billing, Way::Subscription, &json!({ "seats": 11 })).await, [11, 3, 12, 1]);
}

#[testkit::test]
async fn daily_count_begins_a_term_that_was_bought_in_advance(database: Database) {
    let billing = with_guests(database).await;
    let refresh = |days: i64| {
        let now = today() + chrono::TimeDelta::days(days);
        database::billing::seats::refresh_stale(&mut billing.service.database.open(), now).unwrap();
    };
    store(&billing, "premium", "10, 25, 25", "'2021-01-11'", "'2020-12-20 00:00:00'");
    refresh(0);
    assert_eq!(usage(&billing).await, [10, 3, 25, 15], "the term has not begun");
    refresh(1);
    assert_eq!(usage(&billing).await, [10, 3, 3, 0]);
    billing.sql("DELETE FROM members WHERE source_id = 321 AND user_id = 6");
    refresh(2);
    assert_eq!(usage(&billing).await, [10, 2, 3, 0]);
}

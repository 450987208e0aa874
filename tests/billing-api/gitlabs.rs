//! The columns that refer to a plan or an add-on in the databases of different GitLab releases.
use super::billing_api;
use super::support::shown;
use serde_json::json;

const S: &str = "/namespaces/123/gitlab_subscription";
const PURCHASES: &str = "/namespaces/123/subscription_add_on_purchases";
const NUMBER: &str = "SELECT CAST(COALESCE(hosted_plan_name_uid, 0) AS bigint) FROM gitlab_subscriptions \
                      WHERE namespace_id = 123";

/// Since GitLab 18.7 a subscription also stores the number of its plan, which later releases use.
#[testkit::test]
async fn a_plan_is_named_by_id_and_by_number(database: Database) {
    let billing = billing_api(database).await;
    let begin = json!({ "start_date": "2020-07-15", "plan_code": "ultimate_trial" });
    assert_eq!(billing.send("POST", S, begin).await.0, 201);
    let plans = "SELECT count(*) FROM plans WHERE name = 'ultimate_trial' AND title = 'Ultimate Trial' AND \
                 plan_name_uid = 8";
    assert_eq!((billing.number(plans), billing.number(NUMBER)), (1, 8));
    // A wrong number from another program is corrected.
    billing.sql("UPDATE gitlab_subscriptions SET hosted_plan_name_uid = 2");
    assert_eq!(billing.send("PUT", S, json!({ "plan_code": "premium" })).await.0, 200);
    assert_eq!(billing.number(NUMBER), 5);
    let history = "SELECT count(*) FROM gitlab_subscription_histories AS h JOIN plans ON plans.id = \
                   h.hosted_plan_id WHERE plans.name = 'ultimate_trial' AND h.hosted_plan_name_uid = 8";
    assert_eq!(billing.number(history), 1);
}

/// A subscription with only the number of its plan keeps that plan.
#[testkit::test]
async fn a_number_without_an_id_is_a_plan(database: Database) {
    let billing = billing_api(database).await;
    billing.grown(123);
    billing.sql("UPDATE gitlab_subscriptions SET hosted_plan_id = NULL, hosted_plan_name_uid = 7");
    let ultimate = json!({ "code": "ultimate", "exclude_guests": true });
    let dates = [Some("2020-07-15"), Some("2021-07-15"), None];
    assert_eq!(billing.ask("GET", S).await, (200, shown(ultimate, [80, 82, 82, 2], dates)));
    let taken = (400, json!({ "message": { "namespace_id": ["has already been taken"] } }));
    assert_eq!(billing.send("POST", S, json!({ "start_date": "2020-07-15" })).await, taken);
    assert_eq!(billing.send("PUT", S, json!({ "plan_code": "premium" })).await.0, 200);
    assert_eq!(billing.number(NUMBER), 5);
}

/// GitLab 18.6 requires the number of a plan. GitLab 18.0 has no such columns.
#[testkit::test]
async fn rows_are_valid_in_every_gitlab_release(database: Database) {
    if !database.is_postgresql() {
        return;
    }
    let billing = billing_api(database).await;
    billing.sql("CREATE TABLE ar_internal_metadata (key text PRIMARY KEY, value text)");
    billing.sql(
        "UPDATE plans SET plan_name_uid = CASE name WHEN 'default' THEN 1 WHEN 'free' THEN 2 ELSE 5 END",
    );
    billing.sql("ALTER TABLE plans ADD CONSTRAINT a_number CHECK (plan_name_uid IS NOT NULL)");
    let begin = json!({ "start_date": "2020-07-15", "plan_code": "ultimate" });
    assert_eq!(billing.send("POST", S, begin).await.0, 201);
    billing.sql("ALTER TABLE plans DROP COLUMN plan_name_uid");
    billing.sql("ALTER TABLE gitlab_subscriptions DROP COLUMN hosted_plan_name_uid");
    billing.sql("ALTER TABLE gitlab_subscription_histories DROP COLUMN hosted_plan_name_uid");
    let gold = shown(
        json!({ "code": "gold", "exclude_guests": true }),
        [0, 1, 0, 1],
        [Some("2020-07-15"), None, None],
    );
    assert_eq!(billing.send("PUT", S, json!({ "plan_code": "gold" })).await, (200, gold));
    billing.sql("UPDATE gitlab_subscriptions SET hosted_plan_id = NULL");
    assert_eq!(
        billing.send("POST", S, json!({ "start_date": "2020-07-15", "plan_code": "silver" })).await.0,
        201
    );
}

/// GitLab 19.3 requires the number of an add-on, and later releases drop its id. GitLab 18.0 has no such
/// column.
#[testkit::test]
async fn add_ons_have_numbers_too(database: Database) {
    let billing = billing_api(database).await;
    let order = |quantity: i32| {
        json!({ "add_on_purchases": { "duo_enterprise": [{ "quantity": quantity,
        "started_on": "2024-01-01", "expires_on": "2024-12-31", "purchase_xid": "C-1" }] } })
    };
    assert_eq!(billing.current("POST", PURCHASES, order(1)).await.0, 201);
    assert_eq!(
        billing
            .number("SELECT count(*) FROM subscription_add_on_purchases WHERE subscription_add_on_uid = 3"),
        1
    );
    if billing.service.database.is_postgresql() {
        billing.sql("CREATE TABLE ar_internal_metadata (key text PRIMARY KEY, value text)");
        billing.sql(
            "ALTER TABLE subscription_add_on_purchases ALTER subscription_add_on_id DROP NOT NULL, \
                     ADD CONSTRAINT a_number CHECK (subscription_add_on_uid IS NOT NULL)",
        );
        billing.sql("UPDATE subscription_add_on_purchases SET subscription_add_on_id = NULL");
        assert_eq!(billing.current("POST", PURCHASES, order(2)).await.1[0]["quantity"], 2);
        assert_eq!(billing.get_current(&format!("{PURCHASES}/duo_enterprise")).await.1["quantity"], 2);
        billing.sql("DELETE FROM subscription_add_on_purchases");
        assert_eq!(billing.current("POST", PURCHASES, order(3)).await.0, 201);
        billing.sql("ALTER TABLE subscription_add_on_purchases DROP COLUMN subscription_add_on_uid");
        assert_eq!(billing.current("POST", PURCHASES, order(4)).await.1[0]["quantity"], 4);
        billing.sql("DELETE FROM subscription_add_on_purchases");
        assert_eq!(billing.current("POST", PURCHASES, order(5)).await.0, 201);
    }
    assert_eq!(billing.number("SELECT count(*) FROM subscription_add_on_purchases"), 1);
}

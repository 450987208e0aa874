//! The columns that refer to a plan or an add-on in the databases of different GitLab releases.
use super::billing_api;
use super::support::shown;
use serde_json::json;
use testkit::{Database, Release};

const S: &str = "/namespaces/123/gitlab_subscription";
const PURCHASES: &str = "/namespaces/123/subscription_add_on_purchases";
const NUMBER: &str = "SELECT CAST(COALESCE(hosted_plan_name_uid, 0) AS bigint) FROM gitlab_subscriptions \
                      WHERE namespace_id = 123";

/// GitLab has numbered its plans since 18.6, and its add-ons since 18.9.
fn has_numbers(database: &Database) -> bool {
    database.gitlab_release().is_none_or(|release| release == Release::V19_5)
}

/// With its own role the service starts on each release, and a subscription is read, changed and recorded.
#[actix_web::test]
async fn a_subscription_is_sold_on_each_release() {
    for release in Release::ALL {
        let billing = billing_api(Database::release(release)).await;
        let begin = json!({ "start_date": "2020-07-15", "plan_code": "ultimate" });
        assert_eq!(billing.send("POST", S, begin).await.0, 201, "{release:?}");
        assert_eq!(billing.send("PUT", S, json!({ "plan_code": "premium" })).await.0, 200, "{release:?}");
        assert_eq!(billing.ask("GET", S).await.1["plan"]["code"], "premium", "{release:?}");
        let former = "SELECT count(*) FROM gitlab_subscription_histories AS h JOIN plans ON plans.id = \
                      h.hosted_plan_id WHERE plans.name = 'ultimate'";
        assert_eq!(billing.number(former), 1, "{release:?}");
    }
}

/// From 18.7 on a subscription holds its plan's number, which is what GitLab goes by later.
#[testkit::test]
async fn a_plan_is_named_by_id_and_by_number(database: Database) {
    let has_numbers = has_numbers(&database);
    let billing = billing_api(database).await;
    let begin = json!({ "start_date": "2020-07-15", "plan_code": "ultimate_trial" });
    assert_eq!(billing.send("POST", S, begin).await.0, 201);
    if !has_numbers {
        let name = "SELECT count(*) FROM gitlab_subscriptions AS s JOIN plans ON plans.id = s.hosted_plan_id \
                    WHERE plans.name = 'ultimate_trial' AND plans.title = 'Ultimate Trial'";
        assert_eq!(billing.number(name), 1);
        return;
    }
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
    let has_numbers = has_numbers(&database);
    let billing = billing_api(database).await;
    billing.grown(123);
    if !has_numbers {
        // Without an id there is no plan, and the next order replaces the row.
        billing.sql("UPDATE gitlab_subscriptions SET hosted_plan_id = NULL");
        let order = json!({ "start_date": "2020-07-15", "plan_code": "premium" });
        assert_eq!(billing.send("POST", S, order).await.0, 201);
        return;
    }
    billing.sql("UPDATE gitlab_subscriptions SET hosted_plan_id = NULL, hosted_plan_name_uid = 7");
    let ultimate = json!({ "code": "ultimate", "exclude_guests": true });
    let dates = [Some("2020-07-15"), Some("2021-07-15"), None];
    assert_eq!(billing.ask("GET", S).await, (200, shown(ultimate, [80, 82, 82, 2], dates)));
    let taken = (400, json!({ "message": { "namespace_id": ["has already been taken"] } }));
    assert_eq!(billing.send("POST", S, json!({ "start_date": "2020-07-15" })).await, taken);
    assert_eq!(billing.send("PUT", S, json!({ "plan_code": "premium" })).await.0, 200);
    assert_eq!(billing.number(NUMBER), 5);
}

/// A release that drops or renames a column while the service runs: the next statement does without it.
#[actix_web::test]
async fn columns_that_go_while_the_service_runs_are_left_out() {
    let billing = billing_api(Database::release(Release::V19_5)).await;
    let begin = json!({ "start_date": "2020-07-15", "plan_code": "ultimate" });
    assert_eq!(billing.send("POST", S, begin).await.0, 201);
    billing.sql("ALTER TABLE plans DROP COLUMN plan_name_uid");
    billing.sql("DROP TRIGGER number_for_tests ON plans");
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

fn order(quantity: i32) -> serde_json::Value {
    json!({ "add_on_purchases": { "duo_enterprise": [{ "quantity": quantity,
        "started_on": "2024-01-01", "expires_on": "2024-12-31", "purchase_xid": "C-1" }] } })
}

/// 19.3 demands the number of an add-on.
#[testkit::test]
async fn an_add_on_has_its_number(database: Database) {
    let number = if has_numbers(&database) { "p.subscription_add_on_uid = 3" } else { "a.name = 3" };
    let billing = billing_api(database).await;
    assert_eq!(billing.current("POST", PURCHASES, order(1)).await.0, 201);
    let numbered = format!(
        "SELECT count(*) FROM subscription_add_on_purchases AS p \
         JOIN subscription_add_ons AS a ON a.id = p.subscription_add_on_id WHERE {number}"
    );
    assert_eq!(billing.number(&numbered), 1);
}

/// Later releases leave out the id of an add-on; 18.0 has no number.
#[actix_web::test]
async fn an_add_on_is_found_by_id_or_by_number() {
    let billing = billing_api(Database::release(Release::V19_5)).await;
    assert_eq!(billing.current("POST", PURCHASES, order(1)).await.0, 201);
    billing.sql("UPDATE subscription_add_on_purchases SET subscription_add_on_id = NULL");
    assert_eq!(billing.current("POST", PURCHASES, order(2)).await.1[0]["quantity"], 2);
    assert_eq!(billing.get_current(&format!("{PURCHASES}/duo_enterprise")).await.1["quantity"], 2);
    billing.sql("DELETE FROM subscription_add_on_purchases");
    assert_eq!(billing.current("POST", PURCHASES, order(3)).await.0, 201);
    assert_eq!(billing.number("SELECT count(*) FROM subscription_add_on_purchases"), 1);

    let billing = billing_api(Database::release(Release::V18_0)).await;
    for quantity in [4, 5] {
        assert_eq!(billing.current("POST", PURCHASES, order(quantity)).await.1[0]["quantity"], quantity);
    }
    billing.sql("DELETE FROM subscription_add_on_purchases");
    assert_eq!(billing.current("POST", PURCHASES, order(6)).await.0, 201);
    assert_eq!(billing.number("SELECT count(*) FROM subscription_add_on_purchases"), 1);
}

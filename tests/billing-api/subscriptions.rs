//! Creating and reading subscriptions.
use super::support::{
    A, B, CURRENT, LEGACY, O, bad_request, error, forbidden, no_namespace, not_root, plant, shown,
    write_files, wrong,
};
use super::{Billing, billing_api, billing_api_with};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::Process;

const S: &str = "/namespaces/123/gitlab_subscription";

async fn create(billing: &Billing, body: Value) -> (u16, Value) {
    let mut all = json!({ "start_date": "2020-07-15" });
    for (name, value) in body.as_object().unwrap() {
        all[name] = value.clone();
    }
    billing.send("POST", S, all).await
}

#[testkit::test]
async fn example_of_the_documentation_creates_one_subscription(database: Database) {
    let billing = billing_api(database).await;
    let path = format!("{LEGACY}{S}?start_date=2020-07-15&plan=premium&seats=10");
    let post = || billing.anonymous("POST", &path).header("TOKEN", A);
    let expected = shown(json!({ "code": "premium" }), [10, 1, 0, 0], [Some("2020-07-15"), None, None]);
    assert_eq!(post().answer().await, (201, expected.clone()));
    assert_eq!(post().answer().await, wrong("namespace_id", "has already been taken"));
    assert_eq!(billing.ask("GET", S).await, (200, expected));
    assert_eq!(billing.number("SELECT count(*) FROM gitlab_subscriptions"), 1);
    assert_eq!(billing.number("SELECT count(*) FROM gitlab_subscription_histories"), 0);
}

#[testkit::test]
async fn missing_plan_is_inserted(database: Database) {
    let billing = billing_api(database).await;
    let plan = json!({ "code": "ultimate_trial", "exclude_guests": true });
    let expected = shown(plan, [0, 1, 0, 0], [Some("2020-07-15"), None, None]);
    assert_eq!(create(&billing, json!({ "plan_code": " Ultimate_Trial " })).await, (201, expected));
    assert_eq!(
        billing.text("SELECT title FROM plans WHERE name = 'ultimate_trial'").as_deref(),
        Some("Ultimate Trial")
    );
}

#[testkit::test]
async fn both_paths_accept_both_credentials(database: Database) {
    let billing = billing_api(database).await;
    for (id, root, portal) in
        [(123, LEGACY, true), (321, CURRENT, true), (127, LEGACY, false), (129, CURRENT, false)]
    {
        let path = format!("{root}/namespaces/{id}/gitlab_subscription");
        let ask =
            |method| if portal { billing.by_portal(method, &path) } else { billing.request(method, &path) };
        let post = ask("POST").json(&json!({ "start_date": "2020-07-15", "plan_code": "premium" }));
        let (status, created) = post.answer().await;
        assert_eq!(status, 201, "{path}: {created}");
        assert_eq!(ask("GET").answer().await, (200, created));
        assert_eq!(ask("PUT").json(&json!({ "seats": 5 })).answer().await.0, 200);
    }
}

#[testkit::test]
async fn invalid_parameters_are_named(database: Database) {
    let billing = billing_api(database).await;
    assert_eq!(billing.send("POST", S, json!({ "seats": 1 })).await, error("start_date is missing"));
    let negative = "must be greater than or equal to 0";
    for (body, expected) in [
        (json!({ "start_date": "2021-02-30" }), error("start_date is invalid")),
        (json!({ "start_date": "" }), error("start_date is invalid")),
        (json!({ "start_date": null }), error("start_date is missing")),
        (json!({ "start_date": 20_210_101 }), error("start_date is invalid")),
        (json!({ "start_date": "soon", "seats": "x" }), error("start_date is invalid, seats is invalid")),
        (json!({ "plan_code": "platinum" }), error("plan_code does not have a valid value")),
        (json!({ "plan": "platinum" }), error("plan_code does not have a valid value")),
        (json!({ "plan_code": ["premium"] }), error("plan_code is invalid")),
        (json!({ "seats": "ten" }), error("seats is invalid")),
        (json!({ "seats": 2_147_483_648_i64 }), error("seats is invalid")),
        (json!({ "seats": 1.5 }), error("seats is invalid")),
        (json!({ "seats": true }), error("seats is invalid")),
        (json!({ "trial": "yes" }), error("trial is invalid")),
        (json!({ "auto_renew": 2 }), error("auto_renew is invalid")),
        (json!({ "seats": -1 }), wrong("seats", negative)),
        (json!({ "seats": "-1" }), wrong("seats", negative)),
        (json!({ "max_seats_used": -1 }), wrong("max_seats_used", negative)),
        (json!({ "end_date": "2020-07-14" }), wrong("end_date", "must be after the start date")),
        (
            json!({ "trial": true, "trial_ends_on": "2020-07-14" }),
            wrong("trial_ends_on", "must be after the trial start date"),
        ),
    ] {
        assert_eq!(create(&billing, body.clone()).await, expected, "{body}");
    }
    assert_eq!(billing.number("SELECT count(*) FROM gitlab_subscriptions"), 0);
}

#[testkit::test]
async fn dates_are_accepted_in_every_form(database: Database) {
    let billing = billing_api(database).await;
    for (id, text) in
        [(123, "13 Jun 2021"), (321, "2021/06/13"), (127, "20210613"), (129, "2021-06-13T23:00:00-05:00")]
    {
        let path = format!("/namespaces/{id}/gitlab_subscription");
        let (status, body) = billing.send("POST", &path, json!({ "start_date": text })).await;
        assert_eq!(
            (status, &body["billing"]["subscription_start_date"]),
            (201, &json!("2021-06-13")),
            "{text}"
        );
    }
}

#[testkit::test]
async fn trial_starts_with_its_subscription(database: Database) {
    let billing = billing_api(database).await;
    let body = json!({ "start_date": "2021-01-10", "trial": true, "plan": "ultimate_trial",
        "trial_ends_on": "2021-02-09", "auto_renew": "1" });
    let plan = json!({ "code": "ultimate_trial", "trial": true, "auto_renew": true, "exclude_guests": true });
    let expected = shown(plan, [0, 1, 0, 0], [Some("2021-01-10"), None, Some("2021-02-09")]);
    assert_eq!(billing.send("POST", S, body).await, (201, expected));
    assert_eq!(
        billing.text("SELECT CAST(trial_starts_on AS text) FROM gitlab_subscriptions").as_deref(),
        Some("2021-01-10")
    );
}

#[testkit::test]
async fn only_roots_buy(database: Database) {
    let billing = billing_api(database).await;
    let post = async |id: &str| {
        billing
            .send(
                "POST",
                &format!("/namespaces/{id}/gitlab_subscription"),
                json!({ "start_date": "2020-07-15" }),
            )
            .await
    };
    for id in ["124", "126", "acme%2Fsub", "ACME%2fSub", "grp%2Fp"] {
        assert_eq!(post(id).await, not_root(), "{id}");
    }
    for id in ["999", "nobody", "99999999999999999999", "-1", "acme%00", "%FF"] {
        assert_eq!(post(id).await, no_namespace(), "{id}");
    }
    let personal = shown(json!({ "code": "free" }), [0, 1, 0, 0], [Some("2020-07-15"), None, None]);
    assert_eq!(post("125").await, (201, personal));
    assert_eq!(post("ACME").await.0, 201);
    assert_eq!(billing.ask("GET", "/namespaces/123/gitlab_subscription").await.0, 200);
}

#[testkit::test]
async fn purchase_replaces_a_free_subscription(database: Database) {
    let billing = billing_api(database).await;
    billing.sql(
        "INSERT INTO gitlab_subscriptions (namespace_id, hosted_plan_id, created_at, updated_at) \
                 VALUES (123, 2, '2020-01-01 00:00:00', '2020-01-01 00:00:00'), (321, NULL, '2020-01-01 \
                 00:00:00', '2020-01-01 00:00:00')",
    );
    for id in [123, 321] {
        let path = format!("/namespaces/{id}/gitlab_subscription");
        let body =
            json!({ "start_date": "2020-07-15", "plan_code": "premium", "seats": 3, "max_seats_used": 4 });
        let in_use = i32::from(id == 123);
        let expected =
            shown(json!({ "code": "premium" }), [3, in_use, 4, 1], [Some("2020-07-15"), None, None]);
        assert_eq!(billing.send("POST", &path, body.clone()).await, (201, expected));
        assert_eq!(billing.send("POST", &path, body).await.0, 400);
    }
    assert_eq!(billing.number("SELECT count(*) FROM gitlab_subscriptions"), 2);
    assert_eq!(
        billing
            .number("SELECT count(*) FROM gitlab_subscription_histories WHERE change_type = 1 AND seats = 0"),
        2
    );
}

#[testkit::test]
async fn one_of_ten_concurrent_creations_succeeds(database: Database) {
    let billing = billing_api(database).await;
    let body = json!({ "start_date": "2020-07-15", "plan_code": "premium" });
    let answers =
        futures_util::future::join_all((0..10).map(|_| billing.send("POST", S, body.clone()))).await;
    let statuses = |wanted| answers.iter().filter(|(status, _)| *status == wanted).count();
    assert_eq!((statuses(201), statuses(400)), (1, 9), "{answers:?}");
    assert_eq!(billing.number("SELECT count(*) FROM gitlab_subscriptions"), 1);
}

#[testkit::test]
async fn owed_seats_and_upgrades_are_those_of_today(database: Database) {
    let billing = billing_api(database).await;
    billing.subscription(123, "premium", "10, 3, 15", "'2020-07-15', '2021-07-15'");
    billing.subscription(321, "free", "0, 7, 0", "NULL, NULL");
    billing.subscription(127, "bronze", "5, 1, 1", "'2020-07-15', '2022-01-01'");
    billing.subscription(129, "bronze", "5, 1, 1", "'2020-07-15', '2020-12-31'");
    let get = async |id: i64| billing.ask("GET", &format!("/namespaces/{id}/gitlab_subscription")).await.1;
    assert_eq!(get(123).await["usage"]["seats_owed"], 5);
    assert_eq!(
        get(321).await["usage"],
        json!({ "seats_in_subscription": 0, "seats_in_use": 7, "max_seats_used": 0, "seats_owed": 0 })
    );
    assert_eq!(get(127).await["plan"]["upgradable"], true);
    assert_eq!(get(129).await["plan"]["upgradable"], false);
}

#[testkit::test]
async fn reading_writes_nothing(database: Database) {
    let billing = billing_api(database).await;
    assert_eq!(billing.ask("GET", S).await, (200, shown(json!({ "code": "free" }), [0, 1, 0, 0], [None; 3])));
    assert_eq!(billing.number("SELECT count(*) FROM gitlab_subscriptions"), 0);
    assert_eq!(billing.ask("GET", "/namespaces/124/gitlab_subscription").await, not_root());
    assert_eq!(billing.ask("GET", "/namespaces/999/gitlab_subscription").await, no_namespace());
}

#[testkit::test]
async fn owner_may_read_own_namespaces_only(database: Database) {
    let billing = billing_api(database).await;
    billing.grown(123);
    let get = async |root: &str, id: &str, token: &str| {
        let path = format!("{root}/namespaces/{id}/gitlab_subscription");
        billing.anonymous("GET", &path).header("PRIVATE-TOKEN", token).answer().await
    };
    let grown =
        shown(json!({ "code": "premium" }), [80, 82, 82, 2], [Some("2020-07-15"), Some("2021-07-15"), None]);
    assert_eq!(get(LEGACY, "123", O).await, (200, grown));
    assert_eq!(get(LEGACY, "125", B).await.0, 200);
    for (id, token) in [("123", B), ("321", O), ("124", O), ("999", O), ("125", O)] {
        assert_eq!(get(LEGACY, id, token).await, forbidden(), "{id}");
    }
    let scope = json!({ "error": "insufficient_scope", "error_description": "The request requires higher \
        privileges than provided by the access token.", "scope": "api" });
    assert_eq!(get(CURRENT, "123", O).await, (403, scope));
    // A membership that expired yesterday gives no access.
    billing.sql("UPDATE members SET expires_at = '2021-01-10' WHERE source_id = 123 AND user_id = 3");
    assert_eq!(get(LEGACY, "123", O).await, forbidden());
}

#[testkit::test]
async fn path_may_have_dots(database: Database) {
    let billing = billing_api(database).await;
    testkit::fixture::group(&mut billing.service.database.open(), 500, "a.b", None);
    for path in ["a.b", "A.B", "500"] {
        let answer = billing.ask("GET", &format!("/namespaces/{path}/gitlab_subscription")).await;
        assert_eq!(answer, (200, shown(json!({ "code": "free" }), [0; 4], [None; 3])), "{path}");
    }
}

#[testkit::test]
async fn plan_name_may_be_the_title(database: Database) {
    let arguments = ["--plan-name-form", "title", "--upgradable-plans", "premium"];
    let billing = billing_api_with(database, &arguments).await;
    billing.grown(123);
    let plan = json!({ "code": "premium", "name": "Premium", "upgradable": true });
    let expected = shown(plan, [80, 82, 82, 2], [Some("2020-07-15"), Some("2021-07-15"), None]);
    assert_eq!(billing.ask("GET", S).await, (200, expected));
    assert_eq!(billing.ask("PATCH", S).await, (405, json!({ "error": "405 Not Allowed" })));
    assert_eq!(
        billing.ask("PATCH", "/namespaces/123/minutes/move/123").await,
        bad_request("Source and target namespaces must be different")
    );
}

/// A user cannot tell from the work of the service which namespaces exist.
#[testkit::test]
async fn stranger_costs_as_many_statements_for_every_namespace(database: Database) {
    plant(&database);
    let data = TempDir::new().unwrap();
    let directory = write_files(&data);
    let arguments = ["--database-url", database.url_for("billing-api"), "--data-dir", &directory];
    let process = Process::start("billing-api", &arguments, &[]).until_ready();
    let cost = async |id: &str| {
        let path = format!("{LEGACY}/namespaces/{id}/gitlab_subscription");
        let answer = process.request("GET", &path).header("PRIVATE-TOKEN", B).answer().await;
        assert_eq!(answer, forbidden(), "{id}");
        let line = process.log_line(|line| line["message"] == "access");
        line["db_count"].as_u64().unwrap()
    };
    // The first use of the token is written.
    cost("123").await;
    for ids in [
        ["123", "124", "126", "321", "999", "99999999999999999999"].as_slice(),
        &["acme", "ACME", "acme%2Fsub", "acme%2Fnone", "group-127", "none"],
    ] {
        let mut costs = Vec::new();
        for id in ids {
            costs.push(cost(id).await);
        }
        assert!(costs.iter().all(|cost| *cost == costs[0]), "{ids:?}: {costs:?}");
    }
}

//! Bodies and parameters in every encoding.
use super::billing_api;
use super::support::{A, LEGACY, error, shown};
use serde_json::{Value, json};

const S: &str = "/namespaces/123/gitlab_subscription";

#[testkit::test]
async fn body_may_be_json_or_a_form(database: Database) {
    let billing = billing_api(database).await;
    billing.grown(123);
    for (content_type, body) in [
        ("application/json", r#"{"seats":81}"#),
        ("application/x-www-form-urlencoded", "seats=81"),
        (
            "multipart/form-data; boundary=X",
            "--X\r\nContent-Disposition: form-data; name=\"seats\"\r\n\r\n81\r\n--X--\r\n",
        ),
    ] {
        billing.sql("UPDATE gitlab_subscriptions SET seats = 80");
        let (status, body) = billing.send_raw("PUT", S, content_type, body).await.json();
        assert_eq!((status, &body["usage"]["seats_in_subscription"]), (200, &json!(81)), "{content_type}");
    }
    // The body takes precedence over the query.
    let answer =
        billing.send_raw("PUT", &format!("{S}?seats=1"), "application/json", r#"{"seats":82}"#).await;
    assert_eq!(answer.json().1["usage"]["seats_in_subscription"], 82);
}

#[testkit::test]
async fn unreadable_body_is_refused(database: Database) {
    let billing = billing_api(database).await;
    let unreadable = error("message body does not match declared format");
    for body in ["{", "[1]", "7", "\u{0}", "{\"a\":1}}"] {
        assert_eq!(billing.send_raw("PUT", S, "application/json", body).await.json(), unreadable, "{body}");
    }
    let unsupported = json!({ "error": "The provided content-type 'text/xml' is not supported." });
    assert_eq!(billing.send_raw("PUT", S, "text/xml; charset=utf-8", "x").await.json(), (415, unsupported));
    let large = vec![b' '; endpoint::MIB + 1];
    let request = billing.request("PUT", &format!("{LEGACY}{S}")).body("application/json", large);
    assert_eq!(request.answer().await, (413, json!({ "message": "413 Request Entity Too Large" })));
    let many = vec![b' '; 5 * endpoint::MIB + 1];
    let path = format!("{LEGACY}/internal/upcoming_reconciliations");
    assert_eq!(billing.request("PUT", &path).body("application/json", many).send().await.status, 413);
    // Credentials are checked before the body.
    let anonymous = billing.anonymous("PUT", &format!("{LEGACY}{S}")).body("application/json", "{");
    assert_eq!(anonymous.send().await.status, 401);
}

/// A JSON body is limited only by its size and its nesting. A response reports the first ten errors.
#[testkit::test]
async fn body_may_have_any_number_of_values(database: Database) {
    let billing = billing_api(database).await;
    let path = format!("{LEGACY}/internal/upcoming_reconciliations");
    let put =
        async |body: String| billing.request("PUT", &path).body("application/json", body).answer().await;
    let unused = format!(r#"{{"x":[{}0],"upcoming_reconciliations":[]}}"#, "0,".repeat(300_000));
    assert_eq!(put(unused).await, (200, json!(200)));
    let invalid = format!(r#"{{"upcoming_reconciliations":[{}{{}}]}}"#, "{},".repeat(300_000));
    let (status, body) = put(invalid).await;
    let reported = body["error"].as_str().unwrap().split(", ").count();
    assert_eq!((status, reported), (400, 10));
    let scalars = format!(r#"{{"upcoming_reconciliations":[{}0]}}"#, "0,".repeat(300_000));
    let names: Vec<String> = (0..10).map(|at| format!("upcoming_reconciliations[{at}] is invalid")).collect();
    assert_eq!(put(scalars).await, error(&names.join(", ")));
}

#[testkit::test]
async fn unknown_paths_and_methods_are_refused(database: Database) {
    let billing = billing_api(database).await;
    assert_eq!(billing.ask("GET", "/namespaces/123").await, (404, json!({ "error": "404 Not Found" })));
    assert_eq!(billing.ask("GET", "/internal/check").await, (404, json!({ "error": "404 Not Found" })));
    let answer = billing.anonymous("DELETE", &format!("{LEGACY}{S}")).header("TOKEN", A).send().await;
    assert_eq!((answer.status, answer.header("Allow")), (405, Some("POST, PUT, GET, HEAD")));
    assert_eq!(billing.ask("GET", &format!("{S}/")).await.0, 200);
}

/// Null and the empty string mean the same for every optional parameter that is not a string.
#[testkit::test]
async fn empty_value_clears_or_counts_as_absent(database: Database) {
    let billing = billing_api(database).await;
    let dates = [Some("2020-07-15"), Some("2021-07-15"), None];
    let stored = |dates| (200, shown(json!({ "code": "premium" }), [80, 82, 82, 2], dates));
    for empty in [json!(""), Value::Null] {
        billing.sql("DELETE FROM gitlab_subscriptions");
        billing.grown(123);
        for name in [
            "seats",
            "max_seats_used",
            "trial",
            "auto_renew",
            "trial_starts_on",
            "trial_ends_on",
            "trial_extension_type",
        ] {
            assert_eq!(billing.send("PUT", S, json!({ name: empty })).await, stored(dates), "{name} {empty}");
        }
        assert_eq!(
            billing.send("PUT", S, json!({ "start_date": empty })).await,
            error("start_date is invalid")
        );
        assert_eq!(billing.number("SELECT count(*) FROM gitlab_subscription_histories"), 0);
        let cleared = stored([Some("2020-07-15"), None, None]);
        assert_eq!(billing.send("PUT", S, json!({ "end_date": empty })).await, cleared);
        billing.sql("DELETE FROM gitlab_subscription_histories");
    }
    assert_eq!(billing.ask("PUT", &format!("{S}?start_date=")).await, error("start_date is invalid"));
    assert_eq!(billing.ask("PUT", &format!("{S}?seats=&trial=")).await.0, 200);
    let plan = "plan_code does not have a valid value";
    assert_eq!(billing.send("PUT", S, json!({ "plan_code": "" })).await, error(plan));
    assert_eq!(billing.send("PUT", S, json!({ "plan_code": null })).await.0, 200);
    for name in [
        "seats",
        "max_seats_used",
        "trial",
        "auto_renew",
        "start_date",
        "end_date",
        "trial_starts_on",
        "trial_ends_on",
        "trial_extension_type",
    ] {
        let blank = billing.send("PUT", S, json!({ name: " " })).await;
        assert_eq!(blank, error(&format!("{name} is invalid")));
    }
}

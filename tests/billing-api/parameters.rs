//! Bodies of every form, and bodies of none.
use super::billing_api;
use super::support::{A, LEGACY, error};
use serde_json::json;

const S: &str = "/namespaces/123/gitlab_subscription";

#[testkit::test]
async fn a_body_is_json_or_a_form(database: Database) {
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
    // What the body says wins over the query.
    let answer =
        billing.send_raw("PUT", &format!("{S}?seats=1"), "application/json", r#"{"seats":82}"#).await;
    assert_eq!(answer.json().1["usage"]["seats_in_subscription"], 82);
}

#[testkit::test]
async fn what_is_no_body_is_refused(database: Database) {
    let billing = billing_api(database).await;
    let unreadable = error("message body does not match declared format");
    for body in ["{", "[1]", "7", "\u{0}", "{\"a\":1}}"] {
        assert_eq!(billing.send_raw("PUT", S, "application/json", body).await.json(), unreadable, "{body}");
    }
    let unsupported = billing.send_raw("PUT", S, "text/plain", "x").await;
    assert_eq!(unsupported.status, 415);
    let large = vec![b' '; endpoint::MIB + 1];
    let request = billing.request("PUT", &format!("{LEGACY}{S}")).body("application/json", large);
    assert_eq!(request.answer().await, (413, json!({ "message": "413 Request Entity Too Large" })));
    let many = vec![b' '; 5 * endpoint::MIB + 1];
    let path = format!("{LEGACY}/internal/upcoming_reconciliations");
    assert_eq!(billing.request("PUT", &path).body("application/json", many).send().await.status, 413);
    // Who asks is looked at first.
    let anonymous = billing.anonymous("PUT", &format!("{LEGACY}{S}")).body("application/json", "{");
    assert_eq!(anonymous.send().await.status, 401);
}

#[testkit::test]
async fn other_paths_and_methods_are_not_there(database: Database) {
    let billing = billing_api(database).await;
    assert_eq!(billing.ask("GET", "/namespaces/123").await, (404, json!({ "error": "404 Not Found" })));
    assert_eq!(billing.ask("GET", "/internal/check").await, (404, json!({ "error": "404 Not Found" })));
    let answer = billing.anonymous("DELETE", &format!("{LEGACY}{S}")).header("TOKEN", A).send().await;
    assert_eq!((answer.status, answer.header("Allow")), (405, Some("POST, PUT, GET, HEAD")));
    assert_eq!(billing.ask("GET", &format!("{S}/")).await.0, 200);
}

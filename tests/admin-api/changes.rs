//! Adding and removing storage limit exclusions.
use super::admin_api;
use super::support::{A, LIST, P, REASON, error, exclusion, message, two};
use futures_util::future::join_all;
use serde_json::{Value, json};

const NOT_TOP_LEVEL: &str = "Bad request - Namespace must be a top-level namespace";

fn reason(text: &str) -> Value {
    json!({ "reason": text })
}

fn about_reason(text: &str) -> (u16, Value) {
    (400, json!({ "message": { "reason": [text] } }))
}

/// A namespace can be excluded only once.
#[testkit::test]
async fn a_namespace_is_excluded_once(database: Database) {
    let admin = admin_api(database).await;
    let expected = exclusion(1, 123, "A Namespace Name", REASON);
    assert_eq!(admin.exclude("123", &reason(REASON)).await, (201, expected.clone()));
    assert_eq!(admin.exclude("123", &reason("again")).await, message(400, "Bad request - already excluded"));
    assert_eq!(admin.ask("GET", LIST).await, (200, json!([expected])));
}

/// The reason may be sent as JSON, a form, multipart or a query parameter.
#[testkit::test]
async fn reason_is_accepted_in_every_encoding(database: Database) {
    let admin = admin_api(database).await;
    let expected = (201, exclusion(1, 123, "A Namespace Name", "x"));
    assert_eq!(admin.by(A, "POST", P).form("reason=x").answer().await, expected);
    for (n, request) in [
        admin.by(A, "POST", &format!("{P}?reason=x")),
        admin.by(A, "POST", P).body(
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"reason\"\r\n\r\nx\r\n--b--\r\n",
        ),
        admin.by(A, "POST", &P.replace("/api/v4", "/v4")).json(&reason("x")),
        admin.by(A, "POST", &format!("{P}/?reason=y")).json(&reason("x")),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(admin.ask("DELETE", P).await, (204, json!("")));
        let (status, body) = request.answer().await;
        assert_eq!((status, &body["reason"], &body["namespace_id"]), (201, &json!("x"), &json!(123)), "{n}");
    }
}

/// A namespace is found by id or by path, in any case; an unknown one is answered with 404.
#[testkit::test]
async fn a_namespace_is_named_by_number_or_path(database: Database) {
    let admin = admin_api(database).await;
    assert_eq!(admin.exclude("acme", &reason("x")).await, (201, exclusion(1, 123, "A Namespace Name", "x")));
    assert_eq!(admin.exclude("ALICE-too", &reason("x")).await, (201, exclusion(2, 125, "alice too", "x")));
    assert_eq!(admin.exclude("130", &reason("x")).await, (201, exclusion(3, 130, "Other", "x")));
    for unknown in ["999", "nobody", "99999999999999999999", "acme%2Fnobody", "%00", "-1"] {
        assert_eq!(
            admin.exclude(unknown, &reason("x")).await,
            message(404, "Namespace Not Found"),
            "{unknown}"
        );
    }
}

/// A missing, blank or non-string reason is rejected; numbers and booleans are converted.
#[testkit::test]
async fn reason_must_be_a_non_blank_string(database: Database) {
    let admin = admin_api(database).await;
    assert_eq!(admin.exclude("123", &json!({})).await, error(400, "reason is missing"));
    for blank in [json!(""), json!("  "), json!("\n"), Value::Null] {
        assert_eq!(
            admin.exclude("123", &json!({ "reason": blank })).await,
            about_reason("can't be blank"),
            "{blank}"
        );
    }
    for invalid in [json!([1]), json!([]), json!({ "a": 1 }), json!("a\u{0}b")] {
        assert_eq!(
            admin.exclude("123", &json!({ "reason": invalid })).await,
            error(400, "reason is invalid"),
            "{invalid}"
        );
    }
    let unreadable = error(400, "message body does not match declared format");
    for body in ["{", "[1]", "\"x\"", "{\"reason\":\"x\"}}"] {
        assert_eq!(
            admin.by(A, "POST", P).body("application/json", body).answer().await,
            unreadable,
            "{body}"
        );
    }
    let unsupported = error(415, "The provided content-type 'text/xml' is not supported.");
    assert_eq!(admin.by(A, "POST", P).body("text/xml; charset=utf-8", "x").answer().await, unsupported);
    // The reason is validated before the namespace is looked up.
    assert_eq!(admin.exclude("999", &json!({})).await, error(400, "reason is missing"));
    assert_eq!(admin.exclusions(), 0);
    for (text, value) in [("7", json!(7)), ("true", json!(true))] {
        assert_eq!(admin.exclude("123", &json!({ "reason": value })).await.1["reason"], json!(text));
        assert_eq!(admin.ask("DELETE", P).await.0, 204);
    }
}

/// A reason of 255 characters is accepted, one of 256 is rejected.
#[testkit::test]
async fn reason_is_limited_to_255_characters(database: Database) {
    let admin = admin_api(database).await;
    let too_long = about_reason("is too long (maximum is 255 characters)");
    assert_eq!(admin.exclude("123", &reason(&"a".repeat(256))).await, too_long);
    assert_eq!(admin.exclude("123", &reason(&"😀".repeat(256))).await, too_long);
    let longest = "é".repeat(255);
    assert_eq!(
        admin.exclude("123", &reason(&longest)).await,
        (201, exclusion(1, 123, "A Namespace Name", &longest))
    );
}

/// Subgroups and project namespaces cannot be excluded.
#[testkit::test]
async fn only_top_level_namespaces_are_excluded(database: Database) {
    let admin = admin_api(database).await;
    for id in ["124", "126", "acme%2Fsub"] {
        assert_eq!(admin.exclude(id, &reason("x")).await, message(400, NOT_TOP_LEVEL), "{id}");
        let path = format!("/api/v4/namespaces/{id}/storage/limit_exclusion");
        assert_eq!(
            admin.ask("DELETE", &path).await,
            message(404, "Storage Limit Exclusion Not Found"),
            "{id}"
        );
    }
    let unknown = message(404, "Namespace Not Found");
    assert_eq!(admin.exclude("999", &reason("x")).await, unknown);
    assert_eq!(admin.ask("DELETE", "/api/v4/namespaces/999/storage/limit_exclusion").await, unknown);
}

/// Of twenty concurrent requests to exclude a namespace, exactly one succeeds.
#[testkit::test]
async fn concurrent_requests_create_one_exclusion(database: Database) {
    let admin = admin_api(database).await;
    let body = reason("x");
    let answers = join_all((0..20).map(|_| admin.exclude("123", &body))).await;
    let made: Vec<_> = answers.iter().filter(|(status, _)| *status == 201).collect();
    assert_eq!(made.len(), 1, "{answers:?}");
    let refused = message(400, "Bad request - already excluded");
    assert_eq!(answers.iter().filter(|answer| **answer == refused).count(), 19, "{answers:?}");
    assert_eq!(admin.exclusions(), 1);
    let answers = join_all((0..4).map(|_| admin.ask("DELETE", P))).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 204).count(), 1, "{answers:?}");
    let gone = message(404, "Storage Limit Exclusion Not Found");
    assert_eq!(answers.iter().filter(|answer| **answer == gone).count(), 3, "{answers:?}");
    assert_eq!(admin.number("SELECT count(*) FROM admin_audit_events"), 2);
}

/// A removed exclusion is deleted, and the namespace can be excluded again.
#[testkit::test]
async fn namespace_can_be_excluded_again_after_removal(database: Database) {
    let admin = admin_api(database).await;
    assert_eq!(admin.exclude("123", &reason("x")).await.0, 201);
    let answer = admin.by(A, "DELETE", P).send().await;
    assert_eq!((answer.status, answer.text.as_str(), admin.exclusions()), (204, "", 0));
    assert_eq!(admin.ask("DELETE", P).await, message(404, "Storage Limit Exclusion Not Found"));
    assert_eq!(admin.exclude("123", &reason("x")).await, (201, exclusion(2, 123, "A Namespace Name", "x")));
}

/// The list shows the current name of a namespace, and leaves out deleted namespaces.
#[testkit::test]
async fn list_shows_the_current_name_of_a_namespace(database: Database) {
    let admin = admin_api(database).await;
    admin.two();
    admin
        .sql("UPDATE namespaces SET name = 'New Name' WHERE id = 123; DELETE FROM namespaces WHERE id = 130");
    assert_eq!(admin.ask("GET", LIST).await, (200, json!([exclusion(1, 123, "New Name", REASON)])));
}

/// A reason is stored unchanged, with its markup, whitespace and Unicode characters.
#[testkit::test]
async fn reason_is_stored_unchanged(database: Database) {
    let admin = admin_api(database).await;
    let text = " <script>alert('x')</script> %_\\ \u{202e} \n é ";
    assert_eq!(admin.exclude("123", &reason(text)).await, (201, exclusion(1, 123, "A Namespace Name", text)));
    assert_eq!(admin.ask("GET", LIST).await, (200, json!([exclusion(1, 123, "A Namespace Name", text)])));
}

/// GitLab's own database may hold several rows of one namespace, because no unique index forbids it.
#[testkit::test]
async fn duplicates_are_listed_refused_and_removed(database: Database) {
    let admin = admin_api(database).await;
    admin.two();
    admin.excluded(7, 123, "a second");
    let (_, list) = admin.ask("GET", LIST).await;
    let mut expected = two();
    expected.as_array_mut().unwrap().push(exclusion(7, 123, "A Namespace Name", "a second"));
    assert_eq!(list, expected);
    assert_eq!(admin.exclude("123", &reason("x")).await, message(400, "Bad request - already excluded"));
    assert_eq!(admin.ask("DELETE", P).await.0, 204);
    assert_eq!(admin.exclusions(), 1);
}

//! Requests whose bodies are malformed, or whose heads never end.
use super::binary::Binary;
use super::support::token;
use serde_json::json;
use testkit::Database;

/// A request in the body of another request is never handled.
#[testkit::test]
async fn request_in_a_body_is_not_handled(database: Database) {
    let binary = Binary::start(&database);
    let credential = format!("Gitlab-Shell-Api-Request: {}\r\n", token());
    for endpoint in ["/pre_receive", "/allowed", "/two_factor_recovery_codes"] {
        for credential in [credential.as_str(), ""] {
            let line = format!("POST /api/v4/internal{endpoint} HTTP/1.1\r\nHost: x\r\n");
            testkit::smuggling::assert_refused(&binary.process, &format!("{line}{credential}")).await;
        }
    }
}

#[testkit::test]
async fn malformed_body_is_answered(database: Database) {
    let binary = Binary::start(&database);
    let reason = "the body is incomplete";
    let expected = json!({ "message": format!("400 Bad request - {reason}"), "error": reason });
    for endpoint in ["/pre_receive", "/allowed"] {
        let line = format!("POST /api/v4/internal{endpoint} HTTP/1.1\r\nHost: x\r\n");
        let head = format!("{line}Gitlab-Shell-Api-Request: {}\r\n", token());
        testkit::smuggling::assert_answered(&binary.process, &head, &(400, expected.clone())).await;
    }
}

#[actix_web::test]
async fn incomplete_heads_take_bounded_memory() {
    let database = Database::sqlite();
    testkit::heads::assert_bounded(&Binary::start(&database).process).await;
}

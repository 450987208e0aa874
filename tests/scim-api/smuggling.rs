//! Requests whose bodies are malformed, or whose heads never end.
use super::support::{GROUP, INSTANCE, TG, TI, data_dir, plant};
use serde_json::json;
use tempfile::TempDir;
use testkit::{Database, Process};

fn start(database: &Database) -> (Process, TempDir) {
    plant(&mut database.open());
    let data = data_dir();
    let mut arguments =
        vec!["--database-url", database.url_for("scim-api"), "--data-dir", data.path().to_str().unwrap()];
    let unlimited = testkit::without_rate_limits(data.path(), &[]);
    arguments.extend(unlimited.iter().map(String::as_str));
    (Process::start("scim-api", &arguments, &[]).until_ready(), data)
}

/// A request in the body of another request is never handled.
#[testkit::test]
async fn request_in_a_body_is_not_handled(database: Database) {
    let (process, _data) = start(&database);
    for (base, token) in [(GROUP, TG), (INSTANCE, TI)] {
        for credential in [format!("Authorization: Bearer {token}\r\n"), String::new()] {
            let line = format!("POST {base}/Users HTTP/1.1\r\nHost: x\r\n");
            testkit::smuggling::assert_refused(&process, &format!("{line}{credential}")).await;
        }
    }
}

#[testkit::test]
async fn malformed_body_is_answered(database: Database) {
    let (process, _data) = start(&database);
    let expected = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "detail": "the body is incomplete", "scimType": "invalidSyntax", "status": "400" });
    let head = format!("POST {GROUP}/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TG}\r\n");
    testkit::smuggling::assert_answered(&process, &head, &(400, expected)).await;
}

#[actix_web::test]
async fn incomplete_heads_take_bounded_memory() {
    let database = Database::sqlite();
    let (process, _data) = start(&database);
    testkit::heads::assert_bounded(&process).await;
}

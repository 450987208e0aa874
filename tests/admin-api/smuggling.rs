//! Requests whose bodies are malformed, or whose heads never end.
use super::support::{A, KEY_BASE, P, plant};
use serde_json::json;
use tempfile::TempDir;
use testkit::{Database, Process};

fn start(database: &Database) -> (Process, TempDir) {
    plant(database);
    let data = TempDir::new().unwrap();
    std::fs::write(data.path().join(".gitlab_db_key_base"), KEY_BASE).unwrap();
    let mut arguments =
        vec!["--database-url", database.url_for("admin-api"), "--data-dir", data.path().to_str().unwrap()];
    let unlimited = testkit::without_rate_limits(data.path(), &[]);
    arguments.extend(unlimited.iter().map(String::as_str));
    (Process::start("admin-api", &arguments, &[]).until_ready(), data)
}

/// A request in the body of another request is never handled.
#[testkit::test]
async fn request_in_a_body_is_not_handled(database: Database) {
    let (process, _data) = start(&database);
    for path in [P, "/admin/namespace_limits"] {
        for credential in [format!("PRIVATE-TOKEN: {A}\r\n"), String::new()] {
            let line = format!("POST {path} HTTP/1.1\r\nHost: x\r\n");
            testkit::smuggling::assert_refused(&process, &format!("{line}{credential}")).await;
        }
    }
}

#[testkit::test]
async fn malformed_body_is_answered(database: Database) {
    let (process, _data) = start(&database);
    let reason = "the body is incomplete";
    let expected = (400, json!({ "message": format!("400 Bad request - {reason}"), "error": reason }));
    let head = format!("POST {P} HTTP/1.1\r\nHost: x\r\nPRIVATE-TOKEN: {A}\r\n");
    testkit::smuggling::assert_answered(&process, &head, &expected).await;
}

#[actix_web::test]
async fn incomplete_heads_take_bounded_memory() {
    let database = Database::sqlite();
    let (process, _data) = start(&database);
    testkit::heads::assert_bounded(&process).await;
}

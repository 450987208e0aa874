//! Requests whose bodies are malformed, or whose heads never end.
use super::support::{KUBERNETES, token, write_config};
use serde_json::json;
use tempfile::TempDir;
use testkit::kas_fixture::{self, T5};
use testkit::{Database, Process};

fn start(database: &Database) -> (Process, TempDir) {
    kas_fixture::insert(&mut database.open());
    let data = TempDir::new().unwrap();
    let (config, directory) = (write_config(data.path()), data.path().to_str().unwrap());
    let mut arguments =
        vec!["--config", &config, "--database-url", database.url_for("kas-api"), "--data-dir", directory];
    let unlimited = testkit::without_rate_limits(data.path(), &[]);
    arguments.extend(unlimited.iter().map(String::as_str));
    (Process::start("kas-api", &arguments, &[]).until_ready(), data)
}

fn agent() -> String {
    format!("Gitlab-Kas-Api-Request: {}\r\nAuthorization: Bearer {T5}\r\n", token())
}

/// A request in the body of another request is never handled.
#[testkit::test]
async fn request_in_a_body_is_not_handled(database: Database) {
    let (process, _data) = start(&database);
    let agent = agent();
    for path in ["POST /usage_metrics", "POST /modules/cilium_alert", "PUT /modules/starboard_vulnerability"]
    {
        let (method, path) = path.split_once(' ').unwrap();
        for credential in [agent.as_str(), ""] {
            let line = format!("{method} {KUBERNETES}{path} HTTP/1.1\r\nHost: x\r\n");
            testkit::smuggling::assert_refused(&process, &format!("{line}{credential}")).await;
        }
    }
}

#[testkit::test]
async fn malformed_body_is_answered(database: Database) {
    let (process, _data) = start(&database);
    let reason = "the body is incomplete";
    let expected = (400, json!({ "message": format!("400 Bad request - {reason}"), "error": reason }));
    for path in ["POST /usage_metrics", "PUT /modules/starboard_vulnerability"] {
        let (method, path) = path.split_once(' ').unwrap();
        let head = format!("{method} {KUBERNETES}{path} HTTP/1.1\r\nHost: x\r\n{}", agent());
        testkit::smuggling::assert_answered(&process, &head, &expected).await;
    }
}

#[actix_web::test]
async fn incomplete_heads_take_bounded_memory() {
    let database = Database::sqlite();
    let (process, _data) = start(&database);
    testkit::heads::assert_bounded(&process).await;
}

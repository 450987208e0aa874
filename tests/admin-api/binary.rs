//! The binary admin-api: its configuration and its log.
use std::time::Duration;

use super::support::{A, KEY_BASE, P, plant};
use serde_json::json;
use tempfile::TempDir;
use testkit::{Database, Process};

fn start(database: &Database, data: &TempDir) -> Process {
    let directory = data.path().to_str().unwrap();
    let arguments = ["--database-url", database.url(), "--data-dir", directory, "--log-level", "debug"];
    Process::start("admin-api", &arguments, &[])
}

#[testkit::test]
async fn a_change_is_a_line_in_the_log_and_no_token_is(database: Database) {
    plant(&database);
    let data = TempDir::new().unwrap();
    std::fs::write(data.path().join(".gitlab_db_key_base"), KEY_BASE).unwrap();
    let mut process = start(&database, &data).until_ready();
    let excluded = process.request("POST", &format!("{P}?private_token={A}&reason=x")).send().await;
    assert_eq!(excluded.status, 201);
    let line = process.log_line(|line| line["message"] == "audit");
    let said = ["actor_id", "actor", "action", "gl_namespace_id", "consumer"].map(|name| line[name].clone());
    assert_eq!(said, [json!(1), json!("root"), json!("exclude"), json!(123), json!("admin")], "{line}");
    let line = process.log_line(|line| line["message"] == "access");
    let said = ["status", "gl_user_id", "route"].map(|name| line[name].clone());
    assert_eq!(
        said,
        [json!(201), json!(1), json!("/api/v4/namespaces/{id}/storage/limit_exclusion")],
        "{line}"
    );
    assert!(line["url"].as_str().unwrap().contains("private_token=[FILTERED]"), "{line}");
    let listed = process
        .request("GET", &format!("/v4/namespaces/storage/limit_exclusions?access_token={A}"))
        .send()
        .await;
    assert_eq!(listed.status, 200);
    let refused = process.request("POST", "/admin/session").form("token=glpat-a-wrong-one").send().await;
    assert_eq!(refused.status, 401);
    assert_eq!(process.monitor("/-/readiness").await.status, 200);
    process.signal("INT");
    assert_eq!(process.wait().code(), Some(0));
    let log = process.rest_of_log(Duration::from_secs(2)).join("\n");
    for secret in ["glpat-", &KEY_BASE[..16]] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

#[testkit::test]
async fn a_bad_key_base_ends_the_start(database: Database) {
    let data = TempDir::new().unwrap();
    assert_eq!(start(&database, &data).wait().code(), Some(78));
    std::fs::write(data.path().join(".gitlab_db_key_base"), "too short").unwrap();
    assert_eq!(start(&database, &data).wait().code(), Some(78));
}

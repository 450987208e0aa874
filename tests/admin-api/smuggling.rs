//! A request in the body of another request is never handled.
use super::support::{A, KEY_BASE, P, plant};
use tempfile::TempDir;
use testkit::Process;

#[testkit::test]
async fn request_in_a_body_is_not_handled(database: Database) {
    plant(&database);
    let data = TempDir::new().unwrap();
    std::fs::write(data.path().join(".gitlab_db_key_base"), KEY_BASE).unwrap();
    let arguments =
        ["--database-url", database.url_for("admin-api"), "--data-dir", data.path().to_str().unwrap()];
    let process = Process::start("admin-api", &arguments, &[]).until_ready();
    for path in [P, "/admin/namespace_limits"] {
        for credential in [format!("PRIVATE-TOKEN: {A}\r\n"), String::new()] {
            let line = format!("POST {path} HTTP/1.1\r\nHost: x\r\n");
            testkit::smuggling::assert_refused(&process, &format!("{line}{credential}")).await;
        }
    }
}

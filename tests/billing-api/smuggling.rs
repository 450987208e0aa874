//! A request in the body of another request is never handled.
use super::support::{A, CURRENT, LEGACY, plant, write_files};
use tempfile::TempDir;
use testkit::Process;

#[testkit::test]
async fn request_in_a_body_is_not_handled(database: Database) {
    plant(&database);
    let data = TempDir::new().unwrap();
    let directory = write_files(&data);
    let jwks = data.path().join("jwks.json");
    let arguments = [
        "--database-url",
        database.url_for("billing-api"),
        "--data-dir",
        &directory,
        "--jwks-file",
        jwks.to_str().unwrap(),
    ];
    let process = Process::start("billing-api", &arguments, &[]).until_ready();
    for base in [LEGACY, CURRENT] {
        for credential in [format!("PRIVATE-TOKEN: {A}\r\n"), String::new()] {
            let line = format!("POST {base}/namespaces/123/minutes HTTP/1.1\r\nHost: x\r\n");
            testkit::smuggling::assert_refused(&process, &format!("{line}{credential}")).await;
        }
    }
}

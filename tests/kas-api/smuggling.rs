//! A request in the body of another request is never handled.
use super::support::{KUBERNETES, token, write_config};
use tempfile::TempDir;
use testkit::Process;
use testkit::kas_fixture::{self, T5};

#[testkit::test]
async fn request_in_a_body_is_not_handled(database: Database) {
    kas_fixture::insert(&mut database.open());
    let data = TempDir::new().unwrap();
    let (config, directory) = (write_config(data.path()), data.path().to_str().unwrap());
    let arguments =
        ["--config", &config, "--database-url", database.url_for("kas-api"), "--data-dir", directory];
    let process = Process::start("kas-api", &arguments, &[]).until_ready();
    let agent = format!("Gitlab-Kas-Api-Request: {}\r\nAuthorization: Bearer {T5}\r\n", token());
    for path in ["POST /usage_metrics", "POST /modules/cilium_alert", "PUT /modules/starboard_vulnerability"]
    {
        let (method, path) = path.split_once(' ').unwrap();
        for credential in [agent.as_str(), ""] {
            let line = format!("{method} {KUBERNETES}{path} HTTP/1.1\r\nHost: x\r\n");
            testkit::smuggling::assert_refused(&process, &format!("{line}{credential}")).await;
        }
    }
}

//! A request in the body of another request is never handled.
use super::support::{GROUP, INSTANCE, TG, TI, data_dir, plant};
use testkit::Process;

#[testkit::test]
async fn request_in_a_body_is_not_handled(database: Database) {
    plant(&mut database.open());
    let data = data_dir();
    let arguments =
        ["--database-url", database.url_for("scim-api"), "--data-dir", data.path().to_str().unwrap()];
    let process = Process::start("scim-api", &arguments, &[]).until_ready();
    for (base, token) in [(GROUP, TG), (INSTANCE, TI)] {
        for credential in [format!("Authorization: Bearer {token}\r\n"), String::new()] {
            let line = format!("POST {base}/Users HTTP/1.1\r\nHost: x\r\n");
            testkit::smuggling::assert_refused(&process, &format!("{line}{credential}")).await;
        }
    }
}

//! A request in the body of another request is never handled.
use super::binary::Binary;
use super::support::token;

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

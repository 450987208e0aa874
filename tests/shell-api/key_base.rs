//! The files with the key bases that other secrets are derived from.
use super::binary::Setup;
use super::shell_api_with;
use super::support::KEY_BASE;
use serde_json::json;
use tempfile::TempDir;
use testkit::Database;

/// Asserts that the configuration is rejected with exit status 78, and returns the error.
fn refused(change: impl Fn(&Setup), arguments: &[&str]) -> String {
    let database = Database::sqlite();
    let setup = Setup::new(&database);
    change(&setup);
    let output = setup.run(&[&["check-config"], arguments].concat(), &[]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[actix_web::test]
async fn invalid_key_base_prevents_the_start() {
    let name = ".gitlab_db_key_base";
    let write = |setup: &Setup, text: &str| std::fs::write(setup.path(name), text).unwrap();
    assert!(refused(|setup| std::fs::remove_file(setup.path(name)).unwrap(), &[]).contains(name));
    assert!(refused(|setup| write(setup, "\n"), &[]).contains("the secret is empty"));
    let short = "a secret that is short";
    let said = refused(|setup| write(setup, short), &[]);
    assert!(said.contains("fewer than 32 characters") && !said.contains(short), "{said}");
    assert!(refused(|_| {}, &["--two-factor-for-cli"]).contains("otp_key_base_file is missing"));
    let text = |setup: &Setup| std::fs::write(setup.path(".workhorse"), "no base64 of 32 bytes").unwrap();
    let database = Database::sqlite();
    let setup = Setup::new(&database);
    text(&setup);
    let path = setup.path(".workhorse");
    let output = setup.run(&["check-config", "--workhorse-secret-file", path.to_str().unwrap()], &[]);
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8(output.stderr).unwrap().contains("not base64 of 32 bytes"));
    assert!(refused(|_| {}, &["--lfs-token-ttl", "0"]).contains("lfs_token_ttl"));
}

#[testkit::test]
async fn the_last_value_of_a_rotation_signs(database: Database) {
    let files = TempDir::new().unwrap();
    let path = files.path().join("key_base");
    std::fs::write(&path, format!("{}\n{KEY_BASE}\n", "another value ".repeat(4))).unwrap();
    let shell = shell_api_with(database, &["--db-key-base-file", path.to_str().unwrap()]).await;
    let body = json!({ "key_id": 11, "name": "n", "scopes": ["api"] });
    let (_, answer) = shell.post("/personal_access_token", body).await;
    let digest = auth::KeyBase::from_text(KEY_BASE).unwrap().token_digest(answer["token"].as_str().unwrap());
    let changed = diesel::RunQueryDsl::execute(
        diesel::delete(diesel::QueryDsl::filter(
            database::schema::personal_access_tokens::table,
            diesel::ExpressionMethods::eq(database::schema::personal_access_tokens::token_digest, digest),
        )),
        &mut shell.service.database.open(),
    );
    assert_eq!(changed.unwrap(), 1);
}

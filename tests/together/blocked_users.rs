//! A user whom scim-api blocks cannot push through shell-api, on the same database.
use super::scim_support::scim_api;
use super::scim_support::{INSTANCE, U1, UID, op};
use serde_json::json;
use server::Service as _;
use testkit::{Service, fixture};

const SECRET: &str = "the secret of shell and gitaly";

#[testkit::test]
async fn a_blocked_user_is_refused_by_the_next_allowed(database: Database) {
    let data = tempfile::TempDir::new().unwrap();
    std::fs::write(data.path().join(".gitlab_shell_secret"), SECRET).unwrap();
    std::fs::write(data.path().join(".gitlab_db_key_base"), "0123456789abcdef".repeat(8)).unwrap();
    let repositories = testkit::git::repositories().path.display().to_string();
    let config = data.path().join("config.yaml");
    std::fs::write(
        &config,
        format!(
            "storages:\n  default: {{address: 'unix:/run/gitaly.socket', inspect: local, path: \
             {repositories}}}\n"
        ),
    )
    .unwrap();
    let arguments = [
        "shell-api",
        "--config",
        config.to_str().unwrap(),
        "--database-url",
        database.url_for("shell-api"),
        "--data-dir",
        data.path().to_str().unwrap(),
    ];
    let loaded = server::config::load::<shell_api::Options>(
        "shell-api",
        shell_api::INFO.structures,
        arguments.iter().map(Into::into),
    )
    .unwrap();
    let prepared = loaded.options.prepare(&loaded.structures).unwrap();
    let scim = scim_api(database).await;
    let mut conn = scim.service.database.open();
    fixture::key(&mut conn, 90, Some(U1), &testkit::ssh::ed25519(90));
    fixture::member(&mut conn, U1, database::memberships::Source::Project(3), domain::Role::DEVELOPER);
    let shell = Service::start(std::sync::Arc::clone(&scim.service.database), prepared).await;
    let allowed = async || {
        let secrets = auth::Secrets::new(auth::Secret::from_text(SECRET).unwrap(), None);
        let token = auth::shell::issue(&secrets, endpoint::Clock::System.unix()).unwrap();
        let body = json!({ "key_id": 90, "project": "grp/p", "action": "git-receive-pack", "protocol": "ssh",
            "changes": "_any" });
        let request =
            shell.request("POST", "/api/v4/internal/allowed").header("Gitlab-Shell-Api-Request", &token);
        let (status, answer) = request.json(&body).answer().await;
        (status, answer["message"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(allowed().await.0, 200);
    let path = format!("{INSTANCE}/Users/{UID}");
    let set = async |active: bool| {
        scim.with_token(crate::scim_support::TI, "PATCH", &path)
            .json(&op("replace", "active", json!(active)))
            .send()
            .await
            .status
    };
    assert_eq!(set(false).await, 204);
    assert_eq!(allowed().await, (401, "Your account has been blocked.".to_owned()));
    assert_eq!(set(true).await, 204);
    assert_eq!(allowed().await.0, 200);
}

//! A running shell-api, and its callers.
use std::sync::Arc;

use auth::{Secret, Secrets};
use database::git_access::{self, ActorId, ProjectId};
use serde_json::{Value, json};
use server::Service as _;
use tempfile::TempDir;
use testkit::git::{Repositories, repositories};
use testkit::{Answer, Database, Redis, Release, Request, Service};

pub const SECRET: &str = "the secret of shell and gitaly";
/// The key base of GitLab's test vectors.
pub const KEY_BASE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\
    0123456789abcdef0123456789abcdef0123456789abcdef";
const ROOT: &str = "/api/v4/internal";
/// The object id that stands for no commit.
pub const Z: &str = "0000000000000000000000000000000000000000";

/// Whether registrations of `WebAuthn` tell passkeys from second factors. GitLab 18.5 and older do not.
pub fn has_passkeys(database: &Database) -> bool {
    database.gitlab_release().is_none_or(|release| release == Release::V19_5)
}

/// A running shell-api, with requests as GitLab Shell sends them.
pub struct Shell {
    pub service: Service,
    pub git: &'static Repositories,
    pub secret: Arc<dyn server::secrets::Reload>,
    _data: TempDir,
}

/// Starts a shell-api with the repositories of the fixture.
pub async fn shell_api(database: Database) -> Shell {
    shell_api_with(database, &[]).await
}

/// Starts a shell-api with further arguments.
pub async fn shell_api_with(database: Database, arguments: &[&str]) -> Shell {
    shell_api_at(database, &repositories().path, arguments).await
}

/// Starts a shell-api with the test's own repositories.
pub async fn shell_api_at(
    database: Database,
    repositories_path: &std::path::Path,
    arguments: &[&str],
) -> Shell {
    shell_api_of(database, &storages(&repositories_path.to_string_lossy()), arguments).await
}

/// Prepares a service with these arguments, without starting it.
pub fn prepare_with(
    database: &Database,
    arguments: &[&str],
) -> Result<server::Prepared, server::config::ConfigError> {
    let data = TempDir::new().unwrap();
    let config = write_config(&data, "");
    let mut all = vec!["shell-api", "--config", &config, "--database-url", database.url_for("shell-api")];
    all.extend(["--data-dir", data.path().to_str().unwrap()]);
    all.extend(arguments);
    let structures = shell_api::INFO.structures;
    let loaded =
        server::config::load::<shell_api::Options>("shell-api", structures, all.iter().map(Into::into))
            .unwrap();
    loaded.options.prepare(&loaded.structures)
}

/// Starts a shell-api with the test's own configuration.
pub async fn shell_api_of(database: Database, config: &str, arguments: &[&str]) -> Shell {
    let data = TempDir::new().unwrap();
    let config = write_config(&data, config);
    let mut all = vec![
        "shell-api",
        "--config",
        &config,
        "--database-url",
        database.url_for("shell-api"),
        "--external-url",
    ];
    all.extend(["https://gitlab.example.com", "--data-dir", data.path().to_str().unwrap()]);
    all.extend(arguments);
    let loaded = server::config::load::<shell_api::Options>(
        "shell-api",
        shell_api::INFO.structures,
        all.iter().map(Into::into),
    )
    .unwrap();
    let prepared = loaded.options.prepare(&loaded.structures).unwrap();
    Shell::start(database, prepared, data).await
}

/// Writes the secrets and the configuration, and returns the configuration's path.
pub fn write_config(data: &TempDir, config: &str) -> String {
    std::fs::write(data.path().join(".gitlab_shell_secret"), format!("{SECRET}\n")).unwrap();
    std::fs::write(data.path().join(".gitlab_db_key_base"), format!("{KEY_BASE}\n")).unwrap();
    let path = data.path().join("config.yaml");
    std::fs::write(&path, config).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The configuration of a storage that is inspected and one that is not.
pub fn storages(path: &str) -> String {
    format!(
        "storages:\n  default: {{address: 'unix:/run/gitaly.socket', inspect: local, path: {path}}}\n  \
         blind: {{address: 'tcp://gitaly:8075', token: s3cret, inspect: none}}\n"
    )
}

/// A new token of GitLab Shell.
pub fn token() -> String {
    let secrets = Secrets::new(Secret::from_text(SECRET).unwrap(), None);
    auth::shell::issue(&secrets, endpoint::Clock::System.unix()).unwrap()
}

impl Shell {
    /// Starts a prepared service, and keeps `data` while it runs.
    pub async fn start(database: Database, prepared: server::Prepared, data: TempDir) -> Self {
        let secret = Arc::clone(&prepared.secrets[0]);
        Self { service: Service::start(database, prepared).await, git: repositories(), secret, _data: data }
    }

    /// A request with a new token.
    pub fn request(&self, method: &str, path: &str) -> Request {
        self.anonymous(method, path).header("Gitlab-Shell-Api-Request", &token())
    }

    /// A request without any credential.
    pub fn anonymous(&self, method: &str, path: &str) -> Request {
        self.service.request(method, &format!("{ROOT}{path}"))
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.request("GET", path).answer().await
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.request("POST", path).json(&body).answer().await
    }

    /// Calls `/allowed` with the default fields, overridden by `body`; `null` removes a field.
    pub async fn allowed(&self, body: Value) -> (u16, Value) {
        self.send_allowed(body).await.json()
    }

    pub async fn send_allowed(&self, body: Value) -> Answer {
        let mut request =
            json!({ "project": "grp/p", "action": "git-upload-pack", "protocol": "ssh", "changes": "_any" });
        merge(&mut request, body);
        self.request("POST", "/allowed").json(&request).send().await
    }

    /// Asks whether the key's owner may clone the project.
    pub async fn clone(&self, key_id: i64, project: &str) -> (u16, Value) {
        self.allowed(json!({ "key_id": key_id, "project": project })).await
    }

    /// Asks whether the key's owner may push anything to the project.
    pub async fn push_any(&self, key_id: i64, project: &str) -> (u16, Value) {
        self.allowed(json!({ "key_id": key_id, "project": project, "action": "git-receive-pack" })).await
    }

    /// Asks whether the key's owner may push these changes to project P, as Gitaly does.
    pub async fn push(&self, key_id: i64, changes: &str) -> (u16, Value) {
        self.push_with(key_id, changes, json!({})).await
    }

    pub async fn push_with(&self, key_id: i64, changes: &str, further: Value) -> (u16, Value) {
        let mut body = json!({
            "key_id": key_id.to_string(),
            "project": "/var/opt/gitlab/git-data/repositories/@hashed/x.git",
            "gl_repository": "project-3",
            "action": "git-receive-pack",
            "changes": changes,
        });
        merge(&mut body, further);
        self.allowed(body).await
    }

    pub fn sql(&self, statements: &str) {
        self.service.sql(statements);
    }
}

fn merge(into: &mut Value, from: Value) {
    let (Value::Object(into), Value::Object(from)) = (into, from) else { panic!("two objects") };
    for (name, value) in from {
        if value.is_null() { drop(into.remove(&name)) } else { drop(into.insert(name, value)) }
    }
}

/// Retries until the condition holds, for at most a minute.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while !holds().await {
        assert!(std::time::Instant::now() < end, "this does not hold after a minute: {what}");
        tokio::task::yield_now().await;
    }
}

/// Repeats requests until all of them are sent within the same minute of the clock, which is the window of
/// the rate limit.
pub async fn in_one_minute<T>(mut ask: impl AsyncFnMut(&'static str) -> T) -> T {
    let minute = || endpoint::Clock::System.unix().div_euclid(60);
    for _ in 0..3 {
        let (begin, answer) = (minute(), ask("grp/p").await);
        if minute() == begin {
            return answer;
        }
        let current = minute();
        eventually("the next minute", async || minute() != current).await;
    }
    panic!("the requests take a minute each time");
}

/// Status and message of a response; the message is empty if it allows the action.
pub fn verdict((status, body): &(u16, Value)) -> (u16, &str) {
    match body["status"].as_bool() {
        Some(true) => (*status, ""),
        _ => (*status, body["message"].as_str().unwrap_or("no message")),
    }
}

/// The whole body of a rejection.
pub fn refusal(message: &str) -> Value {
    json!({ "status": false, "message": message })
}

pub const ALLOWED: (u16, &str) = (200, "");
pub const NOT_FOUND: (u16, &str) =
    (404, "The project you were looking for could not be found or you don't have permission to view it.");
pub const NO_DOWNLOAD: (u16, &str) = (401, "You are not allowed to download code from this project.");

pub const UNAUTHORIZED: &str = r#"{"message":"401 Unauthorized"}"#;

/// Asserts that requests with key 11 have changed neither the database nor Redis.
pub fn nothing_changed(shell: &Shell, redis: &Redis) {
    let mut conn = shell.service.database.open();
    let found = git_access::find(&mut conn, &ActorId::Key(11), &ProjectId::Id(3)).unwrap();
    assert_eq!((found.key_last_used_at, found.last_activity_on), (None, None));
    assert_eq!(database::outbox::list(&mut conn, "post_receive").unwrap(), Vec::<String>::new());
    assert_eq!(redis.ask::<Vec<String>>(&["KEYS", "*"]), Vec::<String>::new());
}

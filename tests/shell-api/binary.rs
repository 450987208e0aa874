//! The binary shell-api, as an operator runs it.
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::git::repositories;
use testkit::{Database, Process, Request};

use super::support::{SECRET, storages, token, write_config};

/// A directory with a secret and a configuration, and the command-line arguments for them.
pub struct Setup {
    pub data: TempDir,
    arguments: Vec<String>,
}

impl Setup {
    /// A setup with this database.
    pub fn new(database: &Database) -> Self {
        let mut setup = Self::bare();
        setup.arguments.extend(["--database-url".to_owned(), database.url_for("shell-api").to_owned()]);
        setup
    }

    /// A setup with the embedded database, which does not exist yet.
    pub fn bare() -> Self {
        let data = TempDir::new().unwrap();
        let config = write_config(&data, &storages(&repositories().path.to_string_lossy()));
        let directory = data.path().to_str().unwrap().to_owned();
        Self { arguments: vec!["--config".to_owned(), config, "--data-dir".to_owned(), directory], data }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    /// Appends to the configuration file.
    pub fn configure(&self, further: &str) {
        let path = self.path("config.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text + further).unwrap();
    }

    /// Starts it and waits until it is ready.
    pub fn start(self, arguments: &[&str], environment: &[(&str, &str)]) -> Binary {
        let process = self.launch(arguments, environment).until_ready();
        Binary { process, setup: self }
    }

    /// Starts it.
    pub fn launch(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Process {
        let all: Vec<&str> =
            self.arguments.iter().map(String::as_str).chain(arguments.iter().copied()).collect();
        Process::start("shell-api", &all, environment)
    }

    /// Runs the binary until it exits, for at most a minute.
    pub fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut command = Command::new("timeout");
        command.arg("60").arg(testkit::binary("shell-api")).args(&self.arguments).args(arguments);
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(environment.iter().copied());
        command.current_dir(self.data.path()).output().unwrap()
    }

    /// The exit code and the standard error.
    pub fn failure(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.run(arguments, &[]);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

/// A running shell-api.
pub struct Binary {
    pub process: Process,
    pub setup: Setup,
}

impl Binary {
    /// Starts the binary with this database and no further options.
    pub fn start(database: &Database) -> Self {
        Setup::new(database).start(&[], &[])
    }

    /// A request with a new token.
    pub fn request(&self, method: &str, path: &str) -> Request {
        self.process
            .request(method, &format!("/api/v4/internal{path}"))
            .header("Gitlab-Shell-Api-Request", &token())
    }

    /// Calls `/check` with a token signed with this secret, and returns the status.
    pub async fn check_with(&self, secret: &str) -> u16 {
        let secrets = auth::Secrets::new(auth::Secret::from_text(secret).unwrap(), None);
        let token = auth::shell::issue(&secrets, endpoint::Clock::System.unix()).unwrap();
        let request = self.process.request("GET", "/api/v4/internal/check");
        request.header("Gitlab-Shell-Api-Request", &token).send().await.status
    }

    /// Alice clones project P.
    pub async fn clone(&self) -> (u16, Value) {
        self.request("POST", "/allowed").json(&clone()).answer().await
    }

    /// The next line of the access log.
    pub fn access(&self) -> Value {
        self.process.log_line(|line| line["message"] == "access")
    }

    /// Repeats a request until it makes at most this many statements, or twenty times, and returns its
    /// access log line. Settings older than a second cost one more statement.
    pub async fn line_of_at_most(&self, statements: u64, mut ask: impl AsyncFnMut()) -> Value {
        for _ in 1..20 {
            ask().await;
            let line = self.access();
            if line["db_count"].as_u64().unwrap() <= statements {
                return line;
            }
        }
        ask().await;
        self.access()
    }

    /// Replaces the file of the secret by another file, as Kubernetes does.
    pub fn write_secret(&self, text: &str) {
        let new = self.setup.path("new-secret");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.setup.path(".gitlab_shell_secret")).unwrap();
    }

    /// Whether the original secret is accepted.
    pub async fn is_trusted(&self) -> bool {
        self.check_with(SECRET).await == 200
    }
}

pub fn clone() -> Value {
    json!({ "key_id": 11, "project": "grp/p", "action": "git-upload-pack", "protocol": "ssh",
        "changes": "_any" })
}

/// Gitaly's request for a push by alice.
pub fn push(changes: &str) -> Value {
    json!({ "key_id": "11", "gl_repository": "project-3", "action": "git-receive-pack", "protocol": "ssh",
        "changes": changes })
}

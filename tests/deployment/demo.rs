//! The demo's data with its credentials, for tests that send requests of every consumer to running programs.
use std::path::Path;
use std::process::Command;

use auth::{Secret, Secrets};
use serde_json::Value;
use tempfile::TempDir;
use testkit::{Process, binary};

use crate::services::root;

/// The demo's data, its secrets and tokens.
pub struct Demo {
    data: TempDir,
    /// Arguments of every service.
    arguments: Vec<String>,
    /// Variables of every program.
    environment: Vec<(&'static str, String)>,
    shell: Secrets,
    kas: Secrets,
    /// `demo.json`.
    tokens: Value,
}

/// Whose credentials a request carries.
#[derive(Debug, Clone, Copy)]
pub enum Consumer {
    Shell,
    Agent,
    IdentityProvider,
    Administrator,
}

/// A request that can be repeated.
#[derive(Debug, Clone)]
pub struct DemoRequest {
    pub consumer: Consumer,
    pub method: &'static str,
    pub path: String,
    /// A form, or JSON if it begins with `{`.
    pub body: String,
}

impl DemoRequest {
    pub fn get(consumer: Consumer, path: impl Into<String>) -> Self {
        Self::new(consumer, "GET", path, "")
    }

    pub fn new(
        consumer: Consumer,
        method: &'static str,
        path: impl Into<String>,
        body: impl Into<String>,
    ) -> Self {
        Self { consumer, method, path: path.into(), body: body.into() }
    }
}

impl Demo {
    /// In the servers that `deploy/bin/with-servers` has started, with the rate limits of an installation.
    pub fn on_servers() -> Self {
        let server = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| panic!("no {name}: run deploy/bin/with-servers"))
        };
        let environment = vec![
            ("IAPI_DATABASE_URL", server("TEST_DATABASE_URL")),
            ("IAPI_REDIS_URL", server("TEST_REDIS_URL")),
        ];
        Self::new(TempDir::new().unwrap(), environment, Vec::new())
    }

    /// In the SQLite file of this directory, without rate limits.
    pub fn on_sqlite(data: TempDir) -> Self {
        let environment = vec![("IAPI_DATABASE_URL", sqlite_url(data.path()))];
        let arguments = testkit::without_rate_limits(data.path(), &[]);
        Self::new(data, environment, arguments)
    }

    fn new(data: TempDir, environment: Vec<(&'static str, String)>, arguments: Vec<String>) -> Self {
        let repositories = data.path().join("repositories").display().to_string();
        let hooks = root().join("deploy/demo/hooks").display().to_string();
        let seed = ["seed", "--demo", "--repositories-dir", &repositories, "--hooks-dir", &hooks];
        for arguments in [&["secrets", "generate"][..], &["migrate"], &seed] {
            let mut command = Command::new(binary("internal-apictl"));
            command.args(arguments).arg("--data-dir").arg(data.path()).envs(environment.clone());
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let text = |name: &str| std::fs::read_to_string(data.path().join(name)).unwrap();
        let shell = Secrets::new(Secret::from_text(&text(".gitlab_shell_secret")).unwrap(), None);
        let kas = Secrets::new(Secret::from_base64(&text(".gitlab_kas_secret")).unwrap(), None);
        let tokens = serde_json::from_str(&text("demo.json")).unwrap();
        Self { data, arguments, environment, shell, kas, tokens }
    }

    /// The directory of the data.
    pub fn directory(&self) -> &Path {
        self.data.path()
    }

    /// The URL of the SQLite file.
    pub fn sqlite_url(&self) -> String {
        sqlite_url(self.directory())
    }

    /// The path of the demo group's users in scim-api.
    pub fn users_path(&self) -> String {
        format!("/api/scim/v2/groups/{}/Users", self.tokens["scim_group_path"].as_str().unwrap())
    }

    pub fn start(&self, name: &str, addresses: &[String; 2]) -> Process {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let (config, data) = (path(&self.directory().join("config.yaml")), path(self.directory()));
        let mut arguments = vec!["--config", &config, "--data-dir", &data];
        arguments.extend(self.arguments.iter().map(String::as_str));
        let environment: Vec<_> =
            self.environment.iter().map(|(key, value)| (*key, value.as_str())).collect();
        Process::start_at(addresses, name, &arguments, &environment).until_ready()
    }

    /// Reads of all consumers. At 300 requests a second they stay below the rate limits, such as 5 a second
    /// and key for `allowed`.
    pub fn requests(&self) -> Vec<DemoRequest> {
        let billing = "/api/v4/internal/gitlab_subscriptions/namespaces/1235/gitlab_subscription";
        let allowed = "key_id=11&project=gnuwget/wget2&action=git-upload-pack&protocol=ssh&changes=_any";
        let mut requests = vec![
            DemoRequest::new(Consumer::Shell, "POST", "/api/v4/internal/allowed", allowed),
            DemoRequest::get(Consumer::Agent, "/api/v4/internal/kubernetes/agent_info"),
            DemoRequest::get(Consumer::Agent, "/api/v4/internal/kubernetes/agent_info"),
            DemoRequest::get(Consumer::IdentityProvider, self.users_path()),
            DemoRequest::get(Consumer::Administrator, billing),
            DemoRequest::get(Consumer::Administrator, "/api/v4/namespaces/storage/limit_exclusions"),
        ];
        while requests.len() < 60 {
            requests.push(DemoRequest::get(Consumer::Shell, "/api/v4/internal/check"));
            requests.push(DemoRequest::get(Consumer::Shell, "/api/v4/internal/discover?key_id=7"));
        }
        requests
    }

    /// Sends a request to the server at this URL, on a connection of its own. Returns status and body.
    pub async fn send(
        &self,
        client: &reqwest::Client,
        url: &str,
        request: &DemoRequest,
    ) -> reqwest::Result<(u16, String)> {
        let DemoRequest { consumer, method, path, body } = request;
        let builder = client.request(method.parse().unwrap(), format!("{url}{path}"));
        let builder = builder.header("Connection", "close");
        let token = |name: &str| self.tokens[name].as_str().unwrap();
        let now = endpoint::Clock::System.unix();
        let builder = match consumer {
            Consumer::Shell => {
                builder.header("Gitlab-Shell-Api-Request", auth::shell::issue(&self.shell, now).unwrap())
            }
            Consumer::Agent => {
                let signed = auth::kas::issue(&self.kas, now).unwrap();
                builder.bearer_auth(token("agent_token")).header("Gitlab-Kas-Api-Request", signed)
            }
            Consumer::IdentityProvider => builder.bearer_auth(token("scim_group_token")),
            Consumer::Administrator => builder.header("PRIVATE-TOKEN", token("admin_token")),
        };
        let content_type = match consumer {
            Consumer::IdentityProvider => "application/scim+json",
            _ if body.starts_with('{') => "application/json",
            _ => "application/x-www-form-urlencoded",
        };
        let builder = if body.is_empty() {
            builder
        } else {
            builder.header("Content-Type", content_type).body(body.clone())
        };
        let response = builder.send().await?;
        let status = response.status().as_u16();
        Ok((status, response.text().await?))
    }
}

fn sqlite_url(directory: &Path) -> String {
    format!("sqlite://{}/internal-api.sqlite3", directory.display())
}

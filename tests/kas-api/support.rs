//! A running kas-api and its callers.
use std::path::Path;
use std::sync::Arc;

use auth::{Secret, Secrets};
use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Text};
use serde_json::{Value, json};
use server::Service as _;
use tempfile::TempDir;
use testkit::kas_fixture::{self, T5};
use testkit::{Database, Redis, Request, Service};

/// The bytes 0 to 31 in base64, as in the secret file.
pub const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
pub const KUBERNETES: &str = "/api/v4/internal/kubernetes";
pub const NOT_KAS: &str = r#"{"message":"KAS JWT authentication invalid"}"#;
pub const UNAUTHORIZED: &str = r#"{"message":"401 Unauthorized"}"#;

/// A running kas-api, with requests as kas sends them.
pub struct Kas {
    pub service: Service,
    pub secret: Arc<dyn server::secrets::Reload>,
    pub data: TempDir,
}

/// A kas-api whose storage has no repositories.
pub async fn kas_api(database: Database) -> Kas {
    kas_api_with(database, &[]).await
}

/// Starts a kas-api with further arguments.
pub async fn kas_api_with(database: Database, arguments: &[&str]) -> Kas {
    kas_fixture::insert(&mut database.open());
    kas_api_on(database, arguments).await
}

/// Starts a kas-api on a database that has the fixture.
pub async fn kas_api_on(database: Database, arguments: &[&str]) -> Kas {
    let data = TempDir::new().unwrap();
    let config = write_config(data.path());
    start(database, data, &config, arguments).await
}

/// A kas-api whose repositories are read through the Gitaly server at this address.
pub async fn kas_api_through_gitaly(database: Database, address: &str) -> Kas {
    kas_fixture::insert(&mut database.open());
    let data = TempDir::new().unwrap();
    let config = write_config(data.path());
    std::fs::write(&config, format!("storages: {{default: {{address: '{address}'}}}}\n")).unwrap();
    start(database, data, &config, &[]).await
}

async fn start(database: Database, data: TempDir, config: &str, arguments: &[&str]) -> Kas {
    let mut all = vec!["kas-api", "--config", config, "--database-url", database.url_for("kas-api")];
    all.extend(["--data-dir", data.path().to_str().unwrap()]);
    let unlimited = testkit::without_rate_limits(data.path(), arguments);
    all.extend(unlimited.iter().map(String::as_str));
    all.extend(arguments);
    let loaded =
        server::config::load::<kas_api::Options>("kas-api", &["storages"], all.iter().map(Into::into))
            .unwrap();
    let prepared = loaded.options.prepare(&loaded.structures).unwrap();
    let secret = Arc::clone(&prepared.secrets[0]);
    Kas { service: Service::start(database, prepared).await, secret, data }
}

/// Writes secrets and the configuration to a directory. Returns the path of the configuration.
pub fn write_config(data: &Path) -> String {
    std::fs::write(data.join(".gitlab_kas_secret"), format!("{SECRET}\n")).unwrap();
    std::fs::write(data.join(".gitlab_db_key_base"), kas_fixture::key_base_text()).unwrap();
    let repositories = data.join("repositories");
    std::fs::create_dir_all(&repositories).unwrap();
    let path = data.join("config.yaml");
    let storages = format!(
        "storages: {{default: {{address: 'unix:/srv/gitaly.socket', token: s3cret, path: '{}'}}}}\n",
        repositories.display()
    );
    std::fs::write(&path, storages).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A fresh token of kas.
pub fn token() -> String {
    let secrets = Secrets::new(Secret::from_base64(SECRET).unwrap(), None);
    auth::kas::issue(&secrets, endpoint::Clock::System.unix()).unwrap()
}

impl Kas {
    /// A request without any credential.
    pub fn anonymous(&self, method: &str, path: &str) -> Request {
        self.service.request(method, &format!("{KUBERNETES}{path}"))
    }

    /// A request of kas.
    pub fn request(&self, method: &str, path: &str) -> Request {
        self.anonymous(method, path).header("Gitlab-Kas-Api-Request", &token())
    }

    /// A request of kas for agent 5.
    pub fn agent(&self, method: &str, path: &str) -> Request {
        self.agent_with(method, path, T5)
    }

    /// A request of kas for the agent with this token.
    pub fn agent_with(&self, method: &str, path: &str, token: &str) -> Request {
        self.request(method, path).header("Authorization", &format!("Bearer {token}"))
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.agent("GET", path).answer().await
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.request("POST", path).json(&body).answer().await
    }

    pub fn sql(&self, statements: &str) {
        self.service.sql(statements);
    }

    /// Reads one number from the database.
    pub fn number(&self, query: &str) -> i64 {
        let query = format!("SELECT CAST(({query}) AS bigint)");
        sql::<BigInt>(&query).get_result(&mut self.service.database.open()).unwrap()
    }

    /// Reads strings from the database.
    pub fn texts(&self, query: &str) -> Vec<String> {
        sql::<Text>(query).get_results(&mut self.service.database.open()).unwrap()
    }

    pub async fn total(&self, name: &str) -> i64 {
        self.metric("kas_usage_counter_total", name).await
    }

    pub async fn set(&self, name: &str) -> i64 {
        self.metric("kas_unique_counter", name).await
    }

    #[expect(clippy::cast_possible_truncation, reason = "tests count little")]
    async fn metric(&self, family: &str, name: &str) -> i64 {
        let series = format!("{family}{{name=\"{name}\"}}");
        self.service.metric(&series).await.unwrap_or_else(|| panic!("{series} is not exposed")) as i64
    }

    /// The stored events, oldest first.
    pub fn events(&self, redis: Option<&Redis>) -> Vec<Value> {
        match redis {
            None => self.events_of_tables(),
            Some(redis) => {
                let entries: Vec<(String, Vec<String>)> = redis.ask(&["XRANGE", "kas:events", "-", "+"]);
                entries.into_iter().map(|(_, fields)| event(&fields)).collect()
            }
        }
    }

    fn events_of_tables(&self) -> Vec<Value> {
        let number = |column| format!("COALESCE(CAST({column} AS text), 'null')");
        let query = format!(
            "'{{\"name\":\"' || name || '\",\"user_id\":' || {} || ',\"project_id\":' || {} || \
             ',\"properties\":' || properties || '}}' FROM kas_events ORDER BY id",
            number("user_id"),
            number("project_id")
        );
        let rows = self.texts(&format!("SELECT {query}"));
        rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect()
    }
}

/// An entry of the stream in the format of the table.
fn event(fields: &[String]) -> Value {
    let mut event = json!({ "user_id": null, "project_id": null, "properties": {} });
    for pair in fields.chunks(2).filter(|pair| pair[0] != "created_at") {
        event[&pair[0]] =
            if pair[0] == "name" { json!(pair[1]) } else { serde_json::from_str(&pair[1]).unwrap() };
    }
    event
}

/// The arguments for counters in tables and for counters in Redis.
pub fn with_redis(redis: Option<&Redis>) -> Vec<String> {
    redis.map(|redis| vec!["--redis-url".to_owned(), redis.url()]).unwrap_or_default()
}

pub fn error(text: &str) -> Value {
    json!({ "error": text })
}

pub fn message(text: &str) -> Value {
    json!({ "message": text })
}

/// The response without a body.
pub const NOTHING: (u16, Value) = (204, Value::String(String::new()));

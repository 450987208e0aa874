//! `internal-apictl check` next to a GitLab, against a stand-in for the load balancer.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::gitaly::{Fault, Gitaly};
use testkit::{Database, Redis, Release};

const SERVICES: [&str; 5] = ["shell-api", "kas-api", "scim-api", "admin-api", "billing-api"];
const SCIM_ERROR: &str = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"401"}"#;

/// What the load balancer answers to a path: backend, status and body.
type Answers = BTreeMap<&'static str, (&'static str, u16, &'static str)>;

/// A load balancer that answers by itself.
struct Balancer {
    url: String,
    answers: Arc<Mutex<Answers>>,
}

impl Balancer {
    /// Our services answer, and GitLab the other paths.
    fn start() -> Self {
        let answers = Arc::new(Mutex::new(BTreeMap::from([
            ("/api/v4/internal/check", ("shell-api", 200, r#"{"redis":true}"#)),
            ("/api/v4/internal/kubernetes/receptive_agents", ("kas-api", 200, "{}")),
            ("/api/scim/v2/application/ServiceProviderConfig", ("scim-api", 401, SCIM_ERROR)),
            ("/api/v4/namespaces/storage/limit_exclusions", ("admin-api", 401, "{}")),
            ("/api/v4/internal/gitlab_subscriptions/namespaces/0", ("billing-api", 401, "{}")),
            ("/api/v4/job/allowed_agents", ("gitlab", 401, "{}")),
        ])));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let kept = Arc::clone(&answers);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &kept.lock().unwrap());
            }
        });
        Self { url, answers }
    }

    /// GitLab answers all paths, with a page instead of JSON.
    fn hand_back(&self) {
        for (backend, _, body) in self.answers.lock().unwrap().values_mut() {
            (*backend, *body) = ("gitlab", "<html>");
        }
    }

    fn set_status(&self, path: &'static str, status: u16) {
        self.answers.lock().unwrap().get_mut(path).unwrap().1 = status;
    }
}

fn answer(stream: TcpStream, answers: &Answers) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    let target = head.split(' ').nth(1).unwrap();
    let path = target.split('?').next().unwrap();
    let (backend, status, body) = answers.get(path).copied().unwrap_or(("none", 404, "{}"));
    let mut response = format!("HTTP/1.1 {status} x\r\nX-Request-Id: r\r\nConnection: close\r\n");
    if !backend.is_empty() {
        write!(response, "X-Internal-Api-Backend: {backend}\r\n").unwrap();
    }
    write!(response, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let stream = reader.get_mut();
    stream.write_all(response.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    // The client closes first, so that it reads all.
    let _ = stream.read(&mut [0]);
}

/// A directory with the secrets, in which the command runs.
struct Operator {
    data: TempDir,
    balancer: Balancer,
}

impl Operator {
    fn new() -> Self {
        let data = TempDir::new().unwrap();
        std::fs::write(data.path().join(".gitlab_shell_secret"), "the secret of gitlab shell").unwrap();
        let secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        std::fs::write(data.path().join(".gitlab_kas_secret"), secret).unwrap();
        Self { data, balancer: Balancer::start() }
    }

    /// The exit code, and what is printed.
    fn check(&self, arguments: &[&str]) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_internal-apictl"))
            .args(["check", "--base-url", &self.balancer.url])
            .args(arguments)
            .env_clear()
            .env("IAPI_DATA_DIR", self.data.path())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text)
    }

    fn file(&self, service: &str, text: &str) -> PathBuf {
        let path = self.data.path().join(format!("{service}.yaml"));
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn line<'a>(text: &'a str, start: &str) -> &'a str {
    text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no `{start}` in: {text}"))
}

#[test]
fn expected_backends_are_compared_with_those_of_the_balancer() {
    let operator = Operator::new();
    let ours = ["--expect", "shell=ours,kas=ours,scim=ours,admin=ours,billing=ours,other=gitlab"];
    let (code, text) = operator.check(&ours);
    assert_eq!(code, 0, "{text}");
    for (service, backend) in SERVICES.into_iter().zip(SERVICES).chain([("other", "gitlab")]) {
        let row: Vec<&str> = line(&text, service).split_whitespace().collect();
        assert_eq!(row[..3], [service, "ok", backend], "{text}");
    }
    let (code, text) = operator.check(&["--expect", "kas=gitlab"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("kas-api: served by kas-api, expected gitlab"), "{text}");
    // Only the expected path is asked for.
    assert!(!text.contains("other"), "{text}");

    operator.balancer.hand_back();
    let (code, text) = operator.check(&["--expect", "shell=gitlab,kas=gitlab,other=gitlab"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = operator.check(&ours);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("billing-api: served by gitlab, expected billing-api"), "{text}");
}

#[test]
fn answers_of_gitlab_are_judged_by_their_status() {
    let operator = Operator::new();
    operator.balancer.hand_back();
    let secret = operator.data.path().join(".gitlab_shell_secret").display().to_string();
    for (path, status, problem) in [
        (
            "/api/v4/internal/check",
            401,
            format!("shell-api: 401: the secret in {secret} is not the one that GitLab uses"),
        ),
        ("/api/v4/job/allowed_agents", 200, "other: 200, expected 401".to_owned()),
        (
            "/api/scim/v2/application/ServiceProviderConfig",
            503,
            "scim-api: 503: GitLab is unavailable at GITLAB_ADDRESS".to_owned(),
        ),
    ] {
        let before = operator.balancer.answers.lock().unwrap()[path].1;
        operator.balancer.set_status(path, status);
        let (code, text) = operator.check(&["--expect", "other=gitlab"]);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains(&problem), "{text}");
        operator.balancer.set_status(path, before);
    }
    assert_eq!(operator.check(&["--expect", "other=gitlab"]).0, 0);
}

#[test]
fn a_base_url_that_is_not_the_balancer_is_reported() {
    let operator = Operator::new();
    for (backend, ..) in operator.balancer.answers.lock().unwrap().values_mut() {
        *backend = "";
    }
    assert_eq!(operator.check(&[]).0, 0);
    let (code, text) = operator.check(&["--expect", "shell=ours"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("shell-api: no X-Internal-Api-Backend"), "{text}");
    for invalid in ["shell", "shell=theirs", "pages=ours"] {
        let (code, text) = operator.check(&["--expect", invalid]);
        assert_eq!(code, 78, "{text}");
        assert!(text.contains("--expect"), "{text}");
    }
}

/// A configuration file of a service next to a GitLab.
fn configuration(database: &str, redis: &str, gitaly: &Gitaly, token: &str) -> String {
    format!(
        "database_url: {database}\nredis_url: {redis}\nbacklog: 7\n\
         storages:\n  default: {{address: '{}', token: {token}}}\n",
        gitaly.address
    )
}

#[test]
fn all_that_the_configuration_files_name_is_checked() {
    let (operator, redis) = (Operator::new(), Redis::start());
    let database = Database::release(Release::V19_5);
    let repositories = TempDir::new().unwrap();
    let gitaly = Gitaly::with_token(repositories.path(), "secret");
    let write = |service: &str, url: &str, token: &str| {
        let path = operator.file(service, &configuration(url, &redis.url(), &gitaly, token));
        format!("{service}={}", path.display())
    };
    let files: Vec<String> =
        SERVICES.iter().map(|service| write(service, database.url_for(service), "secret")).collect();
    let config = files.join(",");
    let all = ["--beside-gitlab", "--config", &config];
    let (code, text) = operator.check(&all);
    assert_eq!(code, 0, "{text}");
    for service in SERVICES {
        let expect = |part: &str, message: &str| {
            assert_eq!(line(&text, &format!("{service} {part}: ")), format!("{service} {part}: {message}"));
        };
        expect("configuration", &operator.data.path().join(format!("{service}.yaml")).display().to_string());
        expect("database", "direct (start-up options are honoured), prepared statements");
        expect("columns and rights", "ok");
        expect("redis queues, shared_state, sessions, cache, rate_limiting", "ok");
        expect("gitaly default", "version 16.7.0, storages default");
    }

    // As JSON, with the status of each part.
    let (code, text) = operator.check(&["--beside-gitlab", "--config", &config, "--only", "kas", "--json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &report[0]["backend"]), (0, &json!("kas-api")), "{text}");
    assert_eq!(report[0]["beside_gitlab"][1]["name"], "database");
    assert_eq!(report[0]["beside_gitlab"][1]["status"], "ok");

    // The role of another service, a wrong token of Gitaly, and a database that is no GitLab's.
    let only = |service: &'static str, file: &str| {
        operator.check(&["--beside-gitlab", "--only", service, "--config", file])
    };
    let (code, text) = only("scim", &write("scim-api", database.url_for("kas-api"), "secret"));
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("scim-api columns and rights: role test_kas_api may not"), "{text}");
    let (code, text) = only("kas", &write("kas-api", database.url_for("kas-api"), "wrong"));
    assert_eq!(code, 1, "{text}");
    assert!(
        line(&text, "kas-api gitaly default: ").contains("Gitaly failed at ServerService/ServerInfo"),
        "{text}"
    );
    let own = Database::postgresql();
    let (code, text) = only("admin", &write("admin-api", own.url(), "secret"));
    assert_eq!(code, 1, "{text}");
    assert!(line(&text, "admin-api database: ").contains("does not belong to a GitLab"), "{text}");
}

/// A feature without its table is a warning. Servers that do not answer are problems.
#[test]
fn what_is_missing_or_away_is_named() {
    let (operator, mut redis) = (Operator::new(), Redis::start());
    let database = Database::release(Release::V18_0);
    database.sql("DROP TABLE ci_minutes_additional_packs");
    let repositories = TempDir::new().unwrap();
    let gitaly = Gitaly::start(repositories.path());
    let url = database.url_for("billing-api");
    let file = operator.file("billing-api", &configuration(url, &redis.url(), &gitaly, "any"));
    let config = format!("billing={}", file.display());
    let arguments = ["--beside-gitlab", "--only", "billing", "--config", &config];
    let (code, text) = operator.check(&arguments);
    assert_eq!(code, 0, "{text}");
    assert!(line(&text, "billing-api columns").contains("ci_minutes_additional_packs is missing"), "{text}");

    redis.stop();
    gitaly.fail(Fault::Status(testkit::gitaly::Code::Unavailable));
    database.allow_connections(false);
    let (code, text) = operator.check(&arguments);
    assert_eq!(code, 1, "{text}");
    assert!(line(&text, "billing-api database: ").contains("the database cannot be opened"), "{text}");
    assert_ne!(line(&text, "billing-api redis queues"), "billing-api redis queues: ok");
    assert!(line(&text, "billing-api gitaly default: ").contains("Gitaly failed"), "{text}");
    // The password of the role stays hidden.
    assert!(!text.contains("test_billing_api:test_billing_api"), "{text}");

    let missing = format!("billing={}", Path::new("/nonexistent/billing-api.yaml").display());
    let (code, text) = operator.check(&["--beside-gitlab", "--only", "billing", "--config", &missing]);
    assert_eq!(code, 1, "{text}");
    assert!(line(&text, "billing-api configuration: ").contains("/nonexistent/billing-api.yaml"), "{text}");
}

//! The binary `kas-api`.
use std::process::Command;

use super::support::{KUBERNETES, token, write_config};
use serde_json::json;
use tempfile::TempDir;
use testkit::kas_fixture::{self, T5};
use testkit::{Process, binary};

/// Runs `check-config` in a directory. Returns the exit code and the output.
fn check_config(data: &TempDir, arguments: &[&str]) -> (Option<i32>, String) {
    let directory = data.path().to_str().unwrap();
    let config = data.path().join("config.yaml");
    let all = ["check-config", "--data-dir", directory, "--config", config.to_str().unwrap()];
    let output = Command::new(binary("kas-api")).args(all).args(arguments).env_clear().output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn invalid_secret_ends_the_start() {
    let data = TempDir::new().unwrap();
    write_config(data.path());
    let (code, output) = check_config(&data, &[]);
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("environment: production") && !output.contains("s3cret"), "{output}");
    for (file, text) in [
        (".gitlab_kas_secret", "c2hvcnQ="),
        (".gitlab_kas_secret", "not base64, but of some length, 44 characters"),
        (".gitlab_kas_secret", ""),
        (".gitlab_db_key_base", "only 31 characters of a secret."),
        (".gitlab_db_key_base", "\n"),
    ] {
        write_config(data.path());
        std::fs::write(data.path().join(file), text).unwrap();
        let (code, output) = check_config(&data, &[]);
        assert!(code == Some(78) && output.contains(file), "{file}: {output}");
        std::fs::remove_file(data.path().join(file)).unwrap();
        let (code, output) = check_config(&data, &[]);
        assert!(code == Some(78) && output.contains(file), "{file}: {output}");
    }
}

#[test]
fn invalid_configuration_ends_the_start() {
    let data = TempDir::new().unwrap();
    for (config, expected) in [
        ("storages: {default: {address: ''}}", "default"),
        ("storages: {default: {address: 'ftp://x'}}", "default"),
        ("storages: {default: {address: 'tcp://x:1', inspect: local}}", "default"),
        ("environment: moon", "moon"),
        ("unknown_key: 1", "unknown_key"),
        ("rate_limits_file: /nowhere", "rate_limits_file /nowhere"),
    ] {
        write_config(data.path());
        std::fs::write(data.path().join("config.yaml"), config).unwrap();
        let (code, output) = check_config(&data, &[]);
        assert!(code == Some(78) && output.contains(expected), "{config}: {code:?} {output}");
    }
}

#[testkit::test]
async fn log_names_agents_and_no_secret(database: Database) {
    kas_fixture::insert(&mut database.open());
    let data = TempDir::new().unwrap();
    let config = write_config(data.path());
    let arguments = [
        "--config",
        &config,
        "--database-url",
        database.url_for("kas-api"),
        "--data-dir",
        data.path().to_str().unwrap(),
    ];
    let process = Process::start("kas-api", &arguments, &[]).until_ready();
    let ask = |method: &str, path: &str| {
        let request = process
            .request(method, &format!("{KUBERNETES}{path}"))
            .header("Gitlab-Kas-Api-Request", &token());
        request.header("Authorization", &format!("Bearer {T5}"))
    };
    assert_eq!(ask("GET", "/agent_info?private_token=hidden").send().await.status, 200);
    let line = process.log_line(|line| line["message"] == "access");
    assert_eq!(
        (&line["agent_id"], &line["gl_project_id"], &line["status"], &line["consumer"]),
        (&json!(5), &json!(7), &json!(200), &json!("kas"))
    );
    let body = json!({
        "agent_id": 5, "access_type": "session_cookie", "access_key": "the key", "csrf_token": "the csrf",
    });
    assert_eq!(ask("POST", "/authorize_proxy_user").json(&body).send().await.status, 401);
    assert_eq!(process.monitor("/-/readiness").await.status, 200);
    let further = process.rest_of_log(std::time::Duration::from_millis(500)).join("\n");
    for secret in [T5, "hidden", "the key", "the csrf", "eyJ"] {
        assert!(!line.to_string().contains(secret) && !further.contains(secret), "{secret}: {further}");
    }
}

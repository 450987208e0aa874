//! The fields of the log, and the secrets that it must not contain.
use std::time::Duration;

use super::binary::{Binary, Setup, clone, push};
use super::support::{KEY_BASE, SECRET, token};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use serde_json::{Value, json};
use testkit::git::repositories;
use testkit::{Database, ssh};

/// Removes the fields of a line that differ each time, after checking their format.
fn fixed(mut line: Value) -> Value {
    let fields = line.as_object_mut().unwrap();
    let timestamp = fields.remove("timestamp").unwrap();
    let timestamp = timestamp.as_str().unwrap();
    assert!(
        timestamp.len() == 24 && timestamp.ends_with('Z') && DateTime::parse_from_rfc3339(timestamp).is_ok(),
        "{timestamp}"
    );
    for name in ["duration_s", "db_duration_s", "db_wait_s", "redis_duration_s"] {
        let seconds = fields.remove(name).unwrap();
        assert!(seconds.is_f64() && (0.0..20.0).contains(&seconds.as_f64().unwrap()), "{name}");
    }
    line
}

#[actix_web::test]
async fn a_line_has_the_fields_of_the_contract() {
    let database = Database::sqlite();
    let binary = Binary::start(&database);
    let mut written_bytes = 0;
    let ask = async || {
        let answer = binary
            .request("POST", "/allowed?x=1")
            .header("X-Request-Id", "abc")
            .header("X-Forwarded-For", "203.0.113.9")
            .header("X-Gitlab-Client-Name", "gitlab-sshd")
            .header("User-Agent", "GitLab-Shell")
            .json(&clone())
            .send()
            .await;
        assert_eq!((answer.status, answer.header("x-request-id")), (200, Some("abc")));
        written_bytes = answer.text.len();
    };
    let line = binary.line_of_at_most(1, ask).await;
    let expected = json!({
        "severity": "info", "message": "access", "service_name": "shell-api", "consumer": "shell",
        "correlation_id": "abc",
        "method": "POST", "url": "/api/v4/internal/allowed?x=[FILTERED]", "route": "/api/v4/internal/allowed",
        "endpoint_id": "POST /api/v4/internal/allowed", "status": 200, "db_count": 1, "redis_calls": 0,
        "remote_ip": "203.0.113.9", "user_agent": "GitLab-Shell", "written_bytes": written_bytes,
        "received_bytes": clone().to_string().len(), "action": "git-upload-pack", "protocol": "ssh",
        "decision": "allowed", "decision_row": "30", "decision_name": "allowed",
        "gl_user_id": 2, "gl_user_name": "alice", "gl_key_type": "key", "gl_key_id": 11,
        "gl_project_id": 3, "gl_project_path": "grp/p", "gl_namespace_id": 20, "gl_repository": "project-3",
        "feature_category": "source_code_management", "caller_client": "gitlab-sshd",
    });
    assert_eq!(fixed(line), expected);
}

#[actix_web::test]
async fn line_of_a_simple_request_has_fewer_fields() {
    let database = Database::sqlite();
    let binary = Binary::start(&database);
    let answer =
        binary.process.request("GET", "/nope/17?a=b").header("X-Request-Id", "not a name").send().await;
    let id = answer.header("x-request-id").unwrap();
    assert!(id.len() == 26 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    let expected = json!({
        "severity": "info", "message": "access", "service_name": "shell-api", "consumer": "shell",
        "correlation_id": id,
        "method": "GET", "url": "/nope/17?a=[FILTERED]", "route": "unmatched", "endpoint_id": "GET unmatched",
        "status": 404,
        "db_count": 0, "redis_calls": 0, "remote_ip": "127.0.0.1", "written_bytes": answer.text.len(),
        "feature_category": "not_owned",
    });
    assert_eq!(fixed(binary.access()), expected);
    binary.request("POST", "/allowed").body("application/json", "{").send().await;
    assert_eq!(binary.access()["severity"], "warn");
    binary.request("GET", "/check").header("User-Agent", "a\tb").send().await;
    let line = binary.process.log_line(|line| line["route"] == "/api/v4/internal/check");
    assert_eq!(line["user_agent"], "a\tb");
    assert!(line.to_string().contains(r"a\tb"), "{line}");
}

/// The maximum number of statements of each request, on PostgreSQL, which needs more than SQLite.
#[actix_web::test]
async fn the_log_counts_statements() {
    let database = Database::postgresql();
    let binary = Binary::start(&database);
    let git = repositories();
    let push = push(&format!("{} {} refs/heads/f\n", git.a, git.b));
    let named = |mut body: serde_json::Value| {
        drop(body.as_object_mut().unwrap().remove("key_id"));
        body["username"] = "alice".into();
        body
    };
    for (body, most) in [(clone(), 1), (named(clone()), 1), (named(push.clone()), 4), (push, 4)] {
        let ask = async || drop(binary.request("POST", "/allowed").json(&body).send().await);
        let line = binary.line_of_at_most(most, ask).await;
        assert!((1..=most).contains(&line["db_count"].as_u64().unwrap()), "{line}");
        assert!(line["db_duration_s"].as_f64().unwrap() > 0.0, "{line}");
    }
}

#[actix_web::test]
async fn secrets_of_the_query_are_filtered() {
    let database = Database::sqlite();
    let binary = Binary::start(&database);
    let query = "key=AAAA&key_id=11&private_token=glpat-x&shared_secret=y&otp_attempt=123456&password=z&\
        p%61ssword=z&token[]=t";
    binary.request("GET", &format!("/check?{query}")).send().await;
    let filtered = "key=[FILTERED]&key_id=11&private_token=[FILTERED]&shared_secret=[FILTERED]&\
        otp_attempt=[FILTERED]&password=[FILTERED]\
        &p%61ssword=[FILTERED]&token[]=[FILTERED]";
    assert_eq!(binary.access()["url"], format!("/api/v4/internal/check?{filtered}"));
}

#[actix_web::test]
async fn health_requests_are_logged_at_debug_level() {
    let database = Database::sqlite();
    let binary = Setup::new(&database).start(&["--log-level", "debug"], &[]);
    binary.process.request("GET", "/-/readiness").send().await;
    let line = binary.process.log_line(|line| line["url"] == "/-/readiness");
    assert_eq!(
        (&line["severity"], &line["status"], &line["message"]),
        (&json!("debug"), &json!(200), &json!("access"))
    );
}

#[actix_web::test]
async fn log_contains_no_secret() {
    let database = Database::sqlite();
    database.sql("UPDATE users SET otp_required_for_login = true WHERE id = 2");
    let mut issued_secrets: Vec<String> = Vec::new();
    let redis =
        ["--redis-url", "redis://:hunter2@127.0.0.1:1", "--legacy-shared-secret", "--log-level", "debug"];
    let mut binary = Setup::new(&database).start(&[&redis[..], &["--shutdown-blackout", "0s"]].concat(), &[]);
    let (jwt, shared, key) = (token(), STANDARD.encode(SECRET), ssh::ed25519(11));
    let (word, forged) = (ssh::word(&key), format!("{}x", token()));
    let encoded = word.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let path = |path: &str| format!("/api/v4/internal{path}");
    let ask = |method: &str, to: &str| binary.process.request(method, &path(to));
    for request in [
        ask("POST", "/allowed").header("Gitlab-Shell-Api-Request", &jwt).json(&clone()),
        ask("POST", "/allowed").header("Gitlab-Shell-Api-Request", &forged).json(&clone()),
        ask("POST", "/allowed")
            .header("Gitlab-Shell-Api-Request", &jwt)
            .body("application/json", format!("{{\"key\":\"{word}\",")),
        ask("POST", "/pre_receive")
            .header("Gitlab-Shell-Api-Request", &jwt)
            .json(&json!({ "gl_repository": "project-3" })),
        ask("POST", "/post_receive")
            .header("Gitlab-Shell-Api-Request", &jwt)
            .json(&json!({ "gl_repository": "project-3", "identifier": "key-11", "changes": "",
                "push_options": ["ci.variable=hunter2"] })),
        ask("GET", &format!("/authorized_keys?key={encoded}")).header("Gitlab-Shell-Api-Request", &jwt),
        ask("GET", &format!("/authorized_keys?key={word}")).header("Gitlab-Shell-Api-Request", &jwt),
        ask("GET", &format!("/authorized_keys?key={encoded}")).header("Gitlab-Shell-Api-Request", &forged),
        ask("GET", "/check").header("Gitlab-Shared-Secret", &shared),
        ask("GET", &format!("/check?secret_token={}", shared.replace('=', "%3D"))),
        ask("POST", "/pre_receive").form(&format!("gl_repository=project-3&secret_token={shared}")),
        ask("POST", "/pre_receive")
            .form(&format!("gl_repository=&secret_token={shared}&otp_attempt=hunter2")),
        ask("GET", "/check?private_token=hunter2&job_token=hunter2&password=hunter2&otp_attempt=hunter2")
            .header("PRIVATE-TOKEN", "hunter2"),
        ask("POST", "/lfs_authenticate")
            .header("Gitlab-Shell-Api-Request", &jwt)
            .json(&json!({ "key_id": 11, "project": "grp/p" })),
        ask("POST", "/two_factor_recovery_codes")
            .header("Gitlab-Shell-Api-Request", &jwt)
            .json(&json!({ "key_id": 11 })),
        ask("POST", "/personal_access_token")
            .header("Gitlab-Shell-Api-Request", &jwt)
            .json(&json!({ "key_id": 11, "name": "hunter2", "scopes": ["api"] })),
        ask("POST", "/two_factor_manual_otp_check")
            .header("Gitlab-Shell-Api-Request", &jwt)
            .json(&json!({ "key_id": 11, "otp_attempt": "hunter2" })),
        ask("POST", "/error_tracking/allowed?error_tracking_token=hunter2")
            .form("project_id=3&public_key=hunter2"),
        ask("POST", "/error_tracking/allowed?project_id=3&public_key=hunter2")
            .header("Gitlab-Error-Tracking-Token", "hunter2"),
        ask("POST", "/shellhorse/git_audit_event").header("Gitlab-Workhorse-Api-Request", "hunter2"),
        ask("GET", &format!("/authorized_certs?key={encoded}&user_identifier=alice"))
            .header("Gitlab-Shell-Api-Request", &jwt),
        ask("GET", "/nope?token=hunter2").header("Authorization", "Bearer hunter2"),
        ask("DELETE", "/allowed?token=hunter2").header("Authorization", "Basic aHVudGVyMg=="),
    ] {
        let answer = request.send().await;
        assert!((200..500).contains(&answer.status), "{answer:?}");
        let (_, body) = answer.json();
        let codes = body["recovery_codes"].as_array().into_iter().flatten();
        issued_secrets.extend(
            codes
                .chain([&body["lfs_token"], &body["token"]])
                .filter_map(Value::as_str)
                .map(ToOwned::to_owned),
        );
    }
    assert_eq!(issued_secrets.len(), 12, "ten codes and two tokens");
    binary.process.signal("TERM");
    assert_eq!(binary.process.wait().code(), Some(0));
    let lines = binary.process.rest_of_log(Duration::from_secs(5));
    assert!(
        lines.iter().filter(|line| line.contains(r#""message":"access""#)).count() >= 15,
        "{}",
        lines.len()
    );
    let log = lines.join("\n") + &binary.process.errors();
    let signature = jwt.rsplit_once('.').unwrap().1;
    for secret in [
        &jwt,
        signature,
        &forged,
        &shared,
        SECRET,
        word,
        &word[20..60],
        &encoded,
        "hunter2",
        "aHVudGVyMg",
        "s3cret",
    ] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    for secret in issued_secrets.iter().map(String::as_str).chain([KEY_BASE, "lhWy"]) {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

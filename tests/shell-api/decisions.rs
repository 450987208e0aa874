//! Decisions in the log and in the metrics, and the subject of each endpoint's line in the log.
use std::time::Duration;

use super::binary::{Binary, Setup, clone, push};
use super::shell_api;
use super::support::Z;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use domain::ssh_key;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::fixture::{self, THEN};
use testkit::git::repositories;
use testkit::gitaly::{Fault, Gitaly};
use testkit::{Database, Subjects, ssh};

/// The fields of a line that say what was decided, and why.
async fn decision(binary: &Binary, body: Value) -> Value {
    binary.request("POST", "/allowed").json(&body).send().await;
    let line = binary.access();
    let fields = ["action", "changes_count", "decision", "decision_row", "decision_name", "gl_user_name"];
    fields.into_iter().filter_map(|name| Some((name, line.get(name)?.clone()))).collect()
}

#[actix_web::test]
async fn log_has_each_decision_and_its_row() {
    let database = Database::sqlite();
    let binary = Binary::start(&database);
    let git = repositories();
    let three = format!("{Z} {a} refs/heads/x\n{Z} {a} refs/heads/y\n{Z} {a} refs/heads/z\n", a = git.a);
    let protected = format!("{} {} refs/heads/main\n", git.a, git.b);
    let unknown = json!({ "key_id": 11, "project": "grp/none", "action": "git-upload-pack", "protocol": "ssh",
        "changes": "_any" });
    let pull = "git-upload-pack";
    for (body, expected) in [
        (
            clone(),
            json!({
                "action": pull, "decision": "allowed", "decision_row": "30", "decision_name": "allowed",
            }),
        ),
        (
            push(&three),
            json!({
                "action": "git-receive-pack", "changes_count": 3, "decision": "allowed", "decision_row": "30",
                "decision_name": "allowed",
            }),
        ),
        (
            push(&protected),
            json!({
                "action": "git-receive-pack", "changes_count": 1, "decision": "denied", "decision_row": "29g",
                "decision_name": "protected_branch_update",
            }),
        ),
        (
            unknown,
            json!({
                "action": pull, "decision": "not_found", "decision_row": "15",
                "decision_name": "project_missing",
            }),
        ),
    ] {
        let mut expected = expected;
        expected["gl_user_name"] = json!("alice");
        assert_eq!(decision(&binary, body.clone()).await, expected, "{body}");
    }
}

#[testkit::test]
async fn decisions_are_counted_by_row(database: Database) {
    let shell = shell_api(database).await;
    let (a, b) = (&shell.git.a, &shell.git.b);
    let protected = format!("{a} {b} refs/heads/main");
    shell.clone(11, "grp/p").await;
    shell.push(11, &protected).await;
    shell.clone(11, "grp/none").await;
    shell.allowed(json!({ "key_id": 11, "action": "git-frob" })).await;
    let text = shell.service.get("/-/metrics").await.text;
    let decisions: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("internal_api_git_access_decisions_total"))
        .filter(|line| !line.ends_with(" 0"))
        .collect();
    assert_eq!(
        decisions,
        [
            r#"{action="git-receive-pack",result="denied",row="29g"} 1"#,
            r#"{action="git-upload-pack",result="allowed",row="30"} 1"#,
            r#"{action="git-upload-pack",result="not_found",row="15"} 1"#,
            r#"{action="other",result="denied",row="9"} 1"#,
        ]
    );
    let allowed: f64 = text
        .lines()
        .filter(|line| line.starts_with("http_requests_total{") && line.contains("/internal/allowed"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum();
    assert_eq!(allowed.to_string(), "4");
}

#[actix_web::test]
async fn log_has_the_time_in_gitaly() {
    let (database, git) = (Database::sqlite(), repositories());
    let gitaly = Gitaly::start(&git.path);
    let setup = Setup::new(&database);
    let config = format!("storages: {{default: {{address: '{}'}}}}\n", gitaly.address);
    std::fs::write(setup.path("config.yaml"), config).unwrap();
    let binary = setup.start(&[], &[]);
    gitaly.fail(Fault::Delay(Duration::from_millis(50)));
    let protected = push(&format!("{} {} refs/heads/main\n", git.a, git.b));
    binary.request("POST", "/allowed").json(&protected).send().await;
    let line = binary.access();
    assert!(line["gitaly_calls"].as_u64().unwrap() >= 1, "{line}");
    assert!(line["gitaly_duration_s"].as_f64().unwrap() >= 0.05, "{line}");
    assert!(line.get("git_processes").is_none(), "{line}");
    let metrics = binary.process.monitor("/-/metrics").await.text;
    let calls = r#"internal_api_gitaly_requests_total{code="OK",method="CommitService/CommitIsAncestor"} 1"#;
    assert!(metrics.contains(calls), "{metrics}");
}

#[actix_web::test]
async fn log_has_the_time_of_git_processes() {
    let (database, git) = (Database::sqlite(), repositories());
    let binary = Binary::start(&database);
    let protected = push(&format!("{} {} refs/heads/main\n", git.a, git.b));
    binary.request("POST", "/allowed").json(&protected).send().await;
    let line = binary.access();
    assert!(line["git_processes"].as_u64().unwrap() >= 1, "{line}");
    assert!(line["git_duration_s"].as_f64().unwrap() > 0.0, "{line}");
    let metrics = binary.process.monitor("/-/metrics").await.text;
    assert!(metrics.contains(r#"internal_api_git_processes_total{command="merge-base",result="ok"} 1"#));
    assert!(metrics.contains("internal_api_git_processes_running 0"), "{metrics}");
}

const OID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Data for a successful request to each endpoint.
fn prepare(database: &Database) {
    let conn = &mut database.open();
    let blob = fixture::blob(conn, &ssh_key::fingerprint(&ssh::ed25519(900)).unwrap());
    fixture::run(
        conn,
        &format!(
            "UPDATE users SET otp_required_for_login = true WHERE id = 2;
             UPDATE application_settings SET error_tracking_enabled = true;
             INSERT INTO error_tracking_client_keys (project_id, public_key, active, created_at, updated_at)
             VALUES (3, 'glet_on', true, '{THEN}', '{THEN}');
             INSERT INTO group_ssh_certificates (namespace_id, created_at, fingerprint, title, key)
             VALUES (20, '{THEN}', {blob}, 'CA', 'ssh-ed25519 AAAA ca');
             INSERT INTO lfs_objects (id, oid, size) VALUES (900, '{OID}', 3);
             INSERT INTO lfs_objects_projects (lfs_object_id, project_id) VALUES (900, 3)"
        ),
    );
}

#[actix_web::test]
async fn line_of_each_endpoint_names_its_subject() {
    let (database, objects) = (Database::sqlite(), TempDir::new().unwrap());
    prepare(&database);
    let directory = objects.path().join(&OID[..2]).join(&OID[2..4]);
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join(&OID[4..]), "abc").unwrap();
    let path = objects.path().to_str().unwrap();
    let binary = Setup::new(&database).start(&["--git-audit-events", "--lfs-storage-path", path], &[]);
    let encoded = |text: &str| text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let key = encoded(ssh::word(&ssh::ed25519(11)));
    let authority = encoded(&STANDARD_NO_PAD.encode(ssh_key::fingerprint(&ssh::ed25519(900)).unwrap()));
    let get = |path: String| ("GET", path, json!({}));
    let post = |path: &str, body: Value| ("POST", path.to_owned(), body);
    let pushed = json!({ "gl_repository": "project-3", "identifier": "key-11", "changes": "" });
    let mut subjects = Subjects::new(&shell_api::ENDPOINTS);
    for (method, path, body) in [
        post("/allowed", clone()),
        get(format!("/authorized_keys?key={key}")),
        get(format!("/authorized_certs?key={authority}&user_identifier=alice")),
        get("/discover?key_id=11".to_owned()),
        get("/check".to_owned()),
        post("/pre_receive", json!({ "gl_repository": "project-3" })),
        post("/post_receive", pushed),
        post("/lfs_authenticate", json!({ "key_id": 11, "project": "grp/p", "operation": "upload" })),
        get(format!("/lfs?oid={OID}&gl_repository=project-3")),
        post("/two_factor_recovery_codes", json!({ "key_id": 11 })),
        get("/two_factor_recovery_codes?key_id=11".to_owned()),
        post("/two_factor_push_otp_check", json!({ "key_id": 11 })),
        post("/personal_access_token", json!({ "key_id": 11, "name": "x", "scopes": ["api"] })),
        post("/error_tracking/allowed", json!({ "project_id": 3, "public_key": "glet_on" })),
        post(
            "/shellhorse/git_audit_event",
            json!({ "action": "git-upload-pack", "protocol": "ssh", "gl_repository": "project-3",
                "username": "alice", "changes": "_any" }),
        ),
        get("/gitaly/object_pool_members?disk_paths[]=@pools/2&storage=default".to_owned()),
    ] {
        binary.request(method, &path).json(&body).send().await;
        subjects.check(&binary.access());
    }
    // Both are off by default, and then do not look up the user.
    subjects.finish(&[
        "POST /api/v4/internal/two_factor_config",
        "POST /api/v4/internal/two_factor_manual_otp_check",
    ]);
}

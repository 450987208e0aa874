//! `/shellhorse/git_audit_event`.
use super::binary::Setup;
use super::support::{NOT_FOUND, SECRET, UNAUTHORIZED, token, verdict};
use super::{Shell, shell_api, shell_api_with};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::Database;

const PATH: &str = "/shellhorse/git_audit_event";
const WORKHORSE: [u8; 32] = *b"the 32 bytes that Workhorse has.";

fn event(change: Value) -> Value {
    let mut body = json!({
        "action": "git-upload-pack", "protocol": "ssh", "gl_repository": "project-3", "username": "alice",
            "changes": "_any",
        "packfile_stats": { "wants": 3 },
    });
    let (Value::Object(body_fields), Value::Object(change)) = (&mut body, change) else {
        panic!("two objects")
    };
    body_fields.extend(change);
    body
}

fn happened(action: &str, verb: &str) -> (u16, Value) {
    (200, json!({ "status": true, "message": { "protocol": "ssh", "action": action, "verb": verb } }))
}

fn by_workhorse(issuer: &str, key: &[u8]) -> String {
    let claims = json!({ "iss": issuer });
    encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(key)).unwrap()
}

async fn with_workhorse(database: Database) -> Shell {
    let files = TempDir::new().unwrap();
    let path = files.path().join("workhorse");
    std::fs::write(&path, format!("{}\n", STANDARD.encode(WORKHORSE))).unwrap();
    shell_api_with(database, &["--workhorse-secret-file", path.to_str().unwrap(), "--git-audit-events"]).await
}

#[actix_web::test]
async fn an_event_is_a_line_of_the_log() {
    let database = Database::sqlite();
    let binary = Setup::new(&database).start(&["--git-audit-events"], &[]);
    let answer =
        binary.request("POST", PATH).header("X-Request-Id", "abc").json(&event(json!({}))).answer().await;
    assert_eq!(answer, happened("git-upload-pack", "clone"));
    let line = binary.process.log_line(|line| line["message"] == "audit");
    for (name, expected) in [
        ("severity", json!("info")),
        ("correlation_id", json!("abc")),
        ("event_name", json!("repository_git_operation")),
        ("author_type", json!("user")),
        ("author_id", json!(2)),
        ("author_name", json!("alice")),
        ("entity_type", json!("Project")),
        ("entity_id", json!(3)),
        ("entity_path", json!("grp/p")),
        ("target_type", json!("Project")),
        ("target_id", json!(3)),
        ("gl_namespace_id", json!(20)),
        ("ip_address", json!("127.0.0.1")),
        ("before", Value::Null),
        ("after", json!({ "action": "git-upload-pack", "verb": "clone", "protocol": "ssh" })),
    ] {
        assert_eq!(line.get(name), Some(&expected), "{name} in {line}");
    }
}

#[testkit::test]
async fn audit_events_are_off_by_default(database: Database) {
    let shell = shell_api(database).await;
    let not_needed = json!({ "status": false, "message": "No git audit event needed" });
    assert_eq!(shell.post(PATH, event(json!({}))).await, (200, not_needed));
    let (_, answer) = shell.clone(11, "grp/p").await;
    assert_eq!(answer["need_audit"], false);
}

#[testkit::test]
async fn event_names_the_action(database: Database) {
    let shell = shell_api_with(database, &["--git-audit-events"]).await;
    let (pull, push) = ("git-upload-pack", "git-receive-pack");
    for (change, expected) in [
        (json!({}), happened(pull, "clone")),
        (json!({ "packfile_stats": { "wants": 3, "haves": 0 } }), happened(pull, "clone")),
        (json!({ "packfile_stats": { "wants": 3, "haves": 2 } }), happened(pull, "pull")),
        (json!({ "packfile_stats": null }), happened(pull, "pull")),
        (json!({ "action": push, "packfile_stats": { "wants": null } }), happened(push, "push")),
        (json!({ "username": null, "key_id": 11 }), happened(pull, "clone")),
        (json!({ "changes": null }), happened(pull, "clone")),
    ] {
        assert_eq!(shell.post(PATH, event(change.clone())).await, expected, "{change}");
    }
    let form =
        "action=git-upload-pack&protocol=ssh&gl_repository=project-3&username=alice&packfile_stats[wants]=3";
    assert_eq!(shell.request("POST", PATH).form(form).answer().await, happened(pull, "clone"));
    let (_, answer) = shell.clone(11, "grp/p").await;
    assert_eq!(answer["need_audit"], true);
}

#[testkit::test]
async fn invalid_audit_event_is_refused(database: Database) {
    let shell = shell_api_with(database, &["--git-audit-events"]).await;
    let no_action = json!({ "status": false, "message": "No valid action specified" });
    for action in ["git-upload-archive", "upload-pack", "git-frob"] {
        assert_eq!(shell.post(PATH, event(json!({ "action": action }))).await, (400, no_action.clone()));
    }
    for name in ["action", "protocol", "gl_repository"] {
        let reason = format!("{name} is missing");
        let expected = json!({ "message": format!("400 Bad request - {reason}"), "error": reason });
        assert_eq!(shell.post(PATH, event(json!({ name: null }))).await, (400, expected));
    }
    for stats in [json!("many"), json!([1])] {
        let reason = "packfile_stats is invalid";
        let expected = json!({ "message": format!("400 Bad request - {reason}"), "error": reason });
        assert_eq!(shell.post(PATH, event(json!({ "packfile_stats": stats }))).await, (400, expected));
    }
    assert_eq!(verdict(&shell.post(PATH, event(json!({ "username": "out" }))).await), NOT_FOUND);
    let push = json!({ "username": "rep", "action": "git-receive-pack" });
    let denied = (401, "You are not allowed to push code to this project.");
    assert_eq!(verdict(&shell.post(PATH, event(push)).await), denied);
}

#[testkit::test]
async fn workhorse_reports_transfers(database: Database) {
    let shell = with_workhorse(database).await;
    let header = "Gitlab-Workhorse-Api-Request";
    let ask = || shell.anonymous("POST", PATH).json(&event(json!({})));
    let good = by_workhorse("gitlab-workhorse", &WORKHORSE);
    assert_eq!(ask().header(header, &good).answer().await, happened("git-upload-pack", "clone"));
    let unauthorized = (401, serde_json::from_str(UNAUTHORIZED).unwrap());
    for bad in [
        by_workhorse("gitlab-shell", &WORKHORSE),
        by_workhorse("gitlab-workhorse", b"another key"),
        by_workhorse("gitlab-workhorse", SECRET.as_bytes()),
        "a.b.c".to_owned(),
        token(),
    ] {
        assert_eq!(ask().header(header, &bad).answer().await, unauthorized, "{bad}");
    }
    // If the header of GitLab Shell is present, that of Workhorse is ignored.
    let both = ask().header(header, &good).header("Gitlab-Shell-Api-Request", "a.b.c");
    assert_eq!(both.answer().await, unauthorized);
    assert_eq!(ask().header("Gitlab-Shell-Api-Request", &good).answer().await, unauthorized);
    let elsewhere = shell.anonymous("GET", "/check").header(header, &good);
    assert_eq!(elsewhere.answer().await, unauthorized);
}

#[testkit::test]
async fn workhorse_token_is_refused_without_a_configured_secret(database: Database) {
    let shell = shell_api(database).await;
    let token = by_workhorse("gitlab-workhorse", &WORKHORSE);
    let request = shell.anonymous("POST", PATH).header("Gitlab-Workhorse-Api-Request", &token);
    assert_eq!(request.json(&event(json!({}))).send().await.status, 401);
}

//! The binary admin-api: its configuration and its log.
use std::time::Duration;

use super::support::{A, KEY_BASE, P, plant};
use serde_json::json;
use tempfile::TempDir;
use testkit::{Database, Process, Subjects};

fn start(database: &Database, data: &TempDir) -> Process {
    let directory = data.path().to_str().unwrap();
    let mut arguments = vec![
        "--database-url",
        database.url_for("admin-api"),
        "--data-dir",
        directory,
        "--log-level",
        "debug",
    ];
    let unlimited = testkit::without_rate_limits(data.path(), &[]);
    arguments.extend(unlimited.iter().map(String::as_str));
    Process::start("admin-api", &arguments, &[])
}

#[testkit::test]
async fn change_is_logged_and_tokens_are_not(database: Database) {
    plant(&database);
    let data = TempDir::new().unwrap();
    std::fs::write(data.path().join(".gitlab_db_key_base"), KEY_BASE).unwrap();
    let mut process = start(&database, &data).until_ready();
    let excluded = process.request("POST", &format!("{P}?private_token={A}&reason=x")).send().await;
    assert_eq!(excluded.status, 201);
    let line = process.log_line(|line| line["message"] == "audit");
    let names =
        ["event_name", "author_type", "author_id", "author_name", "entity_type", "entity_id", "entity_path"];
    let event = "namespace_storage_limit_exclusion_created";
    let expected = json!([event, "user", 1, "root", "Group", 123, "acme"]);
    assert_eq!(json!(names.map(|name| line[name].clone())), expected, "{line}");
    let names = ["target_type", "target_id", "gl_namespace_id", "ip_address", "before", "after"];
    let exclusion = json!({ "namespace_id": 123, "reason": "x" });
    let expected = json!(["Namespaces::Storage::LimitExclusion", 1, 123, "127.0.0.1", null, exclusion]);
    assert_eq!(json!(names.map(|name| line[name].clone())), expected, "{line}");
    assert!(line.get("before").is_some() && line["correlation_id"].is_string(), "{line}");
    assert_eq!(line["consumer"], "admin", "{line}");
    let line = process.log_line(|line| line["message"] == "access");
    let names = ["status", "gl_user_id", "gl_user_name", "gl_namespace_id", "route"];
    let expected = json!([201, 1, "root", 123, "/api/v4/namespaces/{id}/storage/limit_exclusion"]);
    assert_eq!(json!(names.map(|name| line[name].clone())), expected, "{line}");
    assert!(line["url"].as_str().unwrap().contains("private_token=[FILTERED]"), "{line}");
    let listed = process
        .request("GET", &format!("/v4/namespaces/storage/limit_exclusions?access_token={A}"))
        .send()
        .await;
    assert_eq!(listed.status, 200);
    let refused = process.request("POST", "/admin/session").form("token=glpat-a-wrong-one").send().await;
    assert_eq!(refused.status, 401);
    assert_eq!(process.monitor("/-/readiness").await.status, 200);
    process.signal("INT");
    assert_eq!(process.wait().code(), Some(0));
    let log = process.rest_of_log(Duration::from_secs(2)).join("\n");
    for secret in ["glpat-", &KEY_BASE[..16]] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

#[testkit::test]
async fn invalid_key_base_stops_the_start(database: Database) {
    let data = TempDir::new().unwrap();
    assert_eq!(start(&database, &data).wait().code(), Some(78));
    std::fs::write(data.path().join(".gitlab_db_key_base"), "too short").unwrap();
    assert_eq!(start(&database, &data).wait().code(), Some(78));
}

#[testkit::test]
async fn line_of_each_endpoint_names_its_subject(database: Database) {
    plant(&database);
    let data = TempDir::new().unwrap();
    std::fs::write(data.path().join(".gitlab_db_key_base"), KEY_BASE).unwrap();
    let process = start(&database, &data).until_ready();
    let mut subjects = Subjects::new(&admin_api::ENDPOINTS);
    let no_redirects = reqwest::redirect::Policy::none();
    let client = reqwest::Client::builder().no_proxy().redirect(no_redirects).build().unwrap();
    let url = |path: &str| format!("{}{path}", process.url);
    let signed_in = client.post(url("/admin/session")).form(&[("token", A)]).send().await.unwrap();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    subjects.check(&process.log_line(|line| line["message"] == "access"));
    for prefix in ["/api/v4", "/v4"] {
        for (method, path) in [
            ("GET", "/namespaces/storage/limit_exclusions"),
            ("POST", "/namespaces/123/storage/limit_exclusion?reason=x"),
            ("DELETE", "/namespaces/123/storage/limit_exclusion"),
            ("GET", "/namespaces"),
            ("GET", "/users"),
            ("GET", "/users/1/identities"),
        ] {
            process.request(method, &format!("{prefix}{path}")).header("PRIVATE-TOKEN", A).send().await;
            subjects.check(&process.log_line(|line| line["message"] == "access"));
        }
    }
    let limits = url("/admin/namespace_limits");
    let page = client.get(&limits).header("Cookie", cookie).send().await.unwrap().text().await.unwrap();
    process.log_line(|line| line["message"] == "access");
    let (_, token) = page.split_once("name=\"authenticity_token\" value=\"").unwrap();
    let token = token.split('"').next().unwrap();
    let exclusion = [("authenticity_token", token), ("namespace_id", "123"), ("reason", "x")];
    client.post(&limits).header("Cookie", cookie).form(&exclusion).send().await.unwrap();
    subjects.check(&process.log_line(|line| line["message"] == "access"));
    for path in [
        "/admin",
        "/admin/session/new",
        "/admin/session",
        "/admin/namespace_limits",
        "/admin/namespace_limits/namespaces?namespace_search=a",
        "/admin/namespace_limits/123/remove",
        "/admin/users",
        "/admin/users/root/identities",
        "/admin/audit_events",
        "/admin/assets/admin.css",
    ] {
        client.get(url(path)).header("Cookie", cookie).send().await.unwrap();
        subjects.check(&process.log_line(|line| line["message"] == "access"));
    }
    let remove = url("/admin/namespace_limits/123/remove");
    let page = client.get(&remove).header("Cookie", cookie).send().await.unwrap().text().await.unwrap();
    process.log_line(|line| line["message"] == "access");
    let (_, id) = page.split_once("name=\"exclusion_id\" value=\"").unwrap();
    let removal = [("authenticity_token", token), ("exclusion_id", id.split('"').next().unwrap())];
    client.post(&remove).header("Cookie", cookie).form(&removal).send().await.unwrap();
    subjects.check(&process.log_line(|line| line["message"] == "access"));
    let session = client.delete(url("/admin/session")).header("Cookie", cookie);
    session.header("X-CSRF-Token", token).send().await.unwrap();
    subjects.check(&process.log_line(|line| line["message"] == "access"));
    subjects.finish(&[]);
    // The session has ended now.
    for (cookie, reason) in [(cookie, "expired"), ("admin_session=x", "signature"), ("a=b", "missing")] {
        let request = client.get(&limits).header("Cookie", cookie).header("HX-Request", "true");
        assert_eq!(request.send().await.unwrap().status(), 401);
        let line = process.log_line(|line| line["message"] == "access");
        let names = ["auth_scheme", "auth_failure_reason", "error_message"];
        let message = format!("Unauthorized ({reason})");
        assert_eq!(
            json!(names.map(|name| line[name].clone())),
            json!(["session", reason, message]),
            "{line}"
        );
    }
}

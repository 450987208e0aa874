//! The log and the memory of the running binary.
use super::configuration::granting;
use super::support::{KUBERNETES, token, write_config};
use super::vulnerabilities;
use domain::agents::usage::{REGISTER_AGENT, USER_EVENTS};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::kas_fixture::{self, T5, T5R};
use testkit::{Database, Process, Redis, Request, Subjects};

const STARBOARD: &str = "/modules/starboard_vulnerability";

struct Running {
    process: Process,
    _data: TempDir,
}

fn start(database: &Database) -> Running {
    start_with(database, &[])
}

fn start_with(database: &Database, further: &[&str]) -> Running {
    kas_fixture::insert(&mut database.open());
    kas_fixture::personal_token(&mut database.open(), 1, 11, "glpat-dev", "k8s_proxy");
    let data = TempDir::new().unwrap();
    let config = write_config(data.path());
    let directory = data.path().to_str().unwrap();
    let mut arguments =
        vec!["--config", &config, "--database-url", database.url_for("kas-api"), "--data-dir", directory];
    arguments.extend(further);
    Running { process: Process::start("kas-api", &arguments, &[]).until_ready(), _data: data }
}

impl Running {
    fn anonymous(&self, method: &str, path: &str) -> Request {
        self.process.request(method, &format!("{KUBERNETES}{path}"))
    }

    fn request(&self, method: &str, path: &str) -> Request {
        let request = self.anonymous(method, path).header("Gitlab-Kas-Api-Request", &token());
        request.header("Authorization", &format!("Bearer {T5}"))
    }

    /// The status of a request, and its line in the log.
    async fn access_line(&self, request: Request) -> (u16, Value) {
        let status = request.send().await.status;
        (status, self.process.log_line(|line| line["message"] == "access"))
    }
}

/// Every endpoint names its subject.
#[testkit::test]
async fn request_line_names_its_subject(database: Database) {
    let running = start(&database);
    let user = "k8s_api_proxy_requests_unique_users_via_ci_access";
    let uuid = vulnerabilities::UUID;
    let mut subjects = Subjects::new(&kas_api::ENDPOINTS);
    for (method, path, body, expected) in [
        ("GET", "/agent_info", json!({}), json!({ "agent_id": 5, "gl_project_id": 7 })),
        ("GET", "/verify_project_access?id=8", json!({}), json!({ "requested_project_id": 8 })),
        ("GET", "/project_info?id=8", json!({}), json!({ "agent_id": 5, "requested_project_id": 8 })),
        (
            "GET",
            "/verify_project_access?id=9",
            json!({}),
            json!({ "status": 404, "gl_project_id": 7, "requested_project_id": null }),
        ),
        (
            "POST",
            "/usage_metrics",
            json!({ "counters": { "gitops_sync": 1, "k8s_api_proxy_request": 0 },
                "unique_counters": { user: [1, 2] } }),
            json!({ "counters": ["gitops_sync"], "unique_ids": 2 }),
        ),
        (
            "POST",
            "/agent_events",
            json!({ "events": { user: [{ "user_id": 11, "project_id": 9 }, { "project_id": 998 }, {}] } }),
            json!({ "events": 1, "dropped_events": 2 }),
        ),
        (
            "POST",
            "/agent_configuration",
            granting(),
            json!({ "agent_id": 5, "gl_project_id": 7, "authorizations_added": 4,
                "authorizations_removed": 0 }),
        ),
        (
            "POST",
            "/authorize_proxy_user",
            json!({ "agent_id": 5, "access_type": "personal_access_token", "access_key": "glpat-dev" }),
            json!({
                "agent_id": 5, "gl_project_id": 7, "gl_user_id": 11, "gl_user_name": "dev",
                "access_type": "personal_access_token",
            }),
        ),
        ("GET", "/receptive_agents", json!({}), json!({ "agents": 0 })),
        (
            "PUT",
            STARBOARD,
            vulnerabilities::page(),
            json!({ "agent_id": 5, "vulnerability_uuid": uuid, "vulnerability_created": true }),
        ),
        ("PUT", STARBOARD, vulnerabilities::page(), json!({ "vulnerability_created": false })),
        (
            "POST",
            "/modules/starboard_vulnerability/scan_result",
            json!({ "uuids": [] }),
            json!({ "gl_project_id": 7, "uuids": 0, "resolved": 1 }),
        ),
        (
            "GET",
            "/modules/starboard_vulnerability/scan_execution_policies",
            json!({}),
            json!({ "agent_id": 5, "policies": 0 }),
        ),
        (
            "GET",
            "/modules/starboard_vulnerability/policies_configuration",
            json!({}),
            json!({ "agent_id": 5, "policies": 0, "skipped_rules": 0 }),
        ),
        (
            "POST",
            "/modules/cilium_alert",
            json!({ "alert": {} }),
            json!({ "agent_id": 5, "alert_iid": 1, "alert_events": 1 }),
        ),
    ] {
        let (status, line) = running.access_line(running.request(method, path).json(&body)).await;
        if status < 400 {
            subjects.check(&line);
        }
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(line.get(field), Some(value), "{method} {path}: {field} in {line}");
        }
    }
    // Another path of the same handler.
    subjects.finish(&["GET /api/v4/internal/agents/agentk/agent_info"]);
}

/// The reason of a refusal is in the log, and not in the response.
#[testkit::test]
async fn unauthorized_line_has_the_reason(database: Database) {
    let running = start(&database);
    let signed = |header: &str, claims: Value| {
        let key = jsonwebtoken::EncodingKey::from_secret(&(0..32).collect::<Vec<u8>>());
        let mut typed = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
        if header == "other" {
            return jsonwebtoken::encode(&typed, &claims, &jsonwebtoken::EncodingKey::from_secret(&[1; 32]));
        }
        typed.typ = Some("JWT".to_owned());
        jsonwebtoken::encode(&typed, &claims, &key)
    };
    let claims = |change: Value| {
        let mut claims = json!({ "iss": "gitlab-kas", "aud": ["gitlab"] });
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    };
    for (header, change, reason) in [
        ("other", json!({}), "signature"),
        ("", json!({ "iss": "gitlab-shell" }), "issuer"),
        ("", json!({ "aud": ["kas"] }), "audience"),
        ("", json!({ "exp": 1 }), "expired"),
        ("", json!({ "nbf": endpoint::Clock::System.unix() + 60 }), "not_yet_valid"),
    ] {
        let token = signed(header, claims(change)).unwrap();
        let request = running.anonymous("GET", "/agent_info").header("Gitlab-Kas-Api-Request", &token);
        let (status, line) = running.access_line(request).await;
        let expected = format!("KAS JWT authentication invalid ({reason})");
        assert_eq!((status, &line["error_message"]), (401, &json!(expected)));
        assert_eq!((&line["auth_scheme"], &line["auth_failure_reason"]), (&json!("jwt"), &json!(reason)));
    }
    for (agent_token, reason) in [("", "missing"), ("nope", "unknown"), (T5R, "revoked")] {
        let request = running.anonymous("GET", "/agent_info").header("Gitlab-Kas-Api-Request", &token());
        let request = request.header("Gitlab-Agentk-Api-Request", agent_token);
        let (status, line) = running.access_line(request).await;
        assert_eq!((status, &line["error_message"]), (401, &json!(format!("Unauthorized ({reason})"))));
        assert_eq!(line["auth_scheme"], "agent_token");
    }
}

#[testkit::test]
async fn changed_cluster_access_is_audited(database: Database) {
    let running = start(&database);
    let configure = async |body: &Value| {
        let status = running.request("POST", "/agent_configuration").json(body).send().await.status;
        assert_eq!(status, 204);
    };
    let granted = json!({
        "ci_access": { "projects": ["acme/app"], "groups": ["acme"], "instance": false },
        "user_access": { "projects": ["acme/app"], "groups": ["acme/sub"] },
    });
    let none = json!({
        "ci_access": { "projects": [], "groups": [], "instance": false },
        "user_access": { "projects": [], "groups": [] },
    });
    configure(&granting()).await;
    let line = running.process.log_line(|line| line["message"] == "audit");
    for (field, value) in [
        ("event_name", json!("cluster_agent_authorizations_updated")),
        ("author_type", json!("kas")),
        ("author_id", Value::Null),
        ("author_name", json!("kas")),
        ("entity_type", json!("Project")),
        ("entity_id", json!(7)),
        ("entity_path", json!("acme/infra")),
        ("target_type", json!("Clusters::Agent")),
        ("target_id", json!(5)),
        ("before", none.clone()),
        ("after", granted.clone()),
    ] {
        assert_eq!(line.get(field), Some(&value), "{field} in {line}");
    }
    assert!(line["ip_address"].is_string() && line["correlation_id"].is_string(), "{line}");
    // An unchanged configuration writes no audit line, so the next line is about the removal.
    configure(&granting()).await;
    configure(&json!({ "agent_id": 5, "agent_config": {} })).await;
    let line = running.process.log_line(|line| line["message"] == "audit");
    assert_eq!((&line["before"], &line["after"]), (&granted, &none));
}

/// A tree of the values of this body would take about a gigabyte.
#[testkit::test]
async fn body_of_10_mib_takes_bounded_memory(database: Database) {
    let running = start(&database);
    let mut body = vulnerabilities::page().to_string();
    let (head, tail) = body.split_once("\"vulnerability\":{").unwrap();
    let head = format!("{head}\"vulnerability\":{{\"details\":[");
    let tail = format!("{{}}],{tail}");
    let filling = "{\"\":0},".repeat((10 * endpoint::MIB - head.len() - tail.len()) / 7);
    body = head + &filling + &tail;
    body.push_str(&" ".repeat(10 * endpoint::MIB - body.len()));
    assert_eq!(running.request("GET", "/agent_info").send().await.status, 200);
    let before = running.process.peak_memory_mib();
    let answer = running.request("PUT", STARBOARD).body("application/json", body).answer().await;
    assert_eq!(answer, (200, json!({ "uuid": vulnerabilities::UUID })));
    let grown = running.process.peak_memory_mib() - before;
    assert!(grown < 100, "{before} MiB and {grown} MiB more");
}

/// The body of a report of as many equal events as fit into 10 MiB, but not more than `limit`.
fn events(name: &str, event: &str, limit: usize) -> String {
    let count = (10 * endpoint::MIB - 100) / (event.len() + 1);
    format!(r#"{{"events":{{"{name}":[{}]}}}}"#, vec![event; count.min(limit)].join(","))
}

/// Events without a known project are dropped while they are read, and the others are stored compactly.
#[testkit::test]
async fn events_of_10_mib_take_bounded_memory(database: Database) {
    let running = start(&database);
    assert_eq!(running.request("GET", "/agent_info").send().await.status, 200);
    let before = running.process.peak_memory_mib();
    let registration = r#"{"project_id":7,"agent_id":5,"agent_version":"v17.1.0"}"#;
    for (name, event, limit, expected) in [
        (REGISTER_AGENT, "{}", usize::MAX, 204),
        (USER_EVENTS[0], r#"{"project_id":99}"#, usize::MAX, 204),
        (REGISTER_AGENT, r#"{"project_id":99,"agent_id":5}"#, usize::MAX, 204),
        (REGISTER_AGENT, registration, 160_000, 204),
        (REGISTER_AGENT, "0", usize::MAX, 400),
    ] {
        let used = running.process.processor_time();
        let request = running.request("POST", "/agent_events");
        let answer = request.body("application/json", events(name, event, limit)).send().await;
        let grown = running.process.peak_memory_mib() - before;
        println!("{event}: {grown} MiB more, {:?}", running.process.processor_time().saturating_sub(used));
        assert_eq!(answer.status, expected, "{}", answer.text);
        assert!(grown < 64 + 10, "{before} MiB and {grown} MiB more for {event}");
        let invalid = if expected == 400 { 1_000 } else { 0 };
        assert_eq!(answer.text.matches(" is invalid").count(), invalid);
    }
}

/// A report goes to Redis in batches.
#[testkit::test]
async fn events_of_10_mib_take_bounded_memory_on_their_way_to_redis(database: Database) {
    let redis = Redis::start();
    let running = start_with(&database, &["--redis-url", &redis.url()]);
    assert_eq!(running.request("GET", "/agent_info").send().await.status, 200);
    let before = running.process.peak_memory_mib();
    let registration = r#"{"project_id":7,"agent_id":5,"agent_version":"v17.1.0"}"#;
    let body = events(REGISTER_AGENT, registration, 160_000);
    let answer = running.request("POST", "/agent_events").body("application/json", body).send().await;
    let grown = running.process.peak_memory_mib() - before;
    println!("{grown} MiB more");
    assert_eq!((answer.status, redis.ask::<i64>(&["XLEN", "kas:events"])), (204, 160_000));
    assert!(grown < 64 + 20, "{before} MiB and {grown} MiB more");
}

/// The ids of a set are few bytes each.
#[testkit::test]
async fn counters_of_10_mib_take_bounded_memory(database: Database) {
    let running = start(&database);
    assert_eq!(running.request("GET", "/agent_info").send().await.status, 200);
    let before = running.process.peak_memory_mib();
    let ids: Vec<String> = (0..100_000).map(|id| (1_000_000 + id).to_string()).collect();
    let zeros = "0,".repeat(4 * endpoint::MIB);
    let name = "k8s_api_proxy_requests_unique_agents_via_ci_access";
    let body = format!(r#"{{"unique_counters":{{"{name}":[{zeros}{}]}}}}"#, ids.join(","));
    let answer = running.request("POST", "/usage_metrics").body("application/json", body).send().await;
    let grown = running.process.peak_memory_mib() - before;
    println!("{grown} MiB more");
    assert_eq!(answer.status, 204, "{}", answer.text);
    assert!(grown < 64 + 10, "{before} MiB and {grown} MiB more");
}

/// All grants to users share `access_as`, and an unchanged configuration is recognised without parsing it.
#[testkit::test]
async fn configuration_of_10_mib_takes_bounded_memory(database: Database) {
    let running = start(&database);
    assert_eq!(running.request("GET", "/agent_info").send().await.status, 200);
    let before = running.process.peak_memory_mib();
    let filling = format!("[{}{{}}]", r#"{"":0},"#.repeat(9 * endpoint::MIB / 7));
    let entries: Vec<String> = (0..500).map(|n| format!(r#"{{"id":"acme/{n}"}}"#)).collect();
    let entries = entries.join(",");
    for config in [
        format!(r#"{{"user_access":{{"access_as":{filling},"projects":[{entries}],"groups":[{entries}]}}}}"#),
        format!(r#"{{"ci_access":{{"projects":[{{"id":"acme/app","x":{filling}}}]}}}}"#),
    ] {
        let body = format!(r#"{{"agent_id":5,"agent_config":{config}}}"#);
        for _ in 0..2 {
            let request = running.request("POST", "/agent_configuration");
            let answer = request.body("application/json", body.clone()).send().await;
            let grown = running.process.peak_memory_mib() - before;
            println!("{grown} MiB more for {config:.60}");
            assert_eq!(answer.status, 204, "{}", answer.text);
            assert!(grown < 64 + 10, "{before} MiB and {grown} MiB more for {config:.60}");
        }
    }
}

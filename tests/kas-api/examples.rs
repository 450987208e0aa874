//! Examples 20 to 29 of GitLab's documentation, exactly as printed, on a database with the objects that they
//! name.
use super::support::{Kas, NOTHING, kas_api_on, token};
use serde_json::{Value, json};
use testkit::{Database, Request, fixture, kas_fixture};

const TOKEN: &str = "glagent-T1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const STARBOARD: &str = "/modules/starboard_vulnerability";
const UUID: &str = "76c38b27-6a2b-546d-a42c-b8d921eba560";
const THEN: &str = "2022-06-02 05:36:26";

/// Project 7 is `gitlab-org/agent-config`, and private; its agent 1 is `agent1`.
async fn documented(database: Database) -> Kas {
    let conn = &mut database.open();
    fixture::group(conn, 200, "gitlab-org", None);
    fixture::project(conn, 7, "gitlab-org/agent-config", 200, 0);
    kas_fixture::agent(conn, 1, 7, "agent1");
    kas_fixture::token(conn, 10, 1, TOKEN, 0);
    kas_api_on(database, &[]).await
}

fn agent(kas: &Kas, method: &str, path: &str) -> Request {
    kas.agent_with(method, path, TOKEN)
}

fn json_body(request: Request, body: &str) -> Request {
    request.body("application/json", body.to_owned())
}

/// Responses about the repository, without the configuration of Gitaly.
async fn project(request: Request) -> Value {
    let (status, mut answer) = request.answer().await;
    assert_eq!(status, 200, "{answer}");
    let info = answer.as_object_mut().unwrap().remove("gitaly_info").unwrap();
    assert_eq!(info["features"], json!({}));
    answer
}

fn printed() -> Value {
    json!({
        "project_id": 7,
        "gitaly_repository": {
            "storage_name": "default",
            "relative_path": concat!(
                "@hashed/79/02/",
                "7902699be42c8a8e46fbbb4501726517e86b22c56a189f7625a6da49081b2451.git"
            ),
            "git_object_directory": "", "git_alternate_object_directories": [],
            "gl_repository": "project-7", "gl_project_path": "gitlab-org/agent-config",
        },
        "default_branch": "main",
    })
}

fn with_agent() -> Value {
    let mut answer = printed();
    answer["agent_id"] = json!(1);
    answer["agent_name"] = json!("agent1");
    answer
}

const VULNERABILITY: &str = concat!(
    r#"{"vulnerability":{"name":"CVE-123-4567 in libc","severity":"high","confidence":"unknown","#,
    r#""location":{"kubernetes_resource":{"namespace":"production","kind":"deployment","#,
    r#""name":"nginx","container":"nginx"}},"identifiers":[{"type":"cve","name":"CVE-123-4567","#,
    r#""value":"CVE-123-4567"}]},"scanner":{"id":"starboard_trivy","#,
    r#""name":"Trivy (via Starboard Operator)","vendor":"GitLab"}}"#,
);

fn found(kas: &Kas) -> Request {
    json_body(agent(kas, "PUT", STARBOARD), VULNERABILITY)
}

fn policy(kas: &Kas, content: &str) {
    kas.sql(&format!(
        "INSERT INTO security_orchestration_policy_configurations (id, project_id, \
         security_policy_management_project_id, configured_at, created_at, updated_at)
         VALUES (1, 7, 7, '{THEN}', '{THEN}', '{THEN}');
         INSERT INTO security_policies (id, security_orchestration_policy_configuration_id, \
         security_policy_management_project_id, policy_index, type, enabled, name, description, checksum, \
         content, created_at, updated_at)
         VALUES (1, 1, 7, 0, 1, true, 'Policy', 'Policy description', 'x', '{content}', '{THEN}', '{THEN}')"
    ));
}

#[testkit::test]
async fn example_20_agent_info(database: Database) {
    let kas = documented(database).await;
    assert_eq!(project(agent(&kas, "GET", "/agent_info")).await, with_agent());
    let newest = kas.service.request("GET", "/api/v4/internal/agents/agentk/agent_info");
    let newest = newest.header("Gitlab-Kas-Api-Request", &token());
    assert_eq!(project(newest.header("Authorization", &format!("Bearer {TOKEN}"))).await, with_agent());
}

#[testkit::test]
async fn example_21_project_info(database: Database) {
    let kas = documented(database).await;
    assert_eq!(project(agent(&kas, "GET", "/project_info?id=7")).await, printed());
}

#[testkit::test]
async fn example_22_usage_metrics(database: Database) {
    let kas = documented(database).await;
    let body = r#"{"counters": {"k8s_api_proxy_request":1}}"#;
    assert_eq!(json_body(kas.request("POST", "/usage_metrics"), body).answer().await, NOTHING);
    assert_eq!(kas.total("k8s_api_proxy_request").await, 1);
}

#[testkit::test]
async fn example_23_usage_metrics_by_the_name_of_old(database: Database) {
    let kas = documented(database).await;
    let body = r#"{"gitops_sync_count":1}"#;
    assert_eq!(json_body(kas.request("POST", "/usage_metrics"), body).answer().await, NOTHING);
    assert_eq!(kas.total("gitops_sync").await, 1);
}

#[testkit::test]
async fn example_24_agent_events(database: Database) {
    let kas = documented(database).await;
    let name = "k8s_api_proxy_requests_unique_users_via_ci_access";
    let body = format!(r#"{{"events":{{"{name}":[{{"user_id":1,"project_id":1}}]}}}}"#);
    // Events of a project that does not exist are dropped.
    assert_eq!(json_body(kas.request("POST", "/agent_events"), &body).answer().await, NOTHING);
    assert_eq!(kas.events(None), [] as [Value; 0]);
    fixture::project(&mut kas.service.database.open(), 1, "gitlab-org/app", 200, 0);
    assert_eq!(json_body(kas.request("POST", "/agent_events"), &body).answer().await, NOTHING);
    let event = |name| json!({ "name": name, "user_id": 1, "project_id": 1, "properties": {} });
    assert_eq!(kas.events(None), [event(name), event("agent_users_using_ci_tunnel")]);
}

#[testkit::test]
async fn example_25_cilium_alert(database: Database) {
    let kas = documented(database).await;
    let body = concat!(
        r#""{\"alert\":{\"title\":\"minimal\",\"message\":\"network problem\","#,
        r#"\"evalMatches\":[{\"value\":1,\"metric\":\"Count\",\"tags\":{}}]}}""#,
    );
    assert_eq!(json_body(agent(&kas, "POST", "/modules/cilium_alert"), body).answer().await, NOTHING);
    let alerts = "SELECT title || ' ' || CAST(events AS text) || ' ' || CAST(project_id AS text) FROM \
                  alert_management_alerts";
    assert_eq!(kas.texts(&format!("SELECT ({alerts})")), ["minimal 1 7"]);
}

#[testkit::test]
async fn example_26_starboard_vulnerability(database: Database) {
    let kas = documented(database).await;
    for _ in 0..2 {
        assert_eq!(found(&kas).answer().await, (200, json!({ "uuid": UUID })));
    }
    assert_eq!(kas.number("SELECT count(*) FROM vulnerabilities"), 1);
}

#[testkit::test]
async fn example_27_scan_result(database: Database) {
    let kas = documented(database).await;
    assert_eq!(found(&kas).send().await.status, 200);
    let body =
        r#"{ "uuids": ["102e8a0a-fe29-59bd-b46c-57c3e9bc6411", "5eb12985-0ed5-51f4-b545-fd8871dc2870"] }"#;
    let ended = json_body(agent(&kas, "POST", &format!("{STARBOARD}/scan_result")), body);
    assert_eq!(ended.answer().await, (200, json!({})));
    assert_eq!(kas.number("SELECT count(*) FROM vulnerabilities WHERE state = 3"), 1);
}

#[testkit::test]
async fn example_28_scan_execution_policies(database: Database) {
    let kas = documented(database).await;
    policy(
        &kas,
        r#"{"actions":[{"scan":"container_scanning"}],"rules":[{"type":"pipeline","branches":["main"]}]}"#,
    );
    let policies = json!({ "policies": [{
            "name": "Policy", "description": "Policy description", "enabled": true,
            "yaml": "---\nname: Policy\ndescription: 'Policy description'\nenabled: true\nactions:\n- scan: \
                     container_scanning\nrules:\n- type: pipeline\n  branches:\n  - main\n",
            "updated_at": "2022-06-02T05:36:26+00:00",
        }] });
    let answer = agent(&kas, "GET", &format!("{STARBOARD}/scan_execution_policies")).answer().await;
    assert_eq!(answer, (200, policies));
}

#[testkit::test]
async fn example_29_policies_configuration(database: Database) {
    let kas = documented(database).await;
    policy(
        &kas,
        concat!(
            r#"{"actions":[{"scan":"container_scanning"}],"rules":[{"type":"schedule","#,
            r#""cadence":"30 2 * * *","agents":{"agent1":{"namespaces":["namespace-a","namespace-b"]}}}]}"#,
        ),
    );
    let configurations = json!({ "configurations": [{
            "cadence": "30 2 * * *", "namespaces": ["namespace-a", "namespace-b"],
            "updated_at": "2022-06-02T05:36:26+00:00",
        }] });
    let answer = agent(&kas, "GET", &format!("{STARBOARD}/policies_configuration")).answer().await;
    assert_eq!(answer, (200, configurations));
}

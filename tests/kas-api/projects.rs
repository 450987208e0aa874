//! Endpoints about the agent and about projects.
use super::support::{NOTHING, message, token};
use super::{Kas, kas_api};
use serde_json::{Value, json};
use testkit::git;

const PATH_7: &str = "@hashed/79/02/7902699be42c8a8e46fbbb4501726517e86b22c56a189f7625a6da49081b2451.git";

/// The response for project 7.
fn infra() -> Value {
    json!({
        "project_id": 7,
        "gitaly_info": { "address": "unix:/srv/gitaly.socket", "token": "s3cret", "features": {} },
        "gitaly_repository": {
            "storage_name": "default", "relative_path": PATH_7, "git_object_directory": "",
            "git_alternate_object_directories": [], "gl_repository": "project-7",
            "gl_project_path": "acme/infra",
        },
        "default_branch": "main",
    })
}

fn of_agent(mut answer: Value) -> Value {
    answer["agent_id"] = json!(5);
    answer["agent_name"] = json!("prod");
    answer
}

async fn project_id(kas: &Kas, query: &str) -> (u16, Value) {
    let (status, answer) = kas.get(&format!("/project_info{query}")).await;
    let id = answer.get("project_id").cloned();
    (status, id.unwrap_or(answer))
}

#[testkit::test]
async fn agent_info_returns_the_agent(database: Database) {
    let kas = kas_api(database).await;
    let answer = kas.agent("GET", "/agent_info").send().await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json(), (200, of_agent(infra())));
    let new = kas.service.request("GET", "/api/v4/internal/agents/agentk/agent_info");
    let new = new.header("Gitlab-Kas-Api-Request", &token());
    let new = new.header("Gitlab-Agentk-Api-Request", testkit::kas_fixture::T5);
    assert_eq!(new.answer().await, (200, of_agent(infra())));
}

#[testkit::test]
async fn agent_of_a_deleted_project_is_not_found(database: Database) {
    let kas = kas_api(database).await;
    kas.sql("UPDATE projects SET pending_delete = true WHERE id = 7");
    assert_eq!(kas.get("/agent_info").await, (404, message("404 Project Not Found")));
    kas.sql("UPDATE projects SET pending_delete = false, repository_storage = 'elsewhere' WHERE id = 7");
    assert_eq!(kas.get("/agent_info").await, (500, message("500 Internal Server Error")));
}

/// `project_repositories` may be stale after a move.
#[testkit::test]
async fn storage_of_a_project_is_its_own_column(database: Database) {
    let kas = kas_api(database).await;
    kas.sql(
        "INSERT INTO shards (id, name) VALUES (2, 'stale');
         INSERT INTO project_repositories (shard_id, disk_path, project_id) VALUES (2, 'stale/path', 7)",
    );
    assert_eq!(kas.get("/agent_info").await, (200, of_agent(infra())));
    assert_eq!(kas.get("/project_info?id=7").await, (200, infra()));
    kas.sql(
        "UPDATE projects SET repository_storage = 'stale' WHERE id = 7;
         UPDATE project_repositories SET shard_id = 1 WHERE project_id = 7",
    );
    assert_eq!(kas.get("/agent_info").await, (500, message("500 Internal Server Error")));
}

#[testkit::test]
async fn projects_of_old_lie_at_their_path(database: Database) {
    let kas = kas_api(database).await;
    kas.sql("UPDATE projects SET storage_version = 0 WHERE id = 7");
    let (_, answer) = kas.get("/agent_info").await;
    assert_eq!(answer["gitaly_repository"]["relative_path"], "acme/infra.git");
}

#[testkit::test]
async fn flags_of_gitaly_are_texts(database: Database) {
    let kas = kas_api(database).await;
    for (flag, gate, value) in [
        ("gitaly_on_for_all", "boolean", "true"),
        ("gitaly_off", "boolean", "false"),
        ("gitaly_for_this", "actors", "Project:7"),
        ("gitaly_for_this", "actors", "Project:8"),
        ("gitaly_for_that", "actors", "Project:8"),
        ("gitaly_all_actors", "percentage_of_actors", "100"),
        ("gitaly_some_actors", "percentage_of_actors", "50"),
        ("other_flag", "boolean", "true"),
        ("gitaly", "boolean", "true"),
    ] {
        kas.sql(&format!(
            "INSERT INTO feature_gates (feature_key, key, value, created_at, updated_at) VALUES \
                          ('{flag}', '{gate}', '{value}', '2020-01-01 00:00:00', '2020-01-01 00:00:00')"
        ));
    }
    let (_, answer) = kas.get("/agent_info").await;
    let expected = json!({
        "gitaly-feature-on-for-all": "true", "gitaly-feature-off": "false", "gitaly-feature-for-this": "true",
        "gitaly-feature-for-that": "false", "gitaly-feature-all-actors": "true",
        "gitaly-feature-some-actors": "false",
    });
    assert_eq!(answer["gitaly_info"]["features"], expected);
}

#[testkit::test]
async fn the_default_branch_is_the_repositorys_or_the_installations(database: Database) {
    let kas = kas_api(database).await;
    let branch = async || kas.get("/agent_info").await.1["default_branch"].clone();
    assert_eq!(branch().await, "main", "there is no repository");
    let repository = git::project(&kas.data.path().join("repositories"), 7, "");
    git::init(&repository);
    git::git(&repository, &["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    assert_eq!(branch().await, "main", "the repository is empty");
    let commit = git::commit(&repository, &[], "first");
    git::git(&repository, &["update-ref", "refs/heads/trunk", &commit]);
    assert_eq!(branch().await, "trunk");
}

#[testkit::test]
async fn the_installation_names_its_first_branches(database: Database) {
    database.sql("UPDATE application_settings SET default_branch_name = 'develop'");
    let kas = kas_api(database).await;
    assert_eq!(kas.get("/agent_info").await.1["default_branch"], "develop");
}

#[testkit::test]
async fn agent_reads_its_own_project(database: Database) {
    let kas = kas_api(database).await;
    assert_eq!(kas.get("/project_info?id=7").await, (200, infra()));
}

/// Public projects are found by id or full path. Others look missing, and so do invalid ids.
#[testkit::test]
async fn project_info_requires_download_access(database: Database) {
    let kas = kas_api(database).await;
    for query in ["?id=8", "?id=ACME%2Fpub", "?id=acme/pub", "?id=acme%2FPub"] {
        assert_eq!(project_id(&kas, query).await, (200, json!(8)), "{query}");
    }
    let hidden = (404, message("404 Not Found"));
    for query in [
        "?id=9",
        "?id=10",
        "?id=12",
        "?id=13",
        "?id=999",
        "?id=",
        "?id=%20",
        "",
        "?id=acme/nothing",
        "?id=acme",
        "?id=-7",
        "?id=99999999999999999999",
        "?id=7%00",
        "?id[]=7",
        "?id[x]=7",
    ] {
        assert_eq!(kas.get(&format!("/project_info{query}")).await, hidden, "{query}");
        assert_eq!(kas.get(&format!("/verify_project_access{query}")).await, hidden, "{query}");
    }
    for change in ["pending_delete = true", "hidden = true", "visibility_level = 10"] {
        kas.sql(&format!("UPDATE projects SET {change} WHERE id = 8"));
        assert_eq!(project_id(&kas, "?id=8").await, hidden, "{change}");
        kas.sql(
            "UPDATE projects SET pending_delete = false, hidden = false, visibility_level = 20 WHERE id = 8",
        );
    }
    kas.sql("UPDATE project_features SET repository_access_level = 0 WHERE project_id = 8");
    assert_eq!(project_id(&kas, "?id=8").await, hidden);
}

#[testkit::test]
async fn an_old_path_leads_to_where_the_project_is(database: Database) {
    let kas = kas_api(database).await;
    kas.sql(
        "INSERT INTO redirect_routes (source_id, source_type, path, created_at, updated_at) VALUES (8, \
             'Project', 'acme/old', '2020-01-01 00:00:00', '2020-01-01 00:00:00')",
    );
    assert_eq!(project_id(&kas, "?id=acme%2Fold").await, (200, json!(8)));
}

#[testkit::test]
async fn restricted_public_level_hides_public_projects(database: Database) {
    database.sql("UPDATE application_settings SET restricted_visibility_levels = '---\n- 10\n- 20\n'");
    let kas = kas_api(database).await;
    assert_eq!(project_id(&kas, "?id=8").await, (404, message("404 Not Found")));
    assert_eq!(project_id(&kas, "?id=7").await, (200, json!(7)));
    kas.sql("UPDATE application_settings SET restricted_visibility_levels = '---\n- 10\n'");
    assert_eq!(project_id(&kas, "?id=8").await, (200, json!(8)));
}

#[testkit::test]
async fn access_is_verified_without_a_word(database: Database) {
    let kas = kas_api(database).await;
    let answer = kas.agent("GET", "/verify_project_access?id=8").send().await;
    assert_eq!((answer.json(), answer.header("content-type")), (NOTHING, None));
    assert_eq!(kas.get("/verify_project_access?id=9").await, (404, message("404 Not Found")));
}

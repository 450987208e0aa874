//! Rare cases of several endpoints.
use super::pre_post_receive::decreased;
use super::shell_api;
use super::support::{ALLOWED, NOT_FOUND, verdict};
use serde_json::json;
use testkit::fixture::{self, P, THEN};

/// A path in another case, or an old path that another project uses now, is not reported as moved.
#[testkit::test]
async fn only_moved_projects_get_the_moved_message(database: Database) {
    fixture::project(&mut database.open(), 70, "grp/old", 20, 20);
    database.sql(&format!(
        "UPDATE projects SET repository_storage = 'blind' WHERE id = 70;
             INSERT INTO redirect_routes (source_id, source_type, path, created_at, updated_at) VALUES ({P}, \
                 'Project', 'grp/old', '{THEN}', '{THEN}')"
    ));
    let shell = shell_api(database).await;
    for (key, path, id) in [(11, "GRP/P", 3), (17, "grp/old.git", 70), (17, "GRP/OLD", 70)] {
        let (status, body) = shell.push_any(key, path).await;
        assert_eq!((status, &body["gl_project_id"]), (200, &json!(id)), "{path}");
        for repository in ["project-3", "project-70"] {
            let told = shell.post_receive_of(repository, &format!("key-{key}"), "").await;
            assert_eq!(told, decreased(&json!([])), "{path} {repository}");
        }
    }
}

#[testkit::test]
async fn unconfirmed_user_may_clone_if_confirmation_is_off(database: Database) {
    database.sql(
        "UPDATE application_settings SET email_confirmation_setting = 0; UPDATE users SET \
        confirmed_at = NULL",
    );
    assert_eq!(verdict(&shell_api(database).await.clone(11, "grp/p").await), ALLOWED);
}

#[testkit::test]
async fn the_application_needs_no_protocol(database: Database) {
    database.sql("UPDATE application_settings SET enabled_git_access_protocol = 'ssh'");
    let shell = shell_api(database).await;
    for (protocol, expected) in
        [("ssh", ALLOWED), ("web", ALLOWED), ("http", (401, "Git access over HTTP is not allowed"))]
    {
        assert_eq!(
            verdict(&shell.allowed(json!({ "key_id": 11, "protocol": protocol })).await),
            expected,
            "{protocol}"
        );
    }
}

#[testkit::test]
async fn a_certificate_reaches_its_group_alone(database: Database) {
    let shell = shell_api(database).await;
    for (namespace, expected) in [("other", NOT_FOUND), ("grp", ALLOWED)] {
        let asked = json!({ "username": "alice", "namespace_path": namespace });
        assert_eq!(verdict(&shell.allowed(asked).await), expected, "{namespace}");
    }
}

/// A quarantine that cannot be parsed is ignored.
#[testkit::test]
async fn an_environment_that_is_no_json_stops_no_push(database: Database) {
    let shell = shell_api(database).await;
    let change = format!("{} {} refs/heads/f", shell.git.a, shell.git.b);
    for env in ["no json", "{", "[]", "null", ""] {
        assert_eq!(verdict(&shell.push_with(11, &change, json!({ "env": env })).await), ALLOWED, "{env}");
    }
}

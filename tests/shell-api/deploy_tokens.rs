//! Deploy tokens as actors: they may pull from their own projects and groups, but never push.
use super::shell_api;
use super::support::{ALLOWED, NO_DOWNLOAD, NOT_FOUND, Shell, verdict};
use serde_json::{Value, json};
use testkit::Database;

const NO_UPLOAD: (u16, &str) = (401, "You are not allowed to upload code for this project.");
const FAR: &str = "3000-01-01 00:00:00";

/// Adds token 1 of project P, token 2 of group `grp`, and token 3 of P without the scope for repositories.
async fn service(database: Database) -> Shell {
    database.sql(&format!(
        "INSERT INTO deploy_tokens (id, name, read_repository, expires_at, created_at, \
        deploy_token_type) VALUES
        (1, 'p', true, '{FAR}', '2020-01-01', 2), (2, 'grp', true, '{FAR}', '2020-01-01', 1), (3, \
            'registry', false, '{FAR}', '2020-01-01', 2);
        INSERT INTO project_deploy_tokens (project_id, deploy_token_id, created_at) VALUES (3, 1, \
            '2020-01-01'), (3, 3, '2020-01-01');
        INSERT INTO group_deploy_tokens (group_id, deploy_token_id, created_at, updated_at) VALUES (20, 2, \
            '2020-01-01', '2020-01-01')"
    ));
    shell_api(database).await
}

fn by(token: i64, project: &str, action: &str) -> Value {
    json!({ "identifier": format!("deploy-token-{token}"), "project": project, "action": action })
}

#[testkit::test]
async fn a_token_pulls(database: Database) {
    let shell = service(database).await;
    let (status, body) = shell.allowed(by(1, "grp/p", "git-upload-pack")).await;
    assert_eq!(
        (status, &body["gl_id"], &body["gl_username"], body.get("gl_key_type")),
        (200, &json!("deploy-token-1"), &json!(null), None)
    );
    for (token, project, expected) in [
        (1, "grp/p.wiki", ALLOWED),
        (1, "grp/empty", NOT_FOUND),
        (1, "grp/pub", ALLOWED),
        (1, "grp/int", NOT_FOUND),
        (2, "grp/p", ALLOWED),
        (2, "grp/empty", ALLOWED),
        (2, "grp/int", ALLOWED),
        (3, "grp/p", NO_DOWNLOAD),
        (999, "grp/p", NOT_FOUND),
        (999, "grp/pub", ALLOWED),
    ] {
        assert_eq!(
            verdict(&shell.allowed(by(token, project, "git-upload-pack")).await),
            expected,
            "{token} {project}"
        );
    }
    assert_eq!(shell.allowed(by(999, "grp/pub", "git-upload-pack")).await.1["gl_id"], "");
}

#[testkit::test]
async fn a_token_never_pushes(database: Database) {
    let shell = service(database).await;
    for (token, project) in [(1, "grp/p"), (2, "grp/pub"), (1, "grp/p.wiki"), (3, "grp/p")] {
        assert_eq!(
            verdict(&shell.allowed(by(token, project, "git-receive-pack")).await),
            NO_UPLOAD,
            "{token} {project}"
        );
    }
    assert_eq!(verdict(&shell.allowed(by(1, "alice/new", "git-receive-pack")).await), NOT_FOUND);
}

#[testkit::test]
async fn expired_deploy_token_gives_no_access(database: Database) {
    let shell = service(database).await;
    for change in ["revoked = true", "expires_at = '2020-01-01 00:00:00'"] {
        shell.sql(&format!("UPDATE deploy_tokens SET revoked = NULL, expires_at = '{FAR}'"));
        assert_eq!(verdict(&shell.allowed(by(1, "grp/p", "git-upload-pack")).await), ALLOWED);
        shell.sql(&format!("UPDATE deploy_tokens SET {change}"));
        for token in [1, 2] {
            assert_eq!(
                verdict(&shell.allowed(by(token, "grp/p", "git-upload-pack")).await),
                NOT_FOUND,
                "{change}"
            );
        }
        assert_eq!(
            verdict(&shell.allowed(by(1, "grp/pub", "git-upload-pack")).await),
            ALLOWED,
            "as anybody may"
        );
    }
}

/// A deploy token cannot clone a snippet.
#[testkit::test]
async fn deploy_tokens_give_no_access_to_snippets(database: Database) {
    let shell = service(database).await;
    shell.sql(
        "INSERT INTO snippets (id, author_id, type, project_id, visibility_level) VALUES (8, 2, \
        'ProjectSnippet', 3, 20)",
    );
    let refused = (401, "The authentication mechanism is not supported.");
    assert_eq!(verdict(&shell.allowed(by(1, "grp/p/snippets/8", "git-upload-pack")).await), refused);
}

#[testkit::test]
async fn discover_returns_no_user_for_tokens(database: Database) {
    let shell = service(database).await;
    assert_eq!(shell.get("/discover?identifier=deploy-token-1").await, (200, json!(null)));
}

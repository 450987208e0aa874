//! Users who access a cluster through kas.
use super::configuration::granting;
use super::support::{NOTHING, error, message};
use super::{Kas, kas_api, kas_api_with};
use database::memberships::Source;
use domain::Role;
use serde_json::{Value, json};
use testkit::{Database, kas_fixture};

const DEV: &str = "glpat-dev";
const GUEST: &str = "glpat-guest";

/// Adds tokens of dev and guest, and the access that [`granting`] grants.
async fn granted(database: Database) -> Kas {
    let kas = kas_api(database).await;
    let mut conn = kas.service.database.open();
    kas_fixture::personal_token(&mut conn, 1, 11, DEV, "k8s_proxy");
    kas_fixture::personal_token(&mut conn, 2, 12, GUEST, "k8s_proxy");
    kas_fixture::personal_token(&mut conn, 3, 11, "glpat-reader", "read_api");
    assert_eq!(kas.post("/agent_configuration", granting()).await, NOTHING);
    kas
}

async fn ask(kas: &Kas, agent_id: impl Into<Value>, token: &str) -> (u16, Value) {
    let body =
        json!({ "agent_id": agent_id.into(), "access_type": "personal_access_token", "access_key": token });
    kas.post("/authorize_proxy_user", body).await
}

async fn access_as(kas: &Kas, config: Value) -> (u16, Value) {
    kas.sql(&format!(
        "UPDATE agent_user_access_project_authorizations SET config = '{config}'; UPDATE \
                      agent_user_access_group_authorizations SET config = '{config}'"
    ));
    let (status, answer) = ask(kas, 5, DEV).await;
    (status, answer.get("access_as").cloned().unwrap_or(answer))
}

fn as_agent() -> (u16, Value) {
    (
        200,
        json!({ "agent": { "id": 5, "config_project": { "id": 7 } }, "user": { "id": 11, "username": "dev" },
            "access_as": { "agent": {} } }),
    )
}

fn forbidden() -> (u16, Value) {
    (403, message("403 Forbidden"))
}

#[testkit::test]
async fn developer_acts_as_the_agent(database: Database) {
    let kas = granted(database).await;
    assert_eq!(ask(&kas, 5, DEV).await, as_agent());
    assert_eq!(ask(&kas, "5", DEV).await, as_agent());
    let used = "SELECT count(*) FROM personal_access_tokens WHERE id = 1 AND last_used_at IS NOT NULL";
    assert_eq!(kas.number(used), 1);
}

#[testkit::test]
async fn guest_has_no_access(database: Database) {
    let kas = granted(database).await;
    assert_eq!(ask(&kas, 5, GUEST).await, forbidden());
    assert_eq!(ask(&kas, 6, DEV).await, forbidden());
    kas.sql("DELETE FROM agent_user_access_project_authorizations");
    assert_eq!(ask(&kas, 5, DEV).await, forbidden(), "the group's grant is not dev's");
}

#[testkit::test]
async fn group_members_have_access(database: Database) {
    let kas = granted(database).await;
    kas.sql("DELETE FROM agent_user_access_project_authorizations");
    let conn = &mut kas.service.database.open();
    // Members of the group, of its parent, and of a group that it is shared with.
    testkit::fixture::member(conn, 12, Source::Group(1), Role::DEVELOPER);
    assert_eq!(ask(&kas, 5, GUEST).await.0, 200);
    kas.sql("UPDATE members SET access_level = 20 WHERE user_id = 12 AND source_id = 1");
    assert_eq!(ask(&kas, 5, GUEST).await, forbidden());
    testkit::fixture::group(conn, 72, "friends", None);
    testkit::fixture::member(conn, 12, Source::Group(72), Role::OWNER);
    let share = |access: i32| {
        format!(
            "DELETE FROM group_group_links; INSERT INTO group_group_links (shared_group_id, \
             shared_with_group_id, group_access, created_at, updated_at) VALUES (1, 72, {access}, \
             '2020-01-01 00:00:00', '2020-01-01 00:00:00')"
        )
    };
    kas.sql(&share(30));
    assert_eq!(ask(&kas, 5, GUEST).await.0, 200);
    kas.sql(&share(20));
    assert_eq!(ask(&kas, 5, GUEST).await, forbidden());
    kas.sql(&share(30));
    kas.sql("UPDATE members SET expires_at = '2020-01-01' WHERE user_id = 12 AND source_id = 72");
    assert_eq!(ask(&kas, 5, GUEST).await, forbidden());
}

#[testkit::test]
async fn token_must_be_valid_and_have_the_scope(database: Database) {
    let kas = granted(database).await;
    let scope = json!({ "error": "insufficient_scope", "error_description": "The request requires higher \
        privileges than provided by the access token.", "scope": "k8s_proxy" });
    assert_eq!(ask(&kas, 5, "glpat-reader").await, (403, scope));
    let unknown = (400, message("400 Bad request - Unable to get user from request data"));
    for token in ["nope", "", " ", "glpat-de", "glpat-dev "] {
        assert_eq!(ask(&kas, 5, token).await, unknown, "{token}");
    }
    let invalid = |why: &str| (401, json!({ "error": "invalid_token", "error_description": why }));
    kas.sql("UPDATE personal_access_tokens SET expires_at = '2020-01-01' WHERE id = 1");
    assert_eq!(
        ask(&kas, 5, DEV).await,
        invalid("Token is expired. You can either do re-authorization or token refresh.")
    );
    kas.sql("UPDATE personal_access_tokens SET revoked = true WHERE id = 1");
    assert_eq!(
        ask(&kas, 5, DEV).await,
        invalid("Token was revoked. You have to re-authorize from the user.")
    );
    assert_eq!(kas.number("SELECT count(*) FROM personal_access_tokens WHERE last_used_at IS NOT NULL"), 0);
}

#[testkit::test]
async fn blocked_user_has_no_access(database: Database) {
    let kas = granted(database).await;
    for state in ["blocked", "deactivated", "banned", "ldap_blocked", "blocked_pending_approval"] {
        kas.sql(&format!("UPDATE users SET state = '{state}' WHERE id = 11"));
        assert_eq!(ask(&kas, 5, DEV).await, forbidden(), "{state}");
    }
}

#[testkit::test]
async fn user_is_resolved_before_the_agent(database: Database) {
    let kas = granted(database).await;
    assert_eq!(ask(&kas, 999, DEV).await, (404, message("404 Not found")));
    assert_eq!(ask(&kas, 999, "nope").await.0, 400);
}

#[testkit::test]
async fn invalid_parameters_are_named(database: Database) {
    let kas = granted(database).await;
    for (body, expected) in [
        (json!({}), "agent_id is missing, access_type is missing, access_key is missing"),
        (
            json!({ "agent_id": "x", "access_type": "oidc", "access_key": 7 }),
            "agent_id is invalid, access_type does not have a valid value, access_key is invalid",
        ),
        (
            json!({ "agent_id": 5, "access_type": "oidc", "access_key": "x" }),
            "access_type does not have a valid value",
        ),
        (
            json!({ "agent_id": 5, "access_type": "session_cookie", "access_key": "x" }),
            "csrf_token is missing",
        ),
        (
            json!({ "agent_id": 5, "access_type": "session_cookie", "access_key": "x", "csrf_token": " " }),
            "csrf_token is empty",
        ),
    ] {
        assert_eq!(kas.post("/authorize_proxy_user", body.clone()).await, (400, error(expected)), "{body}");
    }
}

/// kas shows a 401 as a failed sign-in, but a 400 as a server error.
#[testkit::test]
async fn session_cookie_is_an_invalid_session(database: Database) {
    let kas = granted(database).await;
    for key in ["x", "YWJj--ZGVm--Z2hp", ""] {
        let cookie = json!({
            "agent_id": 5, "access_type": "session_cookie", "access_key": key, "csrf_token": "y",
        });
        let expected = (401, message("401 Unauthorized - Invalid session"));
        assert_eq!(kas.post("/authorize_proxy_user", cookie).await, expected, "{key:?}");
    }
}

#[testkit::test]
async fn grant_decides_the_identity(database: Database) {
    let kas = granted(database).await;
    testkit::fixture::member(&mut kas.service.database.open(), 11, Source::Group(3), Role::MAINTAINER);
    let user = json!({ "user": {
            "projects": [{ "id": 9, "roles": ["reporter", "developer"] }],
            "groups": [{ "id": 3, "roles": ["reporter", "developer", "maintainer"] }],
        } });
    assert_eq!(access_as(&kas, json!({ "access_as": { "user": {} } })).await, (200, user));
    assert_eq!(access_as(&kas, json!({ "access_as": { "agent": {} } })).await, (200, json!({ "agent": {} })));
    for config in [
        json!({ "access_as": { "agent": {}, "user": {} } }),
        json!({}),
        json!({ "access_as": {} }),
        json!({ "access_as": { "ghost": {} } }),
        json!({ "access_as": 7 }),
    ] {
        assert_eq!(access_as(&kas, config.clone()).await, forbidden(), "{config}");
    }
}

#[testkit::test]
async fn projects_have_their_roles(database: Database) {
    let kas = granted(database).await;
    let user =
        json!({ "user": { "projects": [{ "id": 9, "roles": ["reporter", "developer"] }], "groups": [] } });
    assert_eq!(access_as(&kas, json!({ "access_as": { "user": {} } })).await, (200, user));
}

#[testkit::test]
async fn user_access_can_be_disabled(database: Database) {
    let kas = kas_api_with(database, &["--user-access-enabled", "false"]).await;
    kas_fixture::personal_token(&mut kas.service.database.open(), 1, 11, DEV, "k8s_proxy");
    assert_eq!(ask(&kas, 5, DEV).await, (401, message("401 Unauthorized - Feature disabled for agent")));
}

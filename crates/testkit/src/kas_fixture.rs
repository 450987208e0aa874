//! The initial data of the tests of kas-api, in addition to the common [`fixture`].
//!
//! Groups `acme` 1 with `acme/sub` 3, and `other` 2. Projects 7 `acme/infra` private, 8 `acme/pub` public, 9 `acme/app`
//! private, 10 `acme/int` internal, 12 `acme/pubpriv` public with its code for members, 13 `other/x` private. Agent 5
//! `prod` of project 7 with [`T5`] and the revoked [`T5R`]; agent 6 `other-agent` of project 13 with [`T6`]. Users `dev`
//! 11, developer of project 9, and `guest` 12, guest of it.
use auth::KeyBase;
use database::Conn;
use database::memberships::Source;
use domain::Role;

use crate::fixture::{self, THEN, run};

pub const T5: &str = "glagent-T5aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub const T5R: &str = "glagent-T5revokedaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub const T6: &str = "glagent-T6aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// The `db_key_base` of GitLab's test vectors.
pub fn key_base_text() -> String {
    "0123456789abcdef".repeat(8)
}

pub fn key_base() -> KeyBase {
    KeyBase::from_text(&key_base_text()).unwrap()
}

/// Inserts the data into a database that has the common fixture.
pub fn insert(conn: &mut Conn) {
    fixture::user(conn, 11, "dev");
    fixture::user(conn, 12, "guest");
    fixture::group(conn, 1, "acme", None);
    fixture::group(conn, 3, "acme/sub", Some(1));
    fixture::group(conn, 2, "other", None);
    for (id, path, group, visibility) in [
        (7, "acme/infra", 1, 0),
        (8, "acme/pub", 1, 20),
        (9, "acme/app", 1, 0),
        (10, "acme/int", 1, 10),
        (12, "acme/pubpriv", 1, 20),
        (13, "other/x", 2, 0),
    ] {
        fixture::project(conn, id, path, group, visibility);
    }
    run(conn, "UPDATE project_features SET repository_access_level = 10 WHERE project_id = 12");
    fixture::member(conn, 11, Source::Project(9), Role::DEVELOPER);
    fixture::member(conn, 12, Source::Project(9), Role::GUEST);
    agent(conn, 5, 7, "prod");
    agent(conn, 6, 13, "other-agent");
    token(conn, 50, 5, T5, 0);
    token(conn, 51, 5, T5R, 1);
    token(conn, 60, 6, T6, 0);
}

/// Inserts an agent that user 1 has created.
pub fn agent(conn: &mut Conn, id: i64, project_id: i64, name: &str) {
    run(
        conn,
        &format!(
            "INSERT INTO cluster_agents (id, project_id, name, created_by_user_id, created_at, updated_at)
             VALUES ({id}, {project_id}, '{name}', 1, '{THEN}', '{THEN}')"
        ),
    );
}

/// Inserts an agent token. Status 1 means revoked.
pub fn token(conn: &mut Conn, id: i64, agent_id: i64, token: &str, status: i16) {
    let stored = key_base().encrypt(token);
    run(
        conn,
        &format!(
            "INSERT INTO cluster_agent_tokens (id, agent_id, project_id, name, token_encrypted, status, created_at, updated_at)
             SELECT {id}, id, project_id, 'token {id}', '{stored}', {status}, '{THEN}', '{THEN}' FROM cluster_agents WHERE id = {agent_id}"
        ),
    );
}

/// Inserts a personal access token with this scope.
pub fn personal_token(conn: &mut Conn, id: i64, user_id: i64, token: &str, scope: &str) {
    let digest = &key_base().digests(token)[0];
    run(
        conn,
        &format!(
            "INSERT INTO personal_access_tokens (id, user_id, name, scopes, token_digest, organization_id, created_at, updated_at)
             VALUES ({id}, {user_id}, 'token {id}', '---\n- {scope}\n', '{digest}', 1, '{THEN}', '{THEN}')"
        ),
    );
}

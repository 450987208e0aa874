//! The initial data of every test's database: users, groups, projects, keys and rules.
//!
//! Users `root` 1 (admin), `alice` 2 (developer), `bob` 3 (guest), `rep` 4 (reporter), `mia` 5 (maintainer), `out` 6,
//! `ext` 7 (external), `blk` 8 (blocked developer). Groups `grp` 20, `grp/sub` 21. Projects [`P`] `grp/p` private,
//! [`Q`] `grp/pub` public, [`I`] `grp/int` internal, [`E`] `grp/empty` private and empty. Keys 11 alice, 12 bob, 13 rep,
//! 14 mia, 15 out, 16 blk, 17 root, 18 ext; 30 and 31 deploy keys of P, 31 may push; 40 signs only, 41 has expired,
//! 42 will expire in two days, all alice's.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDateTime;
use database::Conn;
use database::memberships::{self, Source};
use diesel::connection::SimpleConnection;
use domain::Role;
use sha2::{Digest, Sha256};

use crate::ssh;

pub const P: i64 = 3;
pub const Q: i64 = 4;
pub const I: i64 = 5;
pub const E: i64 = 6;

/// A timestamp in the past, for columns that require one.
pub const THEN: &str = "2020-01-01 00:00:00";

pub(crate) fn insert(conn: &mut Conn) {
    run(
        conn,
        &format!(
            "INSERT INTO organizations (id, created_at, updated_at, name, path) VALUES (1, '{THEN}', '{THEN}', 'Default', 'default');
             INSERT INTO application_settings (id, created_at, updated_at) VALUES (1, '{THEN}', '{THEN}');
             INSERT INTO shards (id, name) VALUES (1, 'default');"
        ),
    );
    let people =
        [(1, "root"), (2, "alice"), (3, "bob"), (4, "rep"), (5, "mia"), (6, "out"), (7, "ext"), (8, "blk")];
    for (id, name) in people {
        user(conn, id, name);
    }
    run(
        conn,
        "UPDATE users SET admin = true WHERE id = 1; UPDATE users SET external = true WHERE id = 7;
               UPDATE users SET state = 'blocked' WHERE id = 8;",
    );
    group(conn, 20, "grp", None);
    group(conn, 21, "grp/sub", Some(20));
    project(conn, P, "grp/p", 20, 0);
    project(conn, Q, "grp/pub", 20, 20);
    project(conn, I, "grp/int", 20, 10);
    project(conn, E, "grp/empty", 20, 0);
    for (user_id, role) in [
        (2, Role::DEVELOPER),
        (3, Role::GUEST),
        (4, Role::REPORTER),
        (5, Role::MAINTAINER),
        (8, Role::DEVELOPER),
    ] {
        for project_id in [P, E] {
            member(conn, user_id, Source::Project(project_id), role);
        }
    }
    for (id, user_id) in
        [(11, 2), (12, 3), (13, 4), (14, 5), (15, 6), (16, 8), (17, 1), (18, 7), (40, 2), (41, 2), (42, 2)]
    {
        key(conn, id, Some(user_id), &ssh::ed25519(id));
    }
    run(conn, "UPDATE keys SET usage_type = 2 WHERE id = 40;");
    key_expires(conn, 41, -1);
    key_expires(conn, 42, 2);
    deploy_key(conn, 30, Some(5), P, false);
    deploy_key(conn, 31, Some(5), P, true);
    protect_branch(conn, 1, P, "main", false, 40, 30);
    protect_branch(conn, 2, P, "release/*", true, 40, 40);
    protect_tag(conn, 1, P, "v*", 40);
}

/// Runs statements that both databases support.
pub fn run(conn: &mut Conn, statements: &str) {
    if let Err(error) = conn.batch_execute(statements) {
        panic!("{error}: {statements}");
    }
}

/// The current time.
pub fn now() -> NaiveDateTime {
    endpoint::Clock::System.now()
}

/// Inserts a user with a personal namespace of the same name, whose id is 1000 higher.
pub fn user(conn: &mut Conn, id: i64, username: &str) {
    let namespace = 1000 + id;
    let traversal_ids = array(conn, &[namespace]);
    run(
        conn,
        &format!(
            "INSERT INTO users (id, username, name, email, encrypted_password, state, projects_limit, confirmed_at, created_at, updated_at)
             VALUES ({id}, '{username}', '{username} the user', '{username}@example.com', '$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy', 'active', 100, '{THEN}', '{THEN}', '{THEN}');
             INSERT INTO namespaces (id, name, path, owner_id, type, organization_id, traversal_ids, created_at, updated_at)
             VALUES ({namespace}, '{username}', '{username}', {id}, 'User', 1, '{traversal_ids}', '{THEN}', '{THEN}');
             INSERT INTO namespace_settings (namespace_id, created_at, updated_at) VALUES ({namespace}, '{THEN}', '{THEN}');
             INSERT INTO routes (source_id, source_type, path, name, namespace_id) VALUES ({namespace}, 'Namespace', '{username}', '{username}', {namespace});"
        ),
    );
}

/// Inserts a group with its settings and route.
pub fn group(conn: &mut Conn, id: i64, full_path: &str, parent: Option<i64>) {
    let traversal_ids = array(conn, &parent.into_iter().chain([id]).collect::<Vec<_>>());
    let path = full_path.rsplit('/').next().unwrap();
    let parent = parent.map_or("NULL".to_owned(), |parent| parent.to_string());
    run(
        conn,
        &format!(
            "INSERT INTO namespaces (id, name, path, type, parent_id, organization_id, traversal_ids, created_at, updated_at)
             VALUES ({id}, '{path}', '{path}', 'Group', {parent}, 1, '{traversal_ids}', '{THEN}', '{THEN}');
             INSERT INTO namespace_settings (namespace_id, created_at, updated_at) VALUES ({id}, '{THEN}', '{THEN}');
             INSERT INTO routes (source_id, source_type, path, name, namespace_id) VALUES ({id}, 'Namespace', '{full_path}', '{full_path}', {id});"
        ),
    );
}

/// Inserts a project with its own namespace (id 2000 higher), features and route.
pub fn project(conn: &mut Conn, id: i64, full_path: &str, namespace: i64, visibility: i32) {
    let twin = 2000 + id;
    let traversal_ids = array(conn, &[namespace, twin]);
    let path = full_path.rsplit('/').next().unwrap();
    run(
        conn,
        &format!(
            "INSERT INTO namespaces (id, name, path, type, parent_id, organization_id, traversal_ids, created_at, updated_at)
             VALUES ({twin}, '{path}', '{path}', 'Project', {namespace}, 1, '{traversal_ids}', '{THEN}', '{THEN}');
             INSERT INTO projects (id, name, path, namespace_id, project_namespace_id, visibility_level, storage_version, organization_id, created_at, updated_at)
             VALUES ({id}, '{path}', '{path}', {namespace}, {twin}, {visibility}, 2, 1, '{THEN}', '{THEN}');
             INSERT INTO project_features (project_id, pages_access_level, created_at, updated_at) VALUES ({id}, 10, '{THEN}', '{THEN}');
             INSERT INTO routes (source_id, source_type, path, name, namespace_id) VALUES ({id}, 'Project', '{full_path}', '{full_path}', {twin});"
        ),
    );
}

/// Makes a user a member, and updates the authorisations.
pub fn member(conn: &mut Conn, user_id: i64, source: Source, role: Role) {
    conn.write(|conn| memberships::grant(conn, user_id, source, role, now()))
        .expect("the membership is granted");
}

/// Recomputes all authorisations, after memberships were inserted by hand.
pub fn recompute(conn: &mut Conn) {
    memberships::recompute_all(conn, now().date()).expect("the authorizations are put right");
}

/// An SSH key of a user.
pub fn key(conn: &mut Conn, id: i64, user_id: Option<i64>, text: &str) {
    let digest = Sha256::digest(STANDARD.decode(ssh::word(text)).unwrap());
    let fingerprint = blob(conn, &digest);
    let user_id = user_id.map_or("NULL".to_owned(), |id| id.to_string());
    run(
        conn,
        &format!(
            "INSERT INTO keys (id, user_id, title, key, fingerprint_sha256, created_at, updated_at)
             VALUES ({id}, {user_id}, 'key {id}', '{text}', {fingerprint}, '2019-06-27 15:29:02.219', '{THEN}');"
        ),
    );
}

/// Sets the expiry of a key to this many days from now.
pub fn key_expires(conn: &mut Conn, id: i64, days: i64) {
    let end = now() + chrono::TimeDelta::days(days);
    let end = end.format("%Y-%m-%d %H:%M:%S%.6f");
    run(conn, &format!("UPDATE keys SET expires_at = '{end}' WHERE id = {id};"));
}

/// Inserts a deploy key of one project.
pub fn deploy_key(conn: &mut Conn, id: i64, owner: Option<i64>, project_id: i64, can_push: bool) {
    key(conn, id, owner, &ssh::ed25519(id));
    run(
        conn,
        &format!(
            "UPDATE keys SET type = 'DeployKey' WHERE id = {id};
             INSERT INTO deploy_keys_projects (deploy_key_id, project_id, can_push) VALUES ({id}, {project_id}, {can_push});"
        ),
    );
}

/// Protects a branch, with one access level for pushing and one for merging.
pub fn protect_branch(
    conn: &mut Conn,
    id: i64,
    project_id: i64,
    name: &str,
    force: bool,
    push: i32,
    merge: i32,
) {
    run(
        conn,
        &format!(
            "INSERT INTO protected_branches (id, project_id, name, allow_force_push) VALUES ({id}, {project_id}, '{name}', {force});
             INSERT INTO protected_branch_push_access_levels (protected_branch_id, access_level, created_at, updated_at) VALUES ({id}, {push}, '{THEN}', '{THEN}');
             INSERT INTO protected_branch_merge_access_levels (protected_branch_id, access_level, created_at, updated_at) VALUES ({id}, {merge}, '{THEN}', '{THEN}');"
        ),
    );
}

/// Protects a tag, with one access level for creating it.
pub fn protect_tag(conn: &mut Conn, id: i64, project_id: i64, name: &str, create: i32) {
    run(
        conn,
        &format!(
            "INSERT INTO protected_tags (id, project_id, name, created_at, updated_at) VALUES ({id}, {project_id}, '{name}', '{THEN}', '{THEN}');
             INSERT INTO protected_tag_create_access_levels (protected_tag_id, access_level, created_at, updated_at) VALUES ({id}, {create}, '{THEN}', '{THEN}');"
        ),
    );
}

/// An array of integers as an SQL literal, without quotes.
pub fn array(conn: &Conn, numbers: &[i64]) -> String {
    let list: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    match conn {
        Conn::Postgresql(_) => format!("{{{}}}", list.join(",")),
        Conn::Sqlite(_) => format!("[{}]", list.join(",")),
    }
}

/// Bytes as an SQL literal.
pub fn blob(conn: &Conn, bytes: &[u8]) -> String {
    let hex = domain::hex(bytes);
    match conn {
        Conn::Postgresql(_) => format!("'\\x{hex}'::bytea"),
        Conn::Sqlite(_) => format!("x'{hex}'"),
    }
}

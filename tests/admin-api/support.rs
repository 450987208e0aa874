//! A running admin-api, its tokens and its test data.
use std::net::TcpListener;

use actix_web::web::ServiceConfig;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use endpoint::Clock;
use serde_json::{Value, json};
use server::Prepared;
use tempfile::TempDir;
use testkit::fixture::{self, THEN};
use testkit::{Answer, Database, Request, Service};

pub const KEY_BASE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// Tokens of user 1: `api` and `admin_mode`; `read_api`; expired; revoked; only `api`; `read_user`.
pub const A: &str = "glpat-administrator";
pub const AR: &str = "glpat-reader";
pub const AX: &str = "glpat-expired";
pub const AV: &str = "glpat-revoked";
pub const AN: &str = "glpat-without-mode";
pub const AS: &str = "glpat-narrow";
/// A token of user 1 with the scope `sudo`.
pub const SUDO: &str = "glpat-sudo";
/// Tokens of user 2, who is not an administrator, and of user 3, who is blocked.
pub const B: &str = "glpat-somebody";
pub const K: &str = "glpat-blocked";

pub const LIST: &str = "/api/v4/namespaces/storage/limit_exclusions";
pub const P: &str = "/api/v4/namespaces/123/storage/limit_exclusion";
pub const REASON: &str = "a reason to exclude the Namespace";

pub fn today() -> NaiveDateTime {
    "2024-05-06T12:00:30".parse().unwrap()
}

/// A running admin-api with a fixed clock.
pub struct Admin {
    pub service: Service,
    data: TempDir,
}

pub async fn admin_api(database: Database) -> Admin {
    admin_api_with(database, &[]).await
}

/// A running admin-api with further arguments.
pub async fn admin_api_with(database: Database, arguments: &[&str]) -> Admin {
    plant(&database);
    let data = TempDir::new().unwrap();
    std::fs::write(data.path().join(".gitlab_db_key_base"), KEY_BASE).unwrap();
    let prepared = prepare(&database, &data, today(), arguments);
    Admin { service: Service::start(database, prepared).await, data }
}

fn prepare(database: &Database, data: &TempDir, now: NaiveDateTime, arguments: &[&str]) -> Prepared {
    let directory = data.path().to_str().unwrap();
    let mut all = vec!["admin-api", "--database-url", database.url_for("admin-api"), "--data-dir", directory];
    all.extend(["--external-url", "https://gitlab.example.com"]);
    let unlimited = testkit::without_rate_limits(data.path(), arguments);
    all.extend(unlimited.iter().map(String::as_str));
    all.extend(arguments);
    let loaded =
        server::config::load::<admin_api::Options>("admin-api", &[], all.iter().map(Into::into)).unwrap();
    loaded.options.prepare_at(Clock::Fixed(now)).unwrap()
}

/// The test data: users, tokens and namespaces.
pub fn plant(database: &Database) {
    let conn = &mut database.open();
    for (id, path, parent) in [(123, "acme", None), (124, "acme/sub", Some(123)), (130, "other", None)] {
        fixture::group(conn, id, path, parent);
    }
    let ids = fixture::array(conn, &[125]);
    fixture::run(
        conn,
        &format!(
            "UPDATE namespaces SET name = 'A Namespace Name' WHERE id = 123;
             UPDATE namespaces SET name = 'Other' WHERE id = 130;
             INSERT INTO namespaces (id, name, path, owner_id, type, organization_id, traversal_ids, \
             created_at, updated_at)
             VALUES (125, 'alice too', 'alice-too', 2, 'User', 1, '{ids}', '{THEN}', '{THEN}');
             INSERT INTO namespaces (id, name, path, type, parent_id, organization_id, traversal_ids, \
             created_at, updated_at)
             VALUES (126, 'app', 'app', 'Project', 123, 1, '{ids}', '{THEN}', '{THEN}');
             INSERT INTO routes (source_id, source_type, path, name, namespace_id) VALUES (125, \
             'Namespace', 'alice-too', 'alice too', 125);
             UPDATE users SET admin = true, state = 'blocked' WHERE id = 3;"
        ),
    );
    let tokens = [
        (1, A, "api admin_mode"),
        (1, AR, "read_api"),
        (1, AX, "api"),
        (1, AV, "api"),
        (1, AN, "api"),
        (1, AS, "read_user"),
        (1, SUDO, "api sudo"),
        (2, B, "api"),
        (3, K, "api"),
    ];
    for (user_id, token, scopes) in tokens {
        let scopes: String = scopes.split(' ').map(|scope| format!("- {scope}\n")).collect();
        let digest = digest(token);
        fixture::run(
            conn,
            &format!(
                "INSERT INTO personal_access_tokens (user_id, name, scopes, token_digest, organization_id, \
                 created_at, updated_at)
                 VALUES ({user_id}, 'a token', '---\n{scopes}', '{digest}', 1, '{THEN}', '{THEN}')"
            ),
        );
    }
    fixture::run(
        conn,
        &format!(
            "UPDATE personal_access_tokens SET expires_at = '2024-05-06' WHERE token_digest = '{}';
             UPDATE personal_access_tokens SET revoked = true WHERE token_digest = '{}';",
            digest(AX),
            digest(AV)
        ),
    );
}

pub fn digest(token: &str) -> String {
    auth::KeyBase::from_text(KEY_BASE).unwrap().token_digest(token)
}

impl Admin {
    /// The URL of a second process, started a second later with the same database and secrets.
    pub fn begun_anew(&self) -> String {
        let later = today() + TimeDelta::seconds(1);
        let Prepared { core, routes, .. } = prepare(&self.service.database, &self.data, later, &[]);
        core.lifecycle.start();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server =
            server::serve(listener, &core, move |config: &mut ServiceConfig| routes(config)).unwrap();
        actix_web::rt::spawn(server);
        url
    }

    /// A request without any credential.
    pub fn anonymous(&self, method: &str, path: &str) -> Request {
        self.service.request(method, path)
    }

    /// A request with a token.
    pub fn by(&self, token: &str, method: &str, path: &str) -> Request {
        self.anonymous(method, path).header("PRIVATE-TOKEN", token)
    }

    /// Sends a request as the administrator.
    pub async fn ask(&self, method: &str, path: &str) -> (u16, Value) {
        self.by(A, method, path).answer().await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.by(A, "GET", path).send().await
    }

    /// Excludes a namespace as the administrator.
    pub async fn exclude(&self, namespace: &str, body: &Value) -> (u16, Value) {
        let path = format!("/api/v4/namespaces/{namespace}/storage/limit_exclusion");
        self.by(A, "POST", &path).json(body).answer().await
    }

    pub fn sql(&self, statements: &str) {
        self.service.sql(statements);
    }

    /// The number that a statement selects.
    pub fn number(&self, query: &str) -> i64 {
        let sql = diesel::dsl::sql::<BigInt>(&format!("({query})"));
        diesel::select(sql).get_result(&mut self.service.database.open()).unwrap()
    }

    /// The string that a statement selects.
    pub fn text(&self, query: &str) -> Option<String> {
        let sql = diesel::dsl::sql::<Nullable<Text>>(&format!("({query})"));
        diesel::select(sql).get_result(&mut self.service.database.open()).unwrap()
    }

    pub fn exclusions(&self) -> i64 {
        self.number("SELECT count(*) FROM namespaces_storage_limit_exclusions")
    }

    /// Inserts an exclusion directly into the database.
    pub fn excluded(&self, id: i64, namespace_id: i64, reason: &str) {
        self.sql(&format!(
            "INSERT INTO namespaces_storage_limit_exclusions (id, namespace_id, reason, created_at, \
             updated_at)
             VALUES ({id}, {namespace_id}, '{reason}', '{THEN}', '{THEN}')"
        ));
    }

    /// Adds the two exclusions of the documentation's examples.
    pub fn two(&self) {
        self.excluded(1, 123, REASON);
        self.excluded(2, 130, "another reason to exclude the Namespace");
    }

    /// Adds `count` excluded groups, with ids from 5001.
    pub fn many(&self, count: i64) {
        let conn = self.service.database.open();
        let excluded = |n: i64| {
            let id = 5000 + n;
            let ids = fixture::array(&conn, &[id]);
            format!(
                "INSERT INTO namespaces (id, name, path, type, organization_id, traversal_ids, created_at, \
                 updated_at)
                 VALUES ({id}, 'Group {n}', 'group-{n}', 'Group', 1, '{ids}', '{THEN}', '{THEN}');
                 INSERT INTO namespaces_storage_limit_exclusions (id, namespace_id, reason, created_at, \
                 updated_at)
                 VALUES ({n}, {id}, 'reason {n}', '{THEN}', '{THEN}');"
            )
        };
        let statements: String = (1..=count).map(excluded).collect();
        self.sql(&statements);
    }
}

pub fn exclusion(id: i64, namespace_id: i64, name: &str, reason: &str) -> Value {
    json!({ "id": id, "namespace_id": namespace_id, "namespace_name": name, "reason": reason })
}

pub fn two() -> Value {
    json!([
        exclusion(1, 123, "A Namespace Name", REASON),
        exclusion(2, 130, "Other", "another reason to exclude the Namespace"),
    ])
}

pub fn unauthorized() -> (u16, Value) {
    (401, json!({ "message": "401 Unauthorized" }))
}

pub fn forbidden() -> (u16, Value) {
    (403, json!({ "message": "403 Forbidden" }))
}

pub fn message(status: u16, text: &str) -> (u16, Value) {
    (status, json!({ "message": format!("{status} {text}") }))
}

pub fn error(status: u16, text: &str) -> (u16, Value) {
    (status, json!({ "error": text }))
}

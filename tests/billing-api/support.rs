//! A running billing-api with its callers, namespaces and clock.
use chrono::NaiveDateTime;
use database::memberships::Source;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use domain::Role;
use endpoint::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::fixture::{self, THEN};
use testkit::{Answer, Database, Request, Service};

use super::tokens::{Signer, claims};

pub const KEY_BASE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// Administrator 1, user 2, and user 3 who owns group 123.
pub const A: &str = "glpat-administrator";
pub const B: &str = "glpat-somebody";
pub const O: &str = "glpat-owner";
pub const LEGACY: &str = "/api/v4";
pub const CURRENT: &str = "/api/v4/internal/gitlab_subscriptions";

/// The day of all tests, which the service's clock shows.
pub fn today() -> NaiveDateTime {
    "2021-01-10T12:00:00".parse().unwrap()
}

/// A running billing-api, whose clock does not advance.
pub struct Billing {
    pub service: Service,
    _data: TempDir,
}

pub async fn billing_api(database: Database) -> Billing {
    billing_api_with(database, &[]).await
}

/// Starts a billing-api with further arguments.
pub async fn billing_api_with(database: Database, arguments: &[&str]) -> Billing {
    plant(&database);
    let data = TempDir::new().unwrap();
    let directory = write_files(&data);
    let jwks = data.path().join("jwks.json");
    let mut all =
        vec!["billing-api", "--database-url", database.url_for("billing-api"), "--data-dir", &directory];
    all.extend(["--external-url", "https://gitlab.example.com", "--jwks-file", jwks.to_str().unwrap()]);
    let unlimited = testkit::without_rate_limits(data.path(), arguments);
    all.extend(unlimited.iter().map(String::as_str));
    all.extend(arguments);
    let loaded =
        server::config::load::<billing_api::Options>("billing-api", &[], all.iter().map(Into::into)).unwrap();
    let prepared = loaded.options.prepare_at(Clock::Fixed(today())).unwrap();
    Billing { service: Service::start(database, prepared).await, _data: data }
}

/// Writes the secret and the portal's keys. Returns the directory.
pub fn write_files(data: &TempDir) -> String {
    std::fs::write(data.path().join(".gitlab_db_key_base"), KEY_BASE).unwrap();
    let jwks = json!({ "keys": [Signer::portal().jwk()] }).to_string();
    std::fs::write(data.path().join("jwks.json"), jwks).unwrap();
    data.path().to_str().unwrap().to_owned()
}

/// Adds the namespaces, users, memberships, plans and tokens of the tests.
pub fn plant(database: &Database) {
    let conn = &mut database.open();
    for (id, path, parent) in [
        (123, "acme", None),
        (124, "acme/sub", Some(123)),
        (321, "beta", None),
        (127, "group-127", None),
        (129, "group-129", None),
    ] {
        fixture::group(conn, id, path, parent);
    }
    let ids = fixture::array(conn, &[125]);
    fixture::run(
        conn,
        &format!(
            "INSERT INTO namespaces (id, name, path, owner_id, type, organization_id, traversal_ids, \
             created_at, updated_at)
             VALUES (125, 'alice too', 'alice-too', 2, 'User', 1, '{ids}', '{THEN}', '{THEN}');
             INSERT INTO namespaces (id, name, path, type, parent_id, organization_id, traversal_ids, \
             created_at, updated_at)
             VALUES (126, 'project', 'project', 'Project', 123, 1, '{ids}', '{THEN}', '{THEN}');
             INSERT INTO routes (source_id, source_type, path, name, namespace_id) VALUES (125, 'Namespace', \
             'alice-too', 'alice too', 125);
             INSERT INTO plans (id, name, title, created_at, updated_at) VALUES (1, 'default', 'Default', \
             '{THEN}', '{THEN}'),
               (2, 'free', 'Free', '{THEN}', '{THEN}'), (3, 'premium', 'Premium', '{THEN}', '{THEN}');"
        ),
    );
    if database.is_postgresql() {
        fixture::run(conn, "SELECT setval(pg_get_serial_sequence('plans', 'id'), 100)");
    }
    fixture::member(conn, 3, Source::Group(123), Role::OWNER);
    for (user_id, token, scopes) in [(1, A, "api admin_mode"), (2, B, "api"), (3, O, "read_api")] {
        token_of(database, user_id, token, scopes);
    }
}

/// Adds a personal access token that does not expire.
pub fn token_of(database: &Database, user_id: i64, token: &str, scopes: &str) {
    let digest = &auth::KeyBase::from_text(KEY_BASE).unwrap().digests(token)[0];
    let scopes: String = scopes.split(' ').map(|scope| format!("- {scope}\n")).collect();
    database.sql(&format!(
        "INSERT INTO personal_access_tokens (user_id, name, scopes, token_digest, organization_id, \
         created_at, updated_at)
         VALUES ({user_id}, 'a token', '---\n{scopes}', '{digest}', 1, '{THEN}', '{THEN}')"
    ));
}

impl Billing {
    /// A request without any credential.
    pub fn anonymous(&self, method: &str, path: &str) -> Request {
        self.service.request(method, path)
    }

    /// A request of the administrator.
    pub fn request(&self, method: &str, path: &str) -> Request {
        self.anonymous(method, path).header("PRIVATE-TOKEN", A)
    }

    /// A request of CustomersDot.
    pub fn by_portal(&self, method: &str, path: &str) -> Request {
        let now = self.service.core.clock.unix();
        let token = Signer::portal().sign(&claims(now, json!({})));
        self.anonymous(method, path).header("X-CUSTOMERS-DOT-INTERNAL-TOKEN", &token)
    }

    pub async fn ask(&self, method: &str, path: &str) -> (u16, Value) {
        self.request(method, &format!("{LEGACY}{path}")).answer().await
    }

    pub async fn send(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.request(method, &format!("{LEGACY}{path}")).json(&body).answer().await
    }

    pub async fn current(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.by_portal(method, &format!("{CURRENT}{path}")).json(&body).answer().await
    }

    pub async fn get_current(&self, path: &str) -> (u16, Value) {
        self.by_portal("GET", &format!("{CURRENT}{path}")).answer().await
    }

    pub async fn send_raw(&self, method: &str, path: &str, content_type: &str, body: &str) -> Answer {
        self.request(method, &format!("{LEGACY}{path}")).body(content_type, body.to_owned()).send().await
    }

    pub fn sql(&self, statements: &str) {
        self.service.sql(statements);
    }

    /// Reads one number from the database.
    pub fn number(&self, query: &str) -> i64 {
        number(&self.service.database, query)
    }

    /// Reads one string from the database.
    pub fn text(&self, query: &str) -> Option<String> {
        let sql = diesel::dsl::sql::<Nullable<Text>>(&format!("({query})"));
        diesel::select(sql).get_result(&mut self.service.database.open()).unwrap()
    }

    /// The subscription of the documents' second example.
    pub fn grown(&self, namespace_id: i64) {
        self.subscription(namespace_id, "premium", "80, 82, 82", "'2020-07-15', '2021-07-15'");
    }

    /// Adds a subscription. `seats` contains the bought seats, the seats in use and the maximum of used
    /// seats.
    pub fn subscription(&self, namespace_id: i64, plan: &str, seats: &str, dates: &str) {
        self.sql(&format!(
            "INSERT INTO plans (name, title, created_at, updated_at) SELECT '{plan}', '{plan}', '{THEN}', \
             '{THEN}'
               WHERE NOT EXISTS (SELECT 1 FROM plans WHERE name = '{plan}');
             INSERT INTO gitlab_subscriptions (namespace_id, hosted_plan_id, seats, seats_in_use, \
             max_seats_used, start_date, end_date, created_at, updated_at)
             SELECT {namespace_id}, id, {seats}, {}, '{THEN}', '{THEN}' FROM plans WHERE name = '{plan}'",
            dates
                .split(", ")
                .map(|date| if date == "NULL" {
                    "NULL".to_owned()
                } else {
                    format!(
                        "CAST({date} \
                AS {})",
                        self.date_type()
                    )
                })
                .collect::<Vec<_>>()
                .join(", ")
        ));
    }

    fn date_type(&self) -> &'static str {
        if self.service.database.is_postgresql() { "date" } else { "text" }
    }
}

pub fn number(database: &Database, query: &str) -> i64 {
    let sql = diesel::dsl::sql::<BigInt>(&format!("({query})"));
    diesel::select(sql).get_result(&mut database.open()).unwrap()
}

/// The response for a subscription: plan, seats (bought, in use, maximum, owed), dates (start, end, end of
/// the
/// trial).
pub fn shown(plan: Value, seats: [i32; 4], dates: [Option<&str>; 3]) -> Value {
    let mut all = json!({ "trial": false, "auto_renew": null, "upgradable": false, "exclude_guests": false });
    let Value::Object(plan) = plan else { panic!("an object") };
    for (name, value) in plan {
        all[name] = value;
    }
    if all["name"].is_null() {
        all["name"] = all["code"].clone();
    }
    json!({
        "plan": all,
        "usage": {
            "seats_in_subscription": seats[0], "seats_in_use": seats[1], "max_seats_used": seats[2],
            "seats_owed": seats[3],
        },
        "billing": {
            "subscription_start_date": dates[0], "subscription_end_date": dates[1], "trial_ends_on": dates[2],
        },
    })
}

pub fn error(text: &str) -> (u16, Value) {
    (400, json!({ "error": text }))
}

pub fn wrong(field: &str, text: &str) -> (u16, Value) {
    (400, json!({ "message": { field: [text] } }))
}

pub fn bad_request(text: &str) -> (u16, Value) {
    (400, json!({ "message": format!("400 Bad request - {text}") }))
}

pub fn not_root() -> (u16, Value) {
    bad_request("Namespace must be a root namespace")
}

pub fn no_namespace() -> (u16, Value) {
    (404, json!({ "message": "404 Namespace Not Found" }))
}

pub fn unauthorized() -> (u16, Value) {
    (401, json!({ "message": "401 Unauthorized" }))
}

pub fn forbidden() -> (u16, Value) {
    (403, json!({ "message": "403 Forbidden" }))
}

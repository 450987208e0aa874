//! A running scim-api with two groups and the instance, and a user in each.
use auth::KeyBase;
use database::Conn;
use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Nullable, Text};
use serde_json::{Value, json};
use server::Service as _;
use tempfile::TempDir;
use testkit::{Answer, Database, Request, Service, fixture};

/// The key base of GitLab's test vectors.
pub const KEY_BASE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\
    0123456789abcdef0123456789abcdef0123456789abcdef";
/// The token of `test_group`.
pub const TG: &str = "glsoat-Hf_79B288hRv_3-TSD1R";
/// The token of the group `other`.
pub const TH: &str = "glsoat-Other_88hRv_3-TSD1RR";
/// The token of the instance.
pub const TI: &str = "glsoat-Instance-88hRv_3-TSD1";
pub const GROUP: &str = "/api/scim/v2/groups/test_group";
pub const INSTANCE: &str = "/api/scim/v2/application";
pub const RFC: &str = "application/scim+json";
pub const UID: &str = "0b1d561c-21ff-4092-beab-8154b17f82f2";
pub const URN: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The id of the user that the group and the instance have.
pub const U1: i64 = 50;

pub struct Scim {
    pub service: Service,
    _data: TempDir,
}

pub async fn scim_api(database: Database) -> Scim {
    scim_api_with(database, &[]).await
}

/// A running scim-api with further arguments.
pub async fn scim_api_with(database: Database, arguments: &[&str]) -> Scim {
    plant(&mut database.open());
    let data = data_dir();
    let mut all = vec![
        "scim-api",
        "--database-url",
        database.url_for("scim-api"),
        "--data-dir",
        data.path().to_str().unwrap(),
    ];
    let unlimited = testkit::without_rate_limits(data.path(), arguments);
    all.extend(unlimited.iter().map(String::as_str));
    all.extend(arguments);
    let loaded =
        server::config::load::<scim_api::Options>("scim-api", &[], all.iter().map(Into::into)).unwrap();
    let prepared = loaded.options.prepare(&loaded.structures).unwrap();
    Scim { service: Service::start(database, prepared).await, _data: data }
}

/// A directory with the key that tokens are encrypted with.
pub fn data_dir() -> TempDir {
    let data = TempDir::new().unwrap();
    std::fs::write(data.path().join(".gitlab_db_key_base"), format!("{KEY_BASE}\n")).unwrap();
    data
}

/// Adds groups with single sign-on, their tokens, and one user.
pub fn plant(conn: &mut Conn) {
    fixture::group(conn, 10, "test_group", None);
    fixture::group(conn, 12, "test_group/sub", Some(10));
    fixture::project(conn, 70, "test_group/sub/p", 12, 0);
    fixture::group(conn, 11, "other", None);
    for (group, role) in [(10, 10), (11, 20)] {
        fixture::run(
            conn,
            &format!(
                "INSERT INTO saml_providers (id, group_id, enabled, certificate_fingerprint, sso_url, \
                 default_membership_role)
                 VALUES ({group}, {group}, true, 'ab', 'https://idp.example.com', {role});"
            ),
        );
    }
    let keys = KeyBase::from_text(KEY_BASE).unwrap();
    for (group, token) in [(Some(10), TG), (Some(11), TH), (None, TI)] {
        database::scim::set_token(conn, group, &keys.encrypt(token), fixture::now()).unwrap();
    }
    person(conn, U1, "username", "Test User", "name@example.com");
    fixture::run(
        conn,
        &format!("INSERT INTO user_details (user_id, provisioned_by_group_id) VALUES ({U1}, 10);"),
    );
    identity(conn, Some(10), U1, UID);
    identity(conn, None, U1, UID);
    if matches!(conn, Conn::Postgresql(_)) {
        fixture::run(
            conn,
            "SELECT setval(pg_get_serial_sequence('users', 'id'), 10000); SELECT \
             setval(pg_get_serial_sequence('namespaces', 'id'), 100000);",
        );
    }
}

/// Adds an account.
pub fn person(conn: &mut Conn, id: i64, username: &str, name: &str, email: &str) {
    fixture::user(conn, id, username);
    fixture::run(conn, &format!("UPDATE users SET name = '{name}', email = '{email}' WHERE id = {id};"));
}

/// Adds an identity as GitLab itself creates it, with its membership if it belongs to a group.
pub fn identity(conn: &mut Conn, group: Option<i64>, user: i64, external_id: &str) {
    let then = "2026-01-02 03:04:05.678";
    let scope = group.map_or("NULL".to_owned(), |group| group.to_string());
    fixture::run(
        conn,
        &format!(
            "INSERT INTO scim_identities (group_id, user_id, extern_uid, active, created_at, updated_at)
             VALUES ({scope}, {user}, '{external_id}', true, '{then}', '{then}');"
        ),
    );
    let Some(group) = group else { return };
    fixture::run(
        conn,
        &format!(
            "INSERT INTO group_scim_identities (group_id, user_id, extern_uid, active, temp_source_id, \
             created_at, updated_at)
             SELECT group_id, user_id, extern_uid, active, id, created_at, updated_at FROM scim_identities \
             WHERE group_id = {group} AND user_id = {user};
             INSERT INTO identities (user_id, provider, extern_uid, saml_provider_id) VALUES ({user}, \
             'group_saml', '{external_id}', {group});"
        ),
    );
    fixture::member(conn, user, database::memberships::Source::Group(group), domain::Role::GUEST);
}

/// The body of the example in GitLab's documentation.
pub fn b1() -> Value {
    json!({
        "externalId": "test_uid", "active": null, "userName": "username2",
        "emails": [{ "primary": true, "type": "work", "value": "new@example.com" }],
        "name": { "formatted": "Test User", "familyName": "User", "givenName": "Test" },
        "schemas": [URN], "meta": { "resourceType": "User" },
    })
}

/// The body [`b1`] with these members replaced; `null` removes a member.
pub fn b1_with(other: Value) -> Value {
    let mut body = b1();
    for (name, value) in other.as_object().unwrap() {
        if value.is_null() {
            body.as_object_mut().unwrap().remove(name);
        } else {
            body[name] = value.clone();
        }
    }
    body
}

/// The body of a PATCH with these operations.
pub fn operations(operations: Value) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations })
}

/// The body of a PATCH with one operation.
pub fn op(op: &str, path: &str, value: Value) -> Value {
    operations(json!([{ "op": op, "path": path, "value": value }]))
}

/// A user in GitLab's representation, with its seven keys.
pub fn shown(id: &str, active: bool, name: &str, user_name: &str, email: &str) -> Value {
    json!({
        "schemas": [URN], "id": id, "active": active, "name.formatted": name, "userName": user_name,
        "meta": { "resourceType": "User" }, "emails": [{ "type": "work", "value": email, "primary": true }],
    })
}

pub fn u1() -> Value {
    shown(UID, true, "Test User", "username", "name@example.com")
}

/// A list response in GitLab's representation.
pub fn page(total: i64, per_page: i64, start: i64, resources: &[Value]) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total, "itemsPerPage": per_page, "startIndex": start, "Resources": resources,
    })
}

/// Status and keyword of an error, after checking its other members.
pub fn refusal(answer: &Answer) -> (u16, String) {
    let (status, body) = answer.json();
    assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]), "{}", answer.text);
    assert_eq!(body["status"], json!(status.to_string()), "{}", answer.text);
    assert!(!body["detail"].as_str().unwrap().is_empty());
    assert_eq!(answer.header("content-type"), Some(RFC));
    let keyword = body.get("scimType").map_or("", |keyword| keyword.as_str().unwrap());
    (status, keyword.to_owned())
}

pub fn bad(keyword: &str) -> (u16, String) {
    (400, keyword.to_owned())
}

/// `/Users?filter=…`
pub fn filtered(filter: &str) -> String {
    format!("/Users?filter={}", scim::encode_segment(filter))
}

impl Scim {
    /// A request of the group's provider.
    pub fn group(&self, method: &str, path: &str) -> Request {
        self.with_token(TG, method, &format!("{GROUP}{path}"))
    }

    /// A request of the instance's provider.
    pub fn instance(&self, method: &str, path: &str) -> Request {
        self.with_token(TI, method, &format!("{INSTANCE}{path}"))
    }

    pub fn with_token(&self, token: &str, method: &str, path: &str) -> Request {
        self.service.request(method, path).header("Authorization", &format!("Bearer {token}"))
    }

    /// Requests the RFC's representation.
    pub async fn rfc(&self, base: &str, path: &str) -> (u16, Value) {
        let token = if base == GROUP { TG } else { TI };
        self.with_token(token, "GET", &format!("{base}{path}")).header("Accept", RFC).answer().await
    }

    /// The number of users of the group, or of the instance, that match a filter.
    pub async fn total(&self, base: &str, filter: &str) -> Value {
        let token = if base == GROUP { TG } else { TI };
        let (status, body) =
            self.with_token(token, "GET", &format!("{base}{}", filtered(filter))).answer().await;
        assert_eq!(status, 200, "{filter}: {body}");
        body["totalResults"].clone()
    }

    pub fn sql(&self, statements: &str) {
        self.service.sql(statements);
    }

    /// The number that a statement selects.
    pub fn number(&self, query: &str) -> i64 {
        diesel::select(sql::<BigInt>(&format!("({query})")))
            .get_result(&mut self.service.database.open())
            .unwrap()
    }

    /// The string that a statement selects.
    pub fn text(&self, query: &str) -> Option<String> {
        diesel::select(sql::<Nullable<Text>>(&format!("({query})")))
            .get_result(&mut self.service.database.open())
            .unwrap()
    }

    /// Runs the jobs that were enqueued for GitLab: recomputes the authorizations of their users.
    pub fn run_jobs(&self) {
        let conn = &mut self.service.database.open();
        let payloads: Vec<String> =
            sql::<Text>("SELECT payload FROM outbox_messages WHERE topic = 'authorized_projects'")
                .get_results(conn)
                .unwrap();
        for payload in payloads {
            let job: Value = serde_json::from_str(&payload).unwrap();
            let user_id = job["args"][0].as_i64().unwrap();
            let today = fixture::now().date();
            conn.write(|conn| database::memberships::recompute(conn, user_id, today)).unwrap();
        }
        fixture::run(conn, "DELETE FROM outbox_messages WHERE topic = 'authorized_projects'");
    }

    /// The access level of a membership in a group; 0 if there is none.
    pub fn role(&self, group: i64, user: i64) -> i64 {
        self.number(&format!(
            "SELECT CAST(COALESCE(max(access_level), 0) AS bigint) FROM members WHERE source_type = \
             'Namespace' AND source_id = {group} AND user_id = {user}"
        ))
    }

    pub fn state(&self, user: i64) -> String {
        self.text(&format!("SELECT state FROM users WHERE id = {user}")).unwrap()
    }

    /// The id of the account with this username.
    pub fn user_id(&self, username: &str) -> i64 {
        self.number(&format!("SELECT id FROM users WHERE username = '{username}'"))
    }
}

//! All services on one database, with one set of secrets, and a valid credential of every kind.
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use database::Conn;
use endpoint::ServiceInfo;
use serde_json::json;
use server::Prepared;
use tempfile::TempDir;
use testkit::kas_fixture::{self, T5, T5R};
use testkit::{Database, Service, fixture};

use super::places::Place::{self, Bearer, Cookie, Header};
use super::tokens::{Jwt, portal_claims};
use crate::portal_tokens::Signer;

pub const SHELL_SECRET: &str = "the secret of shell and gitaly";
pub const KAS_SECRET: [u8; 32] = [1; 32];
pub const WORKHORSE_SECRET: [u8; 32] = [2; 32];
const GROUP_TOKEN: &str = "glsoat-group-aaaaaaaaaaaaaaaa";
const OTHER_GROUP_TOKEN: &str = "glsoat-other-aaaaaaaaaaaaaaaa";
const INSTANCE_TOKEN: &str = "glsoat-instance-aaaaaaaaaaaaa";
const ERROR_TRACKING_TOKEN: &str = "gler-aaaaaaaaaaaaaaaaaaaaaaaa";
const ADMINISTRATOR: &str = "glpat-administrator-aaaaaaaaa";

/// A kind of credential. Each value of it that the tests send is valid somewhere, unless its name says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Shell,
    Workhorse,
    ErrorTracking,
    Kas,
    Agent,
    RevokedAgent,
    Group,
    OtherGroup,
    Instance,
    Portal,
    Administrator,
    Person,
    Narrow,
    Expired,
    Revoked,
    Blocked,
    Session,
    /// A secret itself, or a token for another program.
    Worthless,
}

/// A credential and the place where its consumer sends it.
#[derive(Debug, Clone)]
pub struct Credential {
    pub kind: Kind,
    pub value: String,
    pub home: Place,
}

/// All services, running.
pub struct Installation {
    pub database: Arc<Database>,
    pub services: Vec<(&'static ServiceInfo, Service)>,
    data: TempDir,
}

impl Installation {
    pub async fn start(database: Database) -> Self {
        plant(&mut database.open());
        let (database, data) = (Arc::new(database), data_dir());
        let prepared = [
            (&shell_api::INFO, prepare::<shell_api::Options>(&shell_api::INFO, &database, &data)),
            (&kas_api::INFO, prepare::<kas_api::Options>(&kas_api::INFO, &database, &data)),
            (&scim_api::INFO, prepare::<scim_api::Options>(&scim_api::INFO, &database, &data)),
            (&admin_api::INFO, prepare::<admin_api::Options>(&admin_api::INFO, &database, &data)),
            (&billing_api::INFO, prepare::<billing_api::Options>(&billing_api::INFO, &database, &data)),
        ];
        let mut services = Vec::new();
        for (info, prepared) in prepared {
            let service = Service::start(Arc::clone(&database), prepared).await;
            services.push((info, service));
        }
        Self { database, services, data }
    }

    pub fn service(&self, name: &str) -> &Service {
        let found = self.services.iter().find(|(info, _)| info.name == name);
        found.map(|(_, service)| service).unwrap()
    }

    /// A valid credential of every kind, and credentials that are valid nowhere.
    pub async fn credentials(&self) -> Vec<Credential> {
        let credential = |kind, value: &str, home| Credential { kind, value: value.to_owned(), home };
        vec![
            credential(Kind::Shell, &Jwt::shell().good(), Header("Gitlab-Shell-Api-Request")),
            credential(Kind::Workhorse, &Jwt::workhorse().good(), Header("Gitlab-Workhorse-Api-Request")),
            credential(Kind::ErrorTracking, ERROR_TRACKING_TOKEN, Header("Gitlab-Error-Tracking-Token")),
            credential(Kind::Kas, &Jwt::kas().good(), Header("Gitlab-Kas-Api-Request")),
            credential(Kind::Agent, T5, Header("Gitlab-Agentk-Api-Request")),
            credential(Kind::RevokedAgent, T5R, Header("Gitlab-Agentk-Api-Request")),
            credential(Kind::Group, GROUP_TOKEN, Bearer),
            credential(Kind::OtherGroup, OTHER_GROUP_TOKEN, Bearer),
            credential(Kind::Instance, INSTANCE_TOKEN, Bearer),
            credential(
                Kind::Portal,
                &Signer::portal().sign(&portal_claims()),
                Header("X-Customers-Dot-Internal-Token"),
            ),
            credential(Kind::Administrator, ADMINISTRATOR, Header("Private-Token")),
            credential(Kind::Person, "glpat-person", Header("Private-Token")),
            credential(Kind::Narrow, "glpat-narrow", Header("Private-Token")),
            credential(Kind::Expired, "glpat-expired", Header("Private-Token")),
            credential(Kind::Revoked, "glpat-revoked", Header("Private-Token")),
            credential(Kind::Blocked, "glpat-blocked", Header("Private-Token")),
            credential(Kind::Session, &self.session().await, Cookie),
            credential(Kind::Worthless, &STANDARD.encode(SHELL_SECRET), Header("Gitlab-Shared-Secret")),
            credential(Kind::Worthless, &STANDARD.encode(KAS_SECRET), Bearer),
            credential(Kind::Worthless, &kas_fixture::key_base_text(), Bearer),
            credential(Kind::Worthless, &lfs_token(), Bearer),
            credential(Kind::Worthless, "glpat-unknown", Header("Private-Token")),
            credential(Kind::Worthless, "", Header("Private-Token")),
        ]
    }

    /// The cookie of a signed-in administrator.
    async fn session(&self) -> String {
        let admin = self.service("admin-api");
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let request = client.post(format!("{}/admin/session", admin.url()));
        let answer = request.form(&[("token", ADMINISTRATOR)]).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
        cookie.split(';').next().unwrap().to_owned()
    }
}

/// A token for Git LFS, which GitLab's HTTP endpoints accept.
fn lfs_token() -> String {
    let actor = auth::LfsActor::User {
        id: 2,
        username: "alice".to_owned(),
        encrypted_password: "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy".to_owned(),
    };
    let now = endpoint::Clock::System.unix();
    let token = auth::LfsToken { actor: &actor, project_id: 3, jti: "x".to_owned(), now, lifetime: 1800 };
    token.sign(&kas_fixture::key_base()).unwrap()
}

/// The tokens that the database holds.
fn plant(conn: &mut Conn) {
    kas_fixture::insert(conn);
    let keys = kas_fixture::key_base();
    for (id, path, token) in [(30, "test_group", GROUP_TOKEN), (31, "another_group", OTHER_GROUP_TOKEN)] {
        fixture::group(conn, id, path, None);
        let provider = format!(
            "INSERT INTO saml_providers (id, group_id, enabled, certificate_fingerprint, sso_url)
             VALUES ({id}, {id}, true, 'ab', 'https://idp.example.com')"
        );
        fixture::run(conn, &provider);
        database::scim::set_token(conn, Some(id), &keys.encrypt(token), fixture::now()).unwrap();
    }
    database::scim::set_token(conn, None, &keys.encrypt(INSTANCE_TOKEN), fixture::now()).unwrap();
    for (id, user_id, token, scope) in [
        (1, 1, ADMINISTRATOR, "api"),
        (2, 2, "glpat-person", "api"),
        (3, 1, "glpat-narrow", "read_user"),
        (4, 1, "glpat-expired", "api"),
        (5, 1, "glpat-revoked", "api"),
        (6, 8, "glpat-blocked", "api"),
    ] {
        kas_fixture::personal_token(conn, id, user_id, token, scope);
    }
    let now = fixture::now().format("%Y-%m-%d %H:%M:%S");
    let stored = keys.encrypt(ERROR_TRACKING_TOKEN);
    // Tokens that were used just now, because a use is stored even if the request is then refused.
    fixture::run(
        conn,
        &format!(
            "UPDATE personal_access_tokens SET expires_at = '2020-01-01' WHERE id = 4;
             UPDATE personal_access_tokens SET revoked = true WHERE id = 5;
             UPDATE personal_access_tokens SET last_used_at = '{now}';
             UPDATE users SET admin = true WHERE id = 8;
             UPDATE application_settings SET error_tracking_access_token_encrypted = '{stored}'"
        ),
    );
}

/// The files with the secrets of all services.
fn data_dir() -> TempDir {
    let data = TempDir::new().unwrap();
    let jwks = json!({ "keys": [Signer::portal().jwk()] }).to_string();
    for (name, text) in [
        (".gitlab_shell_secret", SHELL_SECRET.to_owned()),
        (".gitlab_kas_secret", STANDARD.encode(KAS_SECRET)),
        (".gitlab_workhorse_secret", STANDARD.encode(WORKHORSE_SECRET)),
        (".gitlab_db_key_base", kas_fixture::key_base_text()),
        ("jwks.json", jwks),
    ] {
        std::fs::write(data.path().join(name), text).unwrap();
    }
    data
}

/// Prepares another kas-api with the same secrets and database.
pub fn prepare_kas_api(installation: &Installation) -> Prepared {
    prepare::<kas_api::Options>(&kas_api::INFO, &installation.database, &installation.data)
}

fn prepare<S: server::Service>(info: &ServiceInfo, database: &Database, data: &TempDir) -> Prepared {
    let path = |name: &str| data.path().join(name).to_str().unwrap().to_owned();
    let mut arguments =
        vec![info.name.to_owned(), "--database-url".to_owned(), database.url_for(info.name).to_owned()];
    arguments.extend(["--data-dir".to_owned(), path("")]);
    arguments.extend(testkit::without_rate_limits(data.path(), &[]));
    match info.consumer {
        "shell" => arguments.extend(["--workhorse-secret-file".to_owned(), path(".gitlab_workhorse_secret")]),
        "billing" => arguments.extend(["--jwks-file".to_owned(), path("jwks.json")]),
        _ => {}
    }
    let arguments = arguments.into_iter().map(Into::into);
    let loaded = server::config::load::<S>(info.name, info.structures, arguments).unwrap();
    loaded.options.prepare(&loaded.structures).unwrap()
}

//! The examples of GitLab's documentation, as printed, on a database with the objects that they name. Those
//! that end in `l` send the shared secret itself, as in the documentation of older releases.
use std::collections::BTreeSet;

use super::support::{SECRET, token};
use super::{Shell, shell_api_with};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use database::memberships::Source;
use domain::{Role, ssh_key};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Value, json};
use testkit::fixture::{self, THEN};
use testkit::{Database, Request, ssh};

#[derive(Clone, Copy)]
enum Credential {
    Token,
    SharedSecret,
}
use Credential::{SharedSecret, Token};

/// Adds the rows that the documentation names, and starts a service with its settings.
async fn documented(database: Database) -> Shell {
    let conn = &mut database.open();
    // `root` has key 11, an RSA key.
    fixture::run(conn, "DELETE FROM keys WHERE id = 11");
    fixture::key(conn, 11, Some(1), &ssh::rsa(3072, 11));
    fixture::run(
        conn,
        "UPDATE keys SET title = 'admin@example.com' WHERE id = 11; UPDATE users SET name = 'Administrator' \
         WHERE id = 1",
    );
    // Project 3 is the public project `gnuwget/wget2`.
    fixture::group(conn, 100, "gnuwget", None);
    let twin = fixture::array(conn, &[100, 2003]);
    fixture::run(
        conn,
        &format!(
            "
        UPDATE projects SET name = 'Wget2', path = 'wget2', namespace_id = 100, visibility_level = 20 WHERE \
            id = 3;
        UPDATE namespaces SET name = 'Wget2', path = 'wget2', parent_id = 100, traversal_ids = '{twin}' \
            WHERE id = 2003;
        UPDATE routes SET name = 'gnuwget / Wget2', path = 'gnuwget/wget2' WHERE source_type = 'Project' AND \
            source_id = 3;"
        ),
    );
    // User 7 is `rubi`, with key 7.
    fixture::run(
        conn,
        "
        UPDATE users SET username = 'rubi', name = 'Dede Eichmann', email = 'rubi@example.com' WHERE id = 7;
        UPDATE namespaces SET name = 'rubi', path = 'rubi' WHERE id = 1007;
        UPDATE routes SET name = 'rubi', path = 'rubi' WHERE source_type = 'Namespace' AND source_id = 1007;",
    );
    fixture::key(conn, 7, Some(7), &ssh::ed25519(7));
    // They have a second factor, and user 29 exists.
    fixture::run(conn, "UPDATE users SET otp_required_for_login = true WHERE id = 7");
    fixture::user(conn, 29, "tokenuser");
    // Project 7 has a banner.
    fixture::group(conn, 200, "gitlab-org", None);
    fixture::project(conn, 7, "gitlab-org/agent-config", 200, 0);
    fixture::run(
        conn,
        &format!(
            "
        INSERT INTO broadcast_messages (message, message_html, starts_at, ends_at, target_path, \
            broadcast_type, show_in_cli, created_at, updated_at)
        VALUES ('Hello from post-receive', '<p>Hello from post-receive</p>', '2019-01-01 00:00:00', \
            '2999-01-01 00:00:00', 'gitlab-org/agent-config', 1, true, '{THEN}', '{THEN}');"
        ),
    );
    // The group `gitlab-org` has a certificate authority, and project 111 a key for error tracking.
    let authority = fixture::blob(conn, &authority());
    fixture::run(
        conn,
        &format!(
            "
        INSERT INTO group_ssh_certificates (namespace_id, created_at, fingerprint, title, key) VALUES (200, \
            '{THEN}', {authority}, 'CA', 'ssh-ed25519 AAAA ca');
        UPDATE users SET email = 'admin@example.com' WHERE id = 1; UPDATE application_settings SET \
            error_tracking_enabled = true"
        ),
    );
    fixture::member(conn, 1, Source::Group(200), Role::OWNER);
    fixture::project(conn, 111, "gitlab-org/errors", 200, 0);
    fixture::run(
        conn,
        &format!(
            "
        INSERT INTO error_tracking_client_keys (project_id, public_key, created_at, updated_at) VALUES (111, \
            'generated-error-tracking-key', '{THEN}', '{THEN}')"
        ),
    );
    fixture::recompute(conn);
    let version = ["--gitlab-version", "12.3.0-pre", "--gitlab-rev", "d69c988e6a6"];
    shell_api_with(database, &[&version[..], &["--legacy-shared-secret", "true"]].concat()).await
}

/// The fingerprint of a certificate authority, with a `+` in its base64.
fn authority() -> [u8; 32] {
    let fingerprint = |id| ssh_key::fingerprint(&ssh::ed25519(id)).unwrap();
    (1000..2000).map(fingerprint).find(|bytes| STANDARD_NO_PAD.encode(bytes).contains('+')).unwrap()
}

impl Credential {
    fn ask(self, shell: &Shell, method: &str, path: &str) -> Request {
        let request = shell.service.request(method, path);
        match self {
            Token => request.header("Gitlab-Shell-Api-Request", &token()),
            SharedSecret => request.header("Gitlab-Shared-Secret", &STANDARD.encode(SECRET)),
        }
    }
}

/// Sends the request as printed, and returns the response.
async fn answer(
    database: Database,
    credential: Credential,
    asked: (&str, &str),
    form: Option<&str>,
) -> Value {
    let shell = documented(database).await;
    let request = credential.ask(&shell, asked.0, asked.1);
    let (status, answer) = form.into_iter().fold(request, Request::form).answer().await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// Sends the request as printed, and compares the whole response.
async fn example(
    database: Database,
    credential: Credential,
    asked: (&str, &str),
    form: Option<&str>,
    expected: Value,
) -> Shell {
    let shell = documented(database).await;
    let request = credential.ask(&shell, asked.0, asked.1);
    let answer = form.into_iter().fold(request, Request::form).answer().await;
    assert_eq!(answer, (200, expected));
    shell
}

async fn example_1(database: Database, credential: Credential) {
    let form = "key_id=11&project=gnuwget/wget2&action=git-upload-pack&protocol=ssh";
    let path = "@hashed/4e/07/4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce.git";
    let expected = json!({
        "status": true,
        "gl_repository": "project-3",
        "gl_project_path": "gnuwget/wget2",
        "gl_id": "user-1",
        "gl_username": "root",
        "git_config_options": [],
        "gitaly": {
            "repository": {
                "storage_name": "default",
                "relative_path": path,
                "git_object_directory": "",
                "git_alternate_object_directories": [],
                "gl_repository": "project-3",
                "gl_project_path": "gnuwget/wget2",
            },
            "address": "unix:/run/gitaly.socket",
            "token": null,
            // GitLab has added the rest in later releases.
            "features": {},
        },
        "gl_console_messages": [],
        "gl_project_id": 3,
        "gl_root_namespace_id": 100,
        "need_audit": false,
        "gl_key_type": "key",
        "gl_key_id": 11,
    });
    example(database, credential, ("POST", "/api/v4/internal/allowed"), Some(form), expected).await;
}

/// Compares everything but the token, whose signature is verified.
async fn example_2(database: Database, credential: Credential) {
    let form = "key_id=11&project=gnuwget/wget2";
    let mut answer =
        answer(database, credential, ("POST", "/api/v4/internal/lfs_authenticate"), Some(form)).await;
    let token = answer["lfs_token"].take();
    let expected = json!({
        "username": "root",
        "lfs_token": null,
        "repository_http_path": "https://gitlab.example.com/gnuwget/wget2.git",
        "expires_in": 1800,
    });
    assert_eq!(answer, expected);
    let key = DecodingKey::from_secret(b"1xad68LJZdL17lhWy0123456789abcdef");
    let validation = Validation::new(Algorithm::HS256);
    let claims = decode::<Value>(token.as_str().unwrap(), &key, &validation).unwrap().claims;
    let seconds = |name: &str| claims[name].as_i64().unwrap();
    assert_eq!(claims["data"]["actor"], "root");
    assert_eq!((seconds("nbf"), seconds("exp")), (seconds("iat") - 5, seconds("iat") + 1800));
}

/// Also with an unencoded `+`, and by the email address.
async fn example_4(database: Database, credential: Credential) {
    let word = STANDARD_NO_PAD.encode(authority());
    let encoded = word.replace('+', "%2B").replace('/', "%2F");
    let expected = json!({ "success": true, "namespace": "gitlab-org", "username": "root" });
    let path =
        |key: &str, user: &str| format!("/api/v4/internal/authorized_certs?key={key}&user_identifier={user}");
    let shell = example(database, credential, ("GET", &path(&encoded, "root")), None, expected.clone()).await;
    for path in [path(&word, "root"), path(&encoded, "admin@example.com")] {
        assert_eq!(credential.ask(&shell, "GET", &path).answer().await, (200, expected.clone()), "{path}");
    }
}

/// The response has ten codes and no other members.
async fn example_7(database: Database, credential: Credential, method: &str) {
    let path = "/api/v4/internal/two_factor_recovery_codes";
    let answer = match method {
        "GET" => answer(database, credential, (method, &format!("{path}?key_id=7")), None).await,
        _ => answer(database, credential, (method, path), Some("key_id=7")).await,
    };
    let codes: BTreeSet<String> = serde_json::from_value(answer["recovery_codes"].clone()).unwrap();
    let is_code =
        |code: &String| code.len() == 16 && code.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
    assert!(codes.len() == 10 && codes.iter().all(is_code), "{answer}");
    assert_eq!(answer, json!({ "success": true, "recovery_codes": answer["recovery_codes"] }));
}

/// The token is created, although its expiry date is in the past.
async fn example_8(database: Database, credential: Credential) {
    let form =
        "user_id=29&name=mytokenname&scopes[]=read_user&scopes[]=read_repository&expires_at=2020-07-24";
    let asked = ("POST", "/api/v4/internal/personal_access_token");
    let mut answer = answer(database, credential, asked, Some(form)).await;
    let token = answer["token"].take();
    assert_eq!(token.as_str().unwrap().strip_prefix("glpat-").map(str::len), Some(20));
    let scopes = ["read_user", "read_repository"];
    let expected = json!({ "success": true, "token": null, "scopes": scopes, "expires_at": "2020-07-24" });
    assert_eq!(answer, expected);
}

async fn example_9(database: Database, credential: Credential) {
    let form = "project_id=111&public_key=generated-error-tracking-key";
    let asked = ("POST", "/api/v4/internal/error_tracking/allowed");
    example(database, credential, asked, Some(form), json!({ "enabled": true })).await;
}

/// Sends the key encoded, and with an unencoded `+`, which a form decoder turns into a space.
async fn example_3(database: Database, credential: Credential) {
    let key = ssh::rsa(3072, 11);
    let word = ssh::word(&key);
    assert!(word.contains('+'), "{word}");
    let expected = json!({
        "id": 11,
        "title": "admin@example.com",
        "key": format!("ssh-rsa {word} Administrator (gitlab.example.com)"),
        "created_at": "2019-06-27T15:29:02.219Z",
        "expires_at": null,
        "usage_type": "auth_and_signing",
    });
    let path = |word: &str| format!("/api/v4/internal/authorized_keys?key={word}");
    let encoded = word.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let shell = example(database, credential, ("GET", &path(&encoded)), None, expected.clone()).await;
    assert_eq!(credential.ask(&shell, "GET", &path(word)).answer().await, (200, expected));
}

async fn example_5(database: Database, credential: Credential) {
    let expected = json!({ "id": 7, "name": "Dede Eichmann", "username": "rubi" });
    example(database, credential, ("GET", "/api/v4/internal/discover?key_id=7"), None, expected).await;
}

async fn example_6(database: Database, credential: Credential) {
    let expected = json!({ "api_version": "v4", "gitlab_version": "12.3.0-pre", "gitlab_rev": "d69c988e6a6",
        "redis": true });
    example(database, credential, ("GET", "/api/v4/internal/check"), None, expected).await;
}

async fn example_10(database: Database, credential: Credential) {
    let expected = json!({ "reference_counter_increased": true });
    let form = "gl_repository=project-7";
    example(database, credential, ("POST", "/api/v4/internal/pre_receive"), Some(form), expected).await;
}

/// The job gets the changes unmodified, with the backslash and the `n` at their end.
async fn example_11(database: Database, credential: Credential) {
    let changes =
        r"0000000000000000000000000000000000000000 fd9e76b9136bdd9fe217061b497745792fe5a5ee gh-pages\n";
    let form = format!("gl_repository=project-7&identifier=user-1&changes={changes}");
    let expected = json!({
        "messages": [{ "message": "Hello from post-receive", "type": "alert" }],
        "reference_counter_decreased": true,
    });
    let shell =
        example(database, credential, ("POST", "/api/v4/internal/post_receive"), Some(&form), expected).await;
    let jobs = database::outbox::list(&mut shell.service.database.open(), "post_receive").unwrap();
    let args: Vec<Value> =
        jobs.iter().map(|job| serde_json::from_str::<Value>(job).unwrap()["args"].clone()).collect();
    assert_eq!(args, [json!(["project-7", "user-1", changes, {}])]);
}

#[testkit::test]
async fn example_1_allowed(database: Database) {
    example_1(database, Token).await;
}
#[testkit::test]
async fn example_1l_allowed_with_the_shared_secret(database: Database) {
    example_1(database, SharedSecret).await;
}
#[testkit::test]
async fn example_2_lfs_authenticate(database: Database) {
    example_2(database, Token).await;
}
#[testkit::test]
async fn example_2l_lfs_authenticate_with_the_shared_secret(database: Database) {
    example_2(database, SharedSecret).await;
}
#[testkit::test]
async fn example_3_authorized_keys(database: Database) {
    example_3(database, Token).await;
}
#[testkit::test]
async fn example_3l_authorized_keys_with_the_shared_secret(database: Database) {
    example_3(database, SharedSecret).await;
}
#[testkit::test]
async fn example_4_authorized_certs(database: Database) {
    example_4(database, Token).await;
}
#[testkit::test]
async fn example_5_discover(database: Database) {
    example_5(database, Token).await;
}
#[testkit::test]
async fn example_5l_discover_with_the_shared_secret(database: Database) {
    example_5(database, SharedSecret).await;
}
#[testkit::test]
async fn example_6_check(database: Database) {
    example_6(database, Token).await;
}
#[testkit::test]
async fn example_6l_check_with_the_shared_secret(database: Database) {
    example_6(database, SharedSecret).await;
}
#[testkit::test]
async fn example_7_recovery_codes(database: Database) {
    example_7(database, Token, "POST").await;
}
#[testkit::test]
async fn example_7g_recovery_codes_by_get(database: Database) {
    example_7(database, Token, "GET").await;
}
#[testkit::test]
async fn example_7l_recovery_codes_with_the_shared_secret(database: Database) {
    example_7(database, SharedSecret, "POST").await;
}
#[testkit::test]
async fn example_8_personal_access_token(database: Database) {
    example_8(database, Token).await;
}
#[testkit::test]
async fn example_8l_personal_access_token_with_the_shared_secret(database: Database) {
    example_8(database, SharedSecret).await;
}
#[testkit::test]
async fn example_9_error_tracking_allowed(database: Database) {
    example_9(database, Token).await;
}
#[testkit::test]
async fn example_9l_error_tracking_allowed_with_the_shared_secret(database: Database) {
    example_9(database, SharedSecret).await;
}
#[testkit::test]
async fn example_10_pre_receive(database: Database) {
    example_10(database, Token).await;
}
#[testkit::test]
async fn example_10l_pre_receive_with_the_shared_secret(database: Database) {
    example_10(database, SharedSecret).await;
}
#[testkit::test]
async fn example_11_post_receive(database: Database) {
    example_11(database, Token).await;
}
#[testkit::test]
async fn example_11l_post_receive_with_the_shared_secret(database: Database) {
    example_11(database, SharedSecret).await;
}

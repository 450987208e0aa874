//! `/lfs_authenticate` and `/lfs`: tokens, and downloads of objects.
use super::{Shell, shell_api, shell_api_with};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use domain::ssh_key;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::fixture::{self, P, Q};
use testkit::ssh;

/// The LFS secret of alice: her id, the end of her password's hash and the start of the key base.
const ALICE: &str = "2xad68LJZdL17lhWy0123456789abcdef";
const NOT_FOUND: &str = r#"{"message":"404 Not Found"}"#;
const OID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

async fn authenticate(shell: &Shell, body: Value) -> (u16, Value) {
    shell.post("/lfs_authenticate", body).await
}

/// Checks a response and the token in it.
fn is_for((status, mut body): (u16, Value), username: &str, key: &str, path: &str, lifetime: i64) {
    let token = body["lfs_token"].take();
    let expected = json!({
        "username": username, "lfs_token": null, "expires_in": lifetime,
        "repository_http_path": format!("https://gitlab.example.com/{path}.git"),
    });
    assert_eq!((status, body), (200, expected));
    let key = DecodingKey::from_secret(key.as_bytes());
    let claims =
        decode::<Value>(token.as_str().unwrap(), &key, &Validation::new(Algorithm::HS256)).unwrap().claims;
    let now = endpoint::Clock::System.unix();
    let issued = claims["iat"].as_i64().unwrap();
    assert!((now - 60..=now).contains(&issued), "{claims}");
    let jti = claims["jti"].as_str().unwrap();
    assert!(jti.len() == 36 && jti.as_bytes()[14] == b'4', "{jti}");
    let data = json!({ "actor": username, "container_gid": "gid://gitlab/Project/3" });
    let expected =
        json!({ "data": data, "jti": jti, "iat": issued, "nbf": issued - 5, "exp": issued + lifetime });
    assert_eq!(claims, expected);
}

#[testkit::test]
async fn user_gets_a_token(database: Database) {
    let shell = shell_api(database).await;
    let ask = |project: &str| json!({ "key_id": "11", "project": project, "operation": "download" });
    for project in ["grp/p.git", "/grp/p.git", "GRP/P"] {
        is_for(authenticate(&shell, ask(project)).await, "alice", ALICE, "grp/p", 1800);
    }
    let by_name = json!({ "username": "alice", "gl_repository": "project-3" });
    is_for(authenticate(&shell, by_name).await, "alice", ALICE, "grp/p", 1800);
    let jti = async || authenticate(&shell, ask("grp/p")).await.1["lfs_token"].clone();
    assert_ne!(jti().await, jti().await);
}

#[testkit::test]
async fn user_can_be_named_by_id(database: Database) {
    let shell = shell_api(database).await;
    let body = json!({ "user_id": "2", "project": "grp/p.git", "operation": "upload" });
    is_for(authenticate(&shell, body).await, "alice", ALICE, "grp/p", 1800);
}

#[testkit::test]
async fn a_deploy_key_gets_a_token(database: Database) {
    let shell = shell_api(database).await;
    let digest = ssh_key::fingerprint(&ssh::ed25519(30)).unwrap();
    let key = format!("{}{}", &STANDARD_NO_PAD.encode(digest)[..16], "0123456789abcdef".repeat(2));
    let answer = authenticate(&shell, json!({ "key_id": 30, "project": "grp/p" })).await;
    is_for(answer, "lfs+deploy-key-30", &key, "grp/p", 1800);
}

#[testkit::test]
async fn wikis_have_lfs_too(database: Database) {
    fixture::project(&mut database.open(), 50, "grp/named.wiki", 20, 0);
    let shell = shell_api(database).await;
    for body in [
        json!({ "key_id": 11, "project": "grp/p.wiki.git" }),
        json!({ "key_id": 11, "gl_repository": "wiki-3" }),
    ] {
        is_for(authenticate(&shell, body).await, "alice", ALICE, "grp/p.wiki", 1800);
    }
    let (status, answer) = authenticate(&shell, json!({ "key_id": 11, "project": "grp/named.wiki" })).await;
    let path = json!("https://gitlab.example.com/grp/named.wiki.git");
    assert_eq!((status, &answer["repository_http_path"]), (200, &path));
}

#[testkit::test]
async fn lifetime_and_base_url_are_configurable(database: Database) {
    let options = ["--lfs-token-ttl", "7200", "--lfs-http", "https://lfs.example.com/git/"];
    let shell = shell_api_with(database, &options).await;
    let (_, answer) = authenticate(&shell, json!({ "key_id": 11, "project": "grp/p" })).await;
    assert_eq!(answer["repository_http_path"], "https://lfs.example.com/git/grp/p.git");
    assert_eq!(answer["expires_in"], 7200);
}

#[testkit::test]
async fn token_requires_access_to_the_project(database: Database) {
    fixture::run(
        &mut database.open(),
        "INSERT INTO snippets (id, author_id, project_id, created_at, updated_at)
            VALUES (8, 2, 3, '2020-01-01 00:00:00', '2020-01-01 00:00:00')",
    );
    let shell = shell_api(database).await;
    let no_actor = (404, r#"{"message":"404 Not found"}"#.to_owned());
    let not_found = (404, NOT_FOUND.to_owned());
    let ask = async |body: Value| {
        let answer = shell.request("POST", "/lfs_authenticate").json(&body).send().await;
        (answer.status, answer.text)
    };
    for body in [
        json!({ "key_id": 11, "project": "grp/nope" }),
        json!({ "key_id": 11, "gl_repository": "project-999" }),
        json!({ "key_id": 11, "project": "grp/p/snippets/8.git" }),
        json!({ "key_id": 11, "gl_repository": "snippet-8" }),
        json!({ "key_id": 11, "gl_repository": "group-20-wiki" }),
        json!({ "key_id": 11 }),
        json!({ "key_id": 999, "project": "grp/nope" }),
    ] {
        assert_eq!(ask(body.clone()).await, not_found, "{body}");
    }
    for actor in [json!({}), json!({ "key_id": 999 }), json!({ "key_id": 40 }), json!({ "user_id": 999 })] {
        let mut body = actor.clone();
        body["project"] = json!("grp/p");
        assert_eq!(ask(body).await, no_actor, "{actor}");
    }
    let body = json!({ "key_id": 11, "project": "grp/p" });
    for (change, status) in [
        ("UPDATE namespaces SET lfs_enabled = false WHERE id = 20", 404),
        ("UPDATE projects SET lfs_enabled = true WHERE id = 3", 200),
        (
            "UPDATE namespaces SET lfs_enabled = true WHERE id = 20; UPDATE projects SET lfs_enabled = false \
             WHERE id = 3",
            404,
        ),
        ("UPDATE projects SET lfs_enabled = NULL WHERE id = 3", 200),
        ("UPDATE projects SET pending_delete = true WHERE id = 3", 404),
    ] {
        shell.sql(change);
        assert_eq!(ask(body.clone()).await.0, status, "{change}");
    }
}

#[testkit::test]
async fn lfs_can_be_disabled_for_the_instance(database: Database) {
    let shell = shell_api_with(database, &["--lfs-enabled", "false"]).await;
    let answer = authenticate(&shell, json!({ "key_id": 11, "project": "grp/p" })).await;
    assert_eq!(answer, (404, serde_json::from_str(NOT_FOUND).unwrap()));
}

#[testkit::test]
async fn object_of_the_project_is_returned(database: Database) {
    let files = TempDir::new().unwrap();
    // Longer than one read.
    let content: Vec<u8> = (0..200_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let directory = files.path().join(&OID[..2]).join(&OID[2..4]);
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join(&OID[4..]), &content).unwrap();
    let gone = OID.replace('0', "f");
    let then = fixture::THEN;
    fixture::run(
        &mut database.open(),
        &format!(
            "INSERT INTO lfs_objects (id, oid, size, created_at, updated_at) VALUES
              (1, '{OID}', 200000, '{then}', '{then}'), (2, '{gone}', 1, '{then}', '{then}');
            INSERT INTO lfs_objects_projects (lfs_object_id, project_id) VALUES (1, {P}), (2, {P})"
        ),
    );
    let shell = shell_api_with(database, &["--lfs-storage-path", files.path().to_str().unwrap()]).await;
    let ask = async |oid: &str, repository: &str| {
        shell.request("GET", &format!("/lfs?oid={oid}&gl_repository={repository}")).send().await
    };
    for repository in ["project-3", "wiki-3", "design-3"] {
        let answer = ask(OID, repository).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/octet-stream")));
        assert_eq!(answer.header("content-length"), Some("200000"));
        assert!(answer.text == String::from_utf8_lossy(&content), "other bytes");
    }
    let outside = ["../", &OID[3..]].concat();
    for (oid, repository) in [
        (OID, "project-4"),
        (OID, "project-999"),
        (OID, "snippet-3"),
        (OID, "group-3-wiki"),
        (&gone, "project-3"),
        (&OID[1..], "project-3"),
        (&OID.to_uppercase(), "project-3"),
        (&outside, "project-3"),
        ("..%2F..%2Fetc%2Fpasswd", "project-3"),
    ] {
        let answer = ask(oid, repository).await;
        assert_eq!((answer.status, answer.text.as_str()), (404, NOT_FOUND), "{oid} {repository}");
    }
    for (query, reason) in
        [("gl_repository=project-3", "oid is missing"), (&format!("oid={OID}"), "gl_repository is missing")]
    {
        let expected = json!({ "message": format!("400 Bad request - {reason}"), "error": reason });
        assert_eq!(shell.get(&format!("/lfs?{query}")).await, (400, expected));
    }
    assert_eq!(ask(OID, "project-x").await.status, 400);
    // A directory is answered with 404.
    std::fs::remove_file(directory.join(&OID[4..])).unwrap();
    std::fs::create_dir(directory.join(&OID[4..])).unwrap();
    assert_eq!(ask(OID, "project-3").await.status, 404);
}

#[testkit::test]
async fn without_a_directory_there_are_no_objects(database: Database) {
    fixture::run(
        &mut database.open(),
        &format!(
            "INSERT INTO lfs_objects (id, oid, size) VALUES (1, '{OID}', 1);
            INSERT INTO lfs_objects_projects (lfs_object_id, project_id) VALUES (1, {Q})"
        ),
    );
    let shell = shell_api(database).await;
    let answer = shell.get(&format!("/lfs?oid={OID}&gl_repository=project-4")).await;
    assert_eq!(answer, (404, serde_json::from_str(NOT_FOUND).unwrap()));
}

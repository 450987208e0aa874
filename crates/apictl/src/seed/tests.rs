use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use auth::KeyBase;
use database::Conn;
use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use serde_json::Value;

use super::*;

struct World {
    directory: tempfile::TempDir,
    options: Options,
}

/// An installation in a directory of its own, with tables and a hook.
fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("hooks")).unwrap();
    fs::write(at("hooks/pre-receive"), "#!/bin/sh\n").unwrap();
    let database = connection::Options { data_dir: at("data"), database_url: None, database_url_file: None };
    let (mut conn, _) = database.open().unwrap();
    database::migrate(&mut conn).unwrap();
    fs::write(at("data/.gitlab_db_key_base"), "k".repeat(128)).unwrap();
    let options = Options {
        key_base: KeyBaseOptions { db_key_base_file: None },
        demo: true,
        base_url: "http://127.0.0.1:8080/".to_owned(),
        repositories_dir: at("data/repositories"),
        hooks_dir: at("hooks"),
        database,
    };
    World { directory, options }
}

impl World {
    fn conn(&self) -> Conn {
        self.options.database.open().unwrap().0
    }

    fn data(&self, name: &str) -> PathBuf {
        self.options.database.data_dir.join(name)
    }

    fn demo(&self) -> Value {
        serde_json::from_slice(&fs::read(self.data("demo.json")).unwrap()).unwrap()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn git(repository: &Path, arguments: &[&str]) -> String {
    let mut command = std::process::Command::new("git");
    command.arg("--git-dir").arg(repository).args(arguments);
    let output = command.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn number(conn: &mut Conn, sql: &str) -> i64 {
    diesel::dsl::sql::<BigInt>(sql).get_result(conn).unwrap()
}

#[test]
fn the_demo_is_whole() {
    let world = world();
    run(&world.options).unwrap();

    let mut conn = world.conn();
    for (sql, expected) in [
        ("SELECT count(*) FROM users", 89),
        ("SELECT count(*) FROM members WHERE source_id = 1235", 82),
        ("SELECT count(*) FROM personal_access_tokens", 1),
        // root 3 as owner of two groups; rubi, mia, dev and blk 1 each
        ("SELECT count(*) FROM project_authorizations", 7),
        ("SELECT access_level FROM project_authorizations WHERE user_id = 40 AND project_id = 3", 40),
        ("SELECT count(*) FROM routes WHERE path = 'gnuwget/wget2' AND source_id = 3", 1),
        ("SELECT count(*) FROM keys WHERE length(fingerprint_sha256) = 32", 5),
        ("SELECT count(*) FROM namespaces WHERE traversal_ids = '[100,101]'", 1),
    ] {
        assert_eq!(number(&mut conn, sql), expected, "{sql}");
    }

    let demo = world.demo();
    let token = demo["agent_token"].as_str().unwrap();
    assert!(token.starts_with("glagent-") && token.len() == 58, "{token}");
    let forms = KeyBase::from_text(&"k".repeat(128)).unwrap().stored_forms(token);
    let agent = database::agents::find_by_token(&mut conn, &forms).unwrap().unwrap();
    assert_eq!((agent.id, agent.project_id, agent.name.as_str()), (1, 7, "agent1"));
    assert_eq!(database::scan_policies::find_by_project(&mut conn, 7).unwrap().len(), 2);
    assert_eq!(demo["base_url"], "http://127.0.0.1:8080");
    assert_eq!(demo["users"]["dev"], serde_json::json!({ "user_id": 41, "key_id": 41 }));
    assert_eq!(demo["ssh_ca_fingerprint"].as_str().unwrap().len(), 43);
    assert!(Path::new(demo["ssh_key_file"].as_str().unwrap()).is_file());
    assert_eq!((mode(&world.data("demo.json")), mode(&world.data("config.yaml"))), (0o600, 0o600));

    let repository = crate::repositories::path(&world.options.repositories_dir, 3);
    assert_eq!(git(&repository, &["rev-list", "--count", "main"]), "3");
    assert_eq!(git(&repository, &["ls-tree", "-r", "--name-only", "HEAD"]), "NEWS\nREADME.md\nsrc/wget.c");
    assert_eq!(git(&repository, &["config", "internalapi.glrepository"]), "project-3");
    assert_eq!(mode(&repository.join("hooks/pre-receive")), 0o755);
    for id in database::seed::PROJECTS {
        let repository = crate::repositories::path(&world.options.repositories_dir, id);
        assert_eq!(git(&repository, &["symbolic-ref", "HEAD"]), "refs/heads/main");
    }
}

#[test]
fn the_second_run_keeps_what_is_there_and_makes_what_is_missing() {
    let world = world();
    run(&world.options).unwrap();
    let (before, key) = (world.demo(), fs::read(world.data("demo_ssh_key")).unwrap());
    world
        .conn()
        .batch_execute("UPDATE users SET name = 'Changed' WHERE id = 7; DELETE FROM keys WHERE id = 42;")
        .unwrap();
    world.conn().batch_execute("INSERT INTO keys (id, user_id, title) VALUES (99, 42, 'mine')").unwrap();
    let mut with_token = before.clone();
    with_token["agent_token"] = "glagent-x".into();
    fs::write(world.data("demo.json"), with_token.to_string()).unwrap();
    fs::write(world.data("config.yaml"), "backlog: 7\n").unwrap();
    fs::write(world.directory.path().join("hooks/pre-receive"), "#!/bin/sh\nexit 1\n").unwrap();
    let [pushed_to, other] = [3, 7].map(|id| crate::repositories::path(&world.options.repositories_dir, id));
    git(&pushed_to, &["branch", "mine", "main"]);
    fs::remove_dir_all(&other).unwrap();

    run(&world.options).unwrap();

    let forms = KeyBase::from_text(&"k".repeat(128)).unwrap().stored_forms("glagent-x");
    assert!(database::agents::find_by_token(&mut world.conn(), &forms).unwrap().is_some());
    with_token["users"]["blk"]["key_id"] = 99.into();
    assert_eq!(world.demo(), with_token);
    assert_eq!(fs::read(world.data("demo_ssh_key")).unwrap(), key);
    assert_eq!(number(&mut world.conn(), "SELECT count(*) FROM users WHERE name = 'Changed'"), 1);
    assert_eq!(fs::read_to_string(world.data("config.yaml")).unwrap(), "backlog: 7\n");
    assert_eq!(git(&pushed_to, &["for-each-ref", "--format=%(refname)"]), "refs/heads/main\nrefs/heads/mine");
    assert_eq!(fs::read_to_string(pushed_to.join("hooks/pre-receive")).unwrap(), "#!/bin/sh\nexit 1\n");
    assert!(other.join("HEAD").is_file());

    // If the private key of root is missing, root gets a new key.
    fs::remove_file(world.data("demo_ssh_key")).unwrap();
    run(&world.options).unwrap();
    let line = fs::read_to_string(world.data("demo_ssh_key.pub")).unwrap();
    let same = format!("SELECT count(*) FROM keys WHERE id = 11 AND key = '{}'", line.trim());
    assert_eq!(number(&mut world.conn(), &same), 1);
}

#[test]
fn a_database_with_other_people_is_refused_and_nothing_is_left_behind() {
    let world = world();
    let user = "INSERT INTO users (id, username, projects_limit) VALUES (1, 'root', 0)";
    world.conn().batch_execute(user).unwrap();
    let key = "INSERT INTO keys (id, user_id, title, created_at) VALUES (11, 1, 'admin@example.com', '2020-01-01 00:00:00')";
    world.conn().batch_execute(key).unwrap();
    let error = format!("{:#}", run(&world.options).unwrap_err());
    assert!(error.contains("it has users whom the demo did not make"), "{error}");
    assert_eq!(number(&mut world.conn(), "SELECT count(*) FROM users"), 1);
    for name in ["demo_ssh_key", "repositories", "config.yaml", "demo.json"] {
        assert!(!world.data(name).exists(), "{name}");
    }
}

#[test]
fn a_database_without_tables_is_refused() {
    let world = world();
    world.conn().batch_execute("DROP TABLE users").unwrap();
    let error = format!("{:#}", run(&world.options).unwrap_err());
    assert!(error.contains("no such table: users"), "{error}");
}

#[test]
fn the_configuration_is_what_the_service_reads() {
    let world = world();
    run(&world.options).unwrap();
    let text = fs::read_to_string(world.data("config.yaml")).unwrap();
    let config: Value = yaml_serde::from_str(&text).unwrap();
    let data = world.options.database.data_dir.canonicalize().unwrap();
    assert_eq!(
        config,
        serde_json::json!({
            "external_url": "http://127.0.0.1:8080",
            "shell-api": {
                "gitlab_version": "12.3.0-pre",
                "gitlab_rev": "d69c988e6a6",
                "legacy_shared_secret": true,
                "partial_clone": false,
                "lfs_token_ttl": 1800,
                "storages": { "default": {
                    "address": format!("unix:{}/gitaly.socket", data.display()),
                    "inspect": "local",
                    "path": data.join("repositories"),
                } },
            },
            "kas-api": {
                "storages": { "default": {
                    "address": format!("unix:{}/gitaly.socket", data.display()),
                    "inspect": "local",
                    "path": data.join("repositories"),
                } },
            },
        })
    );
}

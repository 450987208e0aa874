//! Options and their sources, exit codes, and the check of the tables at the start.
use super::binary::{Binary, Setup};
use super::support::eventually;
use serde_json::json;
use testkit::{Database, Process};

/// The output of `check-config`.
fn printed(setup: &Setup, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = setup.run(&[&["check-config"], arguments].concat(), environment);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn has(text: &str, line: &str) -> bool {
    text.lines().any(|printed| printed.replace(['\'', '"'], "") == line)
}

/// Asserts that the process exits with this code and message.
#[track_caller]
fn fails(setup: &Setup, arguments: &[&str], code: i32, sentence: &str) {
    let (ended, errors) = setup.failure(arguments);
    assert_eq!(ended, Some(code), "{arguments:?}: {errors}");
    assert!(errors.contains(sentence), "{arguments:?}: {errors}");
    assert!(!errors.contains("panicked"), "{errors}");
}

/// Retries until all checks pass: each has a timeout of one second, and the machine may be busy.
async fn is_wholly_ready(process: &Process) {
    eventually("all checks pass", async || process.monitor("/-/readiness?all=1").await.status == 200).await;
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let setup = Setup::bare();
    assert!(has(&printed(&setup, &[], &[]), "backlog: 1024"));
    setup.configure("backlog: 5\nssh_port: 2222\n");
    assert!(has(&printed(&setup, &[], &[]), "backlog: 5"));
    setup.configure("shell-api:\n  backlog: 6\nkas-api:\n  backlog: 7\n");
    assert!(has(&printed(&setup, &[], &[]), "backlog: 6"));
    let environment = [("IAPI_BACKLOG", "8")];
    assert!(has(&printed(&setup, &[], &environment), "backlog: 8"));
    let text = printed(&setup, &["--backlog", "9"], &environment);
    assert!(has(&text, "backlog: 9") && has(&text, "ssh_port: 2222"), "{text}");
}

#[test]
fn the_effective_configuration_hides_secrets() {
    let setup = Setup::bare();
    let arguments = [
        "--database-url",
        "postgres://me:hunter2@db.example.com/gitlab",
        "--redis-url",
        "redis://:hunter2@cache",
    ];
    let text = printed(&setup, &arguments, &[]);
    assert!(
        has(&text, "database_url: postgres://me:[FILTERED]@db.example.com/gitlab")
            && has(&text, "redis_url: redis://:[FILTERED]@cache"),
        "{text}"
    );
    assert!(text.contains("unix:/run/gitaly.socket") && text.contains("tcp://gitaly:8075"), "{text}");
    assert!(
        !text.contains("hunter2") && !text.contains("s3cret") && !text.contains(super::support::SECRET),
        "{text}"
    );
}

#[test]
fn mistakes_are_reported_before_a_port_is_bound() {
    let setup = Setup::bare();
    for command in ["serve", "check-config"] {
        let empty = setup.path("empty");
        std::fs::write(&empty, " \n").unwrap();
        for (arguments, sentence) in [
            (vec!["--nonsense"], "--nonsense"),
            (vec!["--backlog", "many"], "--backlog"),
            (vec!["--shutdown-blackout", "5h"], "unit of time"),
            (vec!["--log-format", "xml"], "--log-format"),
            (vec!["--database-url", "mysql://x"], "it must start with postgres://"),
            (vec!["--redis-url", "memcache://x:hunter2@y"], "the Redis URL is not usable"),
            (vec!["--job-sink", "redis"], "job_sink: redis needs redis_url"),
            (vec!["--relative-url-root", "a b"], "relative_url_root"),
            (vec!["--socket-mode", "9"], "socket_mode"),
            (vec!["--shell-secret-file", "/nonexistent"], "/nonexistent"),
            (vec!["--shell-secret-file", empty.to_str().unwrap()], "empty"),
            (vec!["--database-url-file", "/nonexistent"], "/nonexistent"),
            (vec!["--tls-cert-file", "/nonexistent"], "--tls-key-file"),
            (vec!["--tls-cert-file", "/nonexistent", "--tls-key-file", "/nonexistent"], "/nonexistent"),
        ] {
            fails(&setup, &[&[command], &arguments[..]].concat(), 78, sentence);
        }
    }
    assert!(!setup.failure(&["--redis-url", "memcache://x:hunter2@y"]).1.contains("hunter2"));
}

#[test]
fn files_with_mistakes_are_refused() {
    for (further, sentence) in [
        ("databse_url: x\n", "databse_url"),
        ("backlog: {a: 1}\n", "backlog"),
        ("backlog: [\n", "config.yaml"),
        ("  more: {inspect: local, address: 'unix:/x'}\n", "more is inspected locally but has no path"),
        ("  more: {address: ''}\n", "more has no address"),
        ("  more: {addres: 'unix:/x'}\n", "addres"),
        ("  more: {address: 'unix:/x', inspect: magic}\n", "magic"),
        (
            "  more: {address: 'gitaly:8075'}\n",
            "more is inspected by Gitaly but its address is none of unix:/path",
        ),
        (
            "  more: {address: 'http://x:1', inspect: gitaly}\n",
            "more is inspected by Gitaly but its address is none",
        ),
    ] {
        let setup = Setup::bare();
        setup.configure(further);
        for command in ["serve", "check-config"] {
            fails(&setup, &[command], 78, sentence);
        }
    }
    let setup = Setup::bare();
    std::fs::remove_file(setup.path(".gitlab_shell_secret")).unwrap();
    fails(&setup, &[], 78, ".gitlab_shell_secret");
    assert!(!setup.path(".gitlab_shell_secret").exists(), "a service makes no secret");
}

#[actix_web::test]
async fn healthcheck_asks_the_running_service() {
    let database = Database::sqlite();
    let binary = Binary::start(&database);
    let address = binary.process.monitoring.strip_prefix("http://").unwrap().to_owned();
    let healthcheck =
        |address: &str| binary.setup.run(&["healthcheck", "--monitoring-listen", address], &[]).status.code();
    assert_eq!(healthcheck(&address), Some(0));
    assert_eq!(healthcheck("127.0.0.1:1"), Some(1));
    // A port in use is not a configuration error, as it may be free the next time.
    let taken = binary.process.url.strip_prefix("http://").unwrap();
    fails(
        &binary.setup,
        &["--listen", taken, "--monitoring-listen", "127.0.0.1:0"],
        1,
        &format!("cannot listen at {taken}"),
    );
}

#[actix_web::test]
async fn five_services_can_start_on_an_empty_database() {
    let setup = Setup::bare();
    let processes: Vec<Process> = (0..5).map(|_| setup.launch(&[], &[])).collect();
    for process in processes {
        let process = process.until_ready();
        is_wholly_ready(&process).await;
    }
    assert!(setup.path("internal-api.sqlite3").exists());
}

/// All findings are reported together, each with its table, column and the feature that needs it.
#[test]
fn tables_that_do_not_fit_end_the_start() {
    let database = Database::gitlab();
    let setup = Setup::new(&database);
    database.sql(
        "ALTER TABLE projects DROP COLUMN visibility_level; ALTER TABLE routes DROP COLUMN path; \
         ALTER TABLE keys DROP COLUMN expires_at; DROP TABLE protected_tags CASCADE",
    );
    let (code, errors) = setup.failure(&[]);
    assert_eq!(code, Some(78), "{errors}");
    for finding in [
        "column projects.visibility_level is missing; shell-api needs it",
        "column routes.path is missing; shell-api needs it",
        "column keys.expires_at is missing; shell-api needs it",
        "table protected_tags is missing; shell-api needs it",
        "findings: 4",
    ] {
        assert!(errors.contains(finding), "{errors}");
    }
    assert_eq!(setup.run(&["check-config"], &[]).status.code(), Some(0));
}

/// On PostgreSQL a service creates no tables, but waits until they are migrated.
#[actix_web::test]
async fn a_service_waits_for_its_migrations() {
    let database = Database::postgresql();
    database.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA internal_api CASCADE");
    let setup = Setup::new(&database);
    let process = setup.launch(&[], &[]);
    let line =
        process.log_line(|line| line["message"].as_str().is_some_and(|text| text.starts_with("waiting: ")));
    assert!(line["message"].as_str().unwrap().ends_with("run: internal-apictl migrate"), "{line}");
    let starting =
        json!({ "status": "failed", "master_check": [{ "status": "failed", "message": "starting" }] });
    assert_eq!(process.monitor("/-/readiness").await.json(), (503, starting));
    database::migrate(&mut database.open()).unwrap();
    is_wholly_ready(&process.until_ready()).await;
}

#[actix_web::test]
async fn migrations_are_refused_beside_gitlab() {
    let database = Database::postgresql();
    database.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA internal_api CASCADE");
    let binary = Setup::new(&database).start(&["--migrations", "run"], &[]);
    is_wholly_ready(&binary.process).await;
    database.sql("CREATE TABLE ar_internal_metadata (key text PRIMARY KEY, value text)");
    fails(&Setup::new(&database), &["--migrations", "run"], 78, "the database belongs to a real GitLab");
    let beside_gitlab = Setup::new(&database).start(&[], &[]);
    is_wholly_ready(&beside_gitlab.process).await;
}

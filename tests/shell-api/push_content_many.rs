//! The cost of content checks: the number of statements of each, and the time of a push of 2,000 commits.
use std::fmt::Write;

use super::binary::{Binary, Setup};
use super::incoming::{Incoming, refused};
use super::support::{Z, shell_api_at, storages};
use serde_json::{Value, json};
use testkit::Database;
use testkit::fixture::THEN;

const COMMITS: usize = 2_000;

fn start(database: &Database, incoming: &Incoming) -> Binary {
    let setup = Setup::new(database);
    std::fs::write(setup.path("config.yaml"), storages(&incoming.storage.path().to_string_lossy())).unwrap();
    setup.start(&[], &[])
}

/// The fewest statements of three attempts, since the settings are read again once a second, and the
/// response.
async fn cost(binary: &Binary, body: &Value) -> (u64, u16, Value) {
    let mut fewest = u64::MAX;
    let mut answer = (0, Value::Null);
    for _ in 0..3 {
        assert_eq!(binary.clone().await.0, 200);
        binary.access();
        answer = binary.request("POST", "/allowed").json(body).answer().await;
        fewest = fewest.min(binary.access()["db_count"].as_u64().unwrap());
    }
    (fewest, answer.0, answer.1)
}

fn body(incoming: &Incoming, changes: &str) -> Value {
    let mut body = incoming.body(changes);
    body["key_id"] = json!("11");
    body
}

#[testkit::test]
async fn each_enabled_check_runs_one_statement(database: Database) {
    let incoming = Incoming::new();
    let oid = "1".repeat(64);
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 1\n");
    let (plain, with_pointer) = (incoming.commit(&[]), incoming.commit(&[("a", Some(pointer.as_bytes()))]));
    let binary = start(&database, &incoming);
    let many: String = (0..500).map(|n| format!("{Z} {plain} refs/heads/f-{n}\n")).collect();
    let one = |commit: &str| body(&incoming, &format!("{Z} {commit} refs/heads/f"));
    for (set, body, statements) in [
        ("SELECT 1", one(&plain), 4),
        ("SELECT 1", body(&incoming, &many), 4),
        (
            &*format!(
                "INSERT INTO lfs_objects (id, oid, size) VALUES (1, '{oid}', 1);
                INSERT INTO lfs_objects_projects (lfs_object_id, project_id) VALUES (1, 3)"
            ),
            one(&with_pointer),
            5,
        ),
        (
            &*format!(
                "INSERT INTO lfs_file_locks (project_id, user_id, path, created_at) VALUES (3, 5, 'x', \
                 '{THEN}')"
            ),
            one(&with_pointer),
            6,
        ),
        (
            "INSERT INTO push_rules (id, project_id, commit_message_regex, prevent_secrets, max_file_size) \
             VALUES (1, 3, '.', true, 1)",
            one(&with_pointer),
            6,
        ),
        ("UPDATE push_rules SET member_check = true", one(&with_pointer), 7),
        (
            "UPDATE push_rules SET commit_committer_check = true, commit_committer_name_check = true",
            one(&with_pointer),
            8,
        ),
        // Without new commits, no further statements are needed.
        ("SELECT 1", one(&incoming.main), 4),
    ] {
        database.sql(set);
        let (counted, status, answer) = cost(&binary, &body).await;
        assert_eq!((counted, status, &answer["status"]), (statements, 200, &json!(true)), "{set}: {answer}");
    }
}

#[testkit::test]
async fn two_thousand_commits_take_a_few_seconds(database: Database) {
    let incoming = Incoming::new();
    let mut stream = String::new();
    for n in 0..COMMITS {
        let message = format!("JIRA-{n} a change\n\nSigned-off-by: A <a@example.com>\n");
        let content = format!("content {n}");
        write!(
            stream,
            "commit refs/heads/made\ncommitter alice the user <alice@example.com> {n} +0000\ndata \
            {}\n{message}",
            message.len()
        )
        .unwrap();
        write!(stream, "M 100644 inline d{}/f{n}\ndata {}\n{content}\n\n", n % 50, content.len()).unwrap();
    }
    incoming.git(&["fast-import", "--quiet"], stream.as_bytes());
    let head = incoming.git(&["rev-parse", "refs/heads/made"], b"");
    incoming.git(&["update-ref", "-d", "refs/heads/made"], b"");
    database.sql(&format!(
        "INSERT INTO push_rules (project_id, branch_name_regex, commit_message_regex, \
        commit_message_negative_regex,
            author_email_regex, file_name_regex, max_file_size, member_check, prevent_secrets, \
                commit_committer_check,
            commit_committer_name_check, reject_non_dco_commits)
            VALUES (3, '^f', 'JIRA-[0-9]+', '(?i)\\bwip\\b', '@example.com$', '\\.exe$', 1, true, true, \
                true, true, true);
            INSERT INTO lfs_file_locks (project_id, user_id, path, created_at) VALUES (3, 5, 'x', \
                '{THEN}')"
    ));
    let binary = start(&database, &incoming);
    let changes = format!("{Z} {head} refs/heads/f");
    let answer = binary.request("POST", "/allowed").json(&body(&incoming, &changes)).answer().await;
    assert_eq!((answer.0, &answer.1["status"]), (200, &json!(true)), "{}", answer.1);
    let line = binary.access();
    println!("{COMMITS} commits: {} statements, {} s", line["db_count"], line["duration_s"]);
    assert!(line["duration_s"].as_f64().unwrap() < 5.0, "{line}");
    // The last commit is checked, too.
    database.sql("UPDATE push_rules SET commit_message_negative_regex = 'JIRA-1999'");
    let answer = binary.request("POST", "/allowed").json(&body(&incoming, &changes)).answer().await;
    assert_eq!(
        (answer.0, &answer.1["message"]),
        (401, &json!("Commit message contains the forbidden pattern 'JIRA-1999'"))
    );
}
#[testkit::test]
async fn more_than_memory_is_for_is_refused(database: Database) {
    let incoming = Incoming::new();
    let endless = incoming.commit_with(|draft| draft.message = "x".repeat(65 * 1024 * 1024), &[]);
    database.sql("INSERT INTO push_rules (project_id, commit_message_regex) VALUES (3, 'x')");
    let shell = shell_api_at(database, incoming.storage.path(), &[]).await;
    let message = "This push brings more than can be checked. Push it in smaller parts.";
    assert_eq!(incoming.push(&shell, 11, &endless).await, refused(message));
}

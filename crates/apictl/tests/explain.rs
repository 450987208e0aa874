//! `internal-apictl explain`, run as an operator does, on every database shape. That the explanation of an access
//! check agrees with the service is proved in `tests/shell-api/explain.rs`.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
use std::collections::BTreeSet;
use std::process::Command;

use database::billing::seats;
use database::memberships::Source;
use diesel::prelude::*;
use diesel::sql_types::Text;
use domain::Role;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::fixture::{self, THEN};
use testkit::{Database, git};

struct Operator {
    database: Database,
    data: TempDir,
}

struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Outcome {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{}{}", self.stdout, self.stderr))
    }
}

impl Operator {
    fn new(database: Database) -> Self {
        Self { database, data: TempDir::new().unwrap() }
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        let output = Command::new(env!("CARGO_BIN_EXE_internal-apictl"))
            .arg("explain")
            .args(arguments)
            .env("IAPI_DATABASE_URL", self.database.url())
            .env("IAPI_DATA_DIR", self.data.path())
            .output()
            .unwrap();
        Outcome {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn line(&self, line: &str) -> Outcome {
        self.run(&line.split(' ').collect::<Vec<_>>())
    }

    /// What a request of the service would have written.
    fn last_uses(&self) -> String {
        let sql = "(SELECT concat(count(last_used_at), ' ', (SELECT count(last_activity_on) FROM users), ' ', \
                    (SELECT count(*) FROM projects)) FROM keys)";
        diesel::select(diesel::dsl::sql::<Text>(sql)).get_result(&mut self.database.open()).unwrap()
    }
}

/// The tail of the table: number and name of a row, its result, and the tables that it was read from.
fn tail(answer: &Value, rows: usize) -> Vec<(String, String, String)> {
    let all = answer["rows"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let last = all.iter().skip(all.len() - rows);
    last.map(|row| {
        (format!("{} {}", text(&row["row"]), text(&row["rule"])), text(&row["ref"]), text(&row["result"]))
    })
    .collect()
}

#[testkit::test]
async fn the_row_that_refuses_a_push_is_explained(database: Database) {
    let operator = Operator::new(database);
    let before = operator.last_uses();
    let outcome = operator.line("allowed --key 11 --project grp/p --push refs/heads/main --json");
    let answer = outcome.json();
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    assert_eq!(
        (&answer["decision"], &answer["status"], &answer["row"], &answer["rule"]),
        (&json!("denied"), &json!(401), &json!("29g"), &json!("protected_branch_update"))
    );
    assert_eq!(answer["message"], "You are not allowed to push code to protected branches on this project.");
    assert_eq!(answer["actor"], "key 11 of user 2 (alice)");
    assert_eq!(answer["target"], "grp/p (project-3)");
    let row = |name: &str, result: &str| (name.to_owned(), "refs/heads/main".to_owned(), result.to_owned());
    assert_eq!(
        tail(&answer, 2),
        [row("29d force_push", "passed"), row("29g protected_branch_update", "refused")]
    );
    let read_from = answer["rows"].as_array().unwrap().last().unwrap()["read_from"].clone();
    assert_eq!(
        read_from[0],
        json!({ "table": "protected_branches", "row": "id = 1", "values": {
            "name": "main", "allow_force_push": "false", "push_access_levels": "access_level 40",
            "merge_access_levels": "access_level 30" } })
    );
    assert_eq!(
        read_from[2],
        json!({ "table": "project_authorizations", "row": "user_id = 2, project_id = 3",
            "values": { "access_level": "30" } })
    );

    let table = operator.line("allowed --key 11 --project grp/p --push refs/heads/main");
    assert_eq!(table.code, 1);
    assert!(table.stdout.contains("\nROW "), "{}", table.stdout);
    assert!(
        table.stdout.contains("protected_branches[id = 1] name=main, allow_force_push=false"),
        "{}",
        table.stdout
    );
    assert!(table.stdout.contains("\nnote: the repository was not inspected"), "{}", table.stdout);
    let summary = "denied (401) by row 29g (protected_branch_update): You are not allowed to push code";
    assert!(table.stderr.starts_with(&format!("internal-apictl: {summary}")), "{}", table.stderr);
    assert!(!table.stdout.contains('\u{1b}'));
    assert_eq!(operator.last_uses(), before, "nothing is written");
}

/// The exit code is that of the decision.
#[testkit::test]
async fn the_exit_code_says_what_was_decided(database: Database) {
    let operator = Operator::new(database);
    let before = operator.last_uses();
    for (line, code, row) in [
        ("allowed --key 11 --project grp/p --pull", 0, "30"),
        ("allowed --key-id 14 --project grp/p.git --push refs/heads/main", 0, "30"),
        ("allowed --user alice --project grp/p --push", 0, "30"),
        ("allowed --user-id 2 --gl-repository project-3 --create refs/heads/x", 1, "29e"),
        ("allowed --identifier key-11 --project grp/p --delete refs/heads/main", 1, "29b"),
        ("allowed --key 41 --project grp/p --push refs/heads/main", 1, "5"),
        ("allowed --key 16 --project grp/p --pull", 1, "7"),
        ("allowed --key 30 --project grp/p --push", 1, "24"),
        ("allowed --key 15 --project grp/p --pull", 2, "16"),
        ("allowed --key 11 --project grp/none --pull", 2, "15"),
        ("allowed --project grp/pub --pull", 0, "30"),
        ("allowed --project grp/pub --push --protocol http", 1, "25"),
        // The first push of an administrator would create this project.
        ("allowed --key 17 --project grp/new --push", 0, "30"),
        ("allowed --key 17 --project grp/new..x --push", 1, "14"),
    ] {
        let outcome = operator.line(&format!("{line} --json"));
        let answer = outcome.json();
        assert_eq!((outcome.code, answer["row"].as_str()), (code, Some(row)), "{line}: {answer}");
    }
    assert_eq!(operator.last_uses(), before, "nothing is written");
    for (line, code) in [
        ("allowed --key 11 --pull", 78),
        ("allowed --key 11 --project grp/p", 78),
        ("allowed --key 11 --user-id 1 --project grp/p --pull", 78),
        ("allowed --key 11 --project grp/p --changes nonsense", 1),
    ] {
        assert_eq!(operator.line(line).code, code, "{line}");
    }
}

/// With the configuration of shell-api, the objects of a push are looked for in the repository.
#[testkit::test]
async fn storages_and_options_come_from_the_file_of_the_service(database: Database) {
    let operator = Operator::new(database);
    let repositories = git::repositories();
    let config = operator.data.path().join("shell-api.yaml");
    let explain = |further: &str, changes: &str| {
        let path = repositories.path.display();
        let storages =
            format!("storages: {{default: {{address: 'unix:/x', inspect: local, path: {path}}}}}\n");
        std::fs::write(&config, format!("{storages}backlog: 7\n{further}")).unwrap();
        let config = config.to_str().unwrap();
        let outcome = operator.run(&[
            "allowed",
            "--key",
            "14",
            "--project",
            "grp/p",
            "--config",
            config,
            "--changes",
            changes,
            "--json",
        ]);
        (outcome.code, outcome.json())
    };
    let (a, b) = (&repositories.a, &repositories.b);
    let (code, answer) = explain("", &format!("{a} {b} refs/heads/main"));
    assert_eq!((code, &answer["inspected"]), (0, &json!(true)), "{answer}");
    let (code, answer) = explain("", &format!("{b} {a} refs/heads/main"));
    assert_eq!((code, &answer["rule"]), (1, &json!("force_push")), "{answer}");
    let (code, answer) = explain("read_only: true\n", &format!("{a} {b} refs/heads/main"));
    assert_eq!((code, &answer["rule"]), (1, &json!("read_only_instance")), "{answer}");
}

#[testkit::test]
async fn identity_account_and_membership_of_a_provider_are_explained(database: Database) {
    fixture::run(
        &mut database.open(),
        &format!(
            "INSERT INTO saml_providers (id, group_id, enabled, certificate_fingerprint, sso_url)
             VALUES (1, 20, true, 'AA', 'https://idp.example.com');
             INSERT INTO scim_identities (id, group_id, user_id, extern_uid, active, created_at, updated_at)
             VALUES (7, 20, 2, 'alice-at-idp', true, '{THEN}', '{THEN}'),
                    (8, 20, 3, 'bob-at-idp', false, '{THEN}', '{THEN}')"
        ),
    );
    fixture::member(&mut database.open(), 2, Source::Group(20), Role::GUEST);
    let operator = Operator::new(database);
    let steps = |answer: &Value| -> Vec<String> {
        let rows = answer["rows"].as_array().unwrap().iter();
        rows.map(|row| format!("{} {}", row["step"].as_str().unwrap(), row["result"].as_str().unwrap()))
            .collect()
    };
    for (line, code, expected) in [
        (
            "scim --group GRP --id alice-at-idp --json",
            0,
            &["group found", "provider enabled", "identity active", "account active", "membership valid"][..],
        ),
        (
            "scim --group grp --user-name alice --json",
            0,
            &["group found", "provider enabled", "identity active", "account active", "membership valid"],
        ),
        (
            "scim --group grp --external-id bob-at-idp --json",
            1,
            &["group found", "provider enabled", "identity inactive", "account active", "membership missing"],
        ),
        ("scim --group grp --id nobody --json", 2, &["group found", "provider enabled", "identity missing"]),
        (
            "scim --group grp/sub --id alice-at-idp --json",
            2,
            &["group found", "provider not a top-level group"],
        ),
        ("scim --instance --id alice-at-idp --json", 2, &["identity missing"]),
    ] {
        let outcome = operator.line(line);
        assert_eq!(
            (outcome.code, steps(&outcome.json())),
            (code, expected.iter().map(ToString::to_string).collect()),
            "{line}"
        );
    }
    let answer = operator.line("scim --group grp --id alice-at-idp --json").json();
    assert_eq!((&answer["identity_id"], &answer["user_id"]), (&json!(7), &json!(2)));
    let table = operator.line("scim --group grp --id alice-at-idp").stdout;
    assert!(
        table.contains("scim_identities[id = 7] extern_uid=alice-at-idp, user_id=2, active=true"),
        "{table}"
    );
    assert_eq!(operator.line("scim --group none --id x").code, 2);
}

/// Which members take a seat agrees with the count that billing-api answers.
#[testkit::test]
async fn seats_are_explained_as_they_are_counted(database: Database) {
    let conn = &mut database.open();
    for (user_id, role) in [(2, 30), (3, 10), (4, 20), (5, 40), (6, 10), (8, 30)] {
        fixture::member(conn, user_id, Source::Group(21), Role(role));
    }
    fixture::group(conn, 22, "invited", None);
    fixture::member(conn, 7, Source::Group(22), Role::DEVELOPER);
    fixture::run(
        conn,
        &format!(
            "INSERT INTO group_group_links (shared_group_id, shared_with_group_id, group_access, created_at, updated_at)
             VALUES (20, 22, 10, '{THEN}', '{THEN}');
             UPDATE users SET user_type = 6 WHERE id = 4"
        ),
    );
    let today = fixture::now().date();
    for namespace_id in [20, 21, 22] {
        for exclude_guests in [false, true] {
            let explained = seats::explain(conn, namespace_id, exclude_guests, today).unwrap();
            let taken: BTreeSet<i64> =
                explained.iter().filter(|seat| seat.is_taken()).map(|seat| seat.user_id).collect();
            let counts = seats::count(conn, namespace_id, exclude_guests, today).unwrap();
            let taken = i64::try_from(taken.len()).unwrap();
            assert_eq!(taken, counts.billable_members, "{namespace_id}, without guests: {exclude_guests}");
        }
    }
    let explained = seats::explain(conn, 20, true, today).unwrap();
    let of = |user_id| {
        let of_user = explained.iter().filter(move |seat| seat.user_id == user_id);
        of_user.map(|seat| (seat.access_level, seat.is_of_invited_group, seat.is_taken())).collect::<Vec<_>>()
    };
    // An invitation lowers the role; a bot and a blocked user take no seat.
    assert_eq!(of(7), [(10, true, false)]);
    assert!(of(4).iter().chain(&of(8)).all(|(.., is_taken)| !is_taken));
    assert!(of(5).contains(&(40, false, true)));

    let operator = Operator::new(database);
    let answer = operator.line("seats --namespace GRP --json").json();
    let counted = answer["memberships"].as_array().unwrap().iter();
    let users: BTreeSet<i64> =
        counted.filter(|row| row["takes_seat"] == true).filter_map(|row| row["user_id"].as_i64()).collect();
    assert_eq!(answer["billable_members_count"], json!(users.len()));
    let table = operator.line("seats --namespace 20").stdout;
    assert!(table.contains("a bot (user_type 6)") && table.contains("the account is blocked"), "{table}");
    assert!(table.trim_end().ends_with(&format!("{} seats", users.len())), "{table}");
    assert_eq!(operator.line("seats --namespace none").code, 2);
}

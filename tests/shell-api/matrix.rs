//! Permissions: every cell of the tables in `matrix/` is checked over HTTP. The tables were written by hand
//! from the rules, independently of the code.
use std::collections::HashMap;

use super::Shell;
use super::support::{Z, shell_api_at};
use database::Conn;
use database::memberships::Source;
use domain::Role;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::fixture::{self, P};
use testkit::git::{self, repositories};
use testkit::{Database, ssh};

const VERDICTS: &str = include_str!("matrix/verdicts.txt");

const TABLES: &[(&str, &str)] = &[
    ("download", include_str!("matrix/download.txt")),
    ("push_any", include_str!("matrix/push_any.txt")),
    ("push_unprotected", include_str!("matrix/push_unprotected.txt")),
    ("push_protected", include_str!("matrix/push_protected.txt")),
    ("force_push_protected", include_str!("matrix/force_push_protected.txt")),
    ("create_protected", include_str!("matrix/create_protected.txt")),
    ("delete_protected", include_str!("matrix/delete_protected.txt")),
    ("delete_protected_web", include_str!("matrix/delete_protected_web.txt")),
    ("create_protected_tag", include_str!("matrix/create_protected_tag.txt")),
    ("wiki_download", include_str!("matrix/wiki_download.txt")),
    ("wiki_push", include_str!("matrix/wiki_push.txt")),
];

/// The columns: visibility level, and level of the feature.
const COLUMNS: [(i32, i32); 9] =
    [(0, 20), (0, 10), (0, 0), (10, 20), (10, 10), (10, 0), (20, 20), (20, 10), (20, 0)];

/// The group of all the projects, in which the users have their roles.
const GROUP: i64 = 50;
/// The first project of each kind; the others follow in the order of the columns. The repositories of the
/// last kind are not inspected, for decisions that do not depend on them: that takes a tenth of the time.
const CODE: i64 = 500;
const WIKI: i64 = 600;
const BLIND: i64 = 700;

/// Users by row, each with a key of the same id. A role of 0 means none.
const PEOPLE: &[(&str, i64, i32)] = &[
    ("signing-key", 101, 40),
    ("expired-key", 102, 40),
    ("blocked", 103, 40),
    ("ghost", 104, 40),
    ("no-role", 105, 0),
    ("5", 106, 5),
    ("10", 107, 10),
    ("15", 108, 15),
    ("20", 109, 20),
    ("25", 110, 25),
    ("30", 111, 30),
    ("40", 112, 40),
    ("50", 113, 50),
    ("bot-30", 114, 30),
    ("external", 115, 0),
    ("external-10", 116, 10),
    ("external-20", 117, 20),
    ("external-30", 118, 30),
    ("external-40", 119, 40),
    ("admin", 120, 0),
];

/// Deploy keys by row: their owners, and whether they may push; the last one belongs to another project.
const DEPLOY_KEYS: &[(&str, i64, Option<i64>, bool)] = &[
    ("reading-key", 201, Some(112), false),
    ("writing-key", 202, Some(112), true),
    ("writing-key-of-blocked", 203, Some(103), true),
    ("writing-key-of-stranger", 204, Some(105), true),
    ("writing-key-of-nobody", 205, None, true),
    ("foreign-key", 206, Some(112), true),
];

fn people(conn: &mut Conn) {
    for (name, id, role) in PEOPLE {
        fixture::user(conn, *id, &format!("user-{name}"));
        fixture::key(conn, *id, Some(*id), &ssh::ed25519(*id));
        if *role > 0 {
            fixture::member(conn, *id, Source::Group(GROUP), Role(*role));
        }
    }
    fixture::key_expires(conn, 102, -1);
    fixture::run(
        conn,
        "UPDATE keys SET usage_type = 2 WHERE id = 101;
         UPDATE users SET state = 'blocked' WHERE id = 103;
         UPDATE users SET user_type = 5 WHERE id = 104;
         UPDATE users SET user_type = 6 WHERE id = 114;
         UPDATE users SET external = true WHERE id BETWEEN 115 AND 119;
         UPDATE users SET admin = true WHERE id = 120;",
    );
}

/// Projects, one for each column and kind, all with the repository of [`P`].
fn projects(conn: &mut Conn) {
    fixture::group(conn, GROUP, "m", None);
    for (first, feature) in [(CODE, "repository"), (WIKI, "wiki"), (BLIND, "repository")] {
        for (id, (visibility, level)) in (first..).zip(COLUMNS) {
            fixture::project(conn, id, &path(id), GROUP, visibility);
            fixture::run(
                conn,
                &format!(
                    "UPDATE project_features SET {feature}_access_level = {level} WHERE project_id = {id}"
                ),
            );
            fixture::protect_branch(conn, 2 * id, id, "main", false, 40, 30);
            fixture::protect_branch(conn, 2 * id + 1, id, "release/*", true, 40, 40);
            fixture::protect_tag(conn, id, id, "v*", 40);
        }
    }
    fixture::run(
        conn,
        &format!(
            "UPDATE projects SET repository_storage = 'blind' WHERE id >= {BLIND};
             INSERT INTO project_statistics (project_id, namespace_id, commit_count)
             SELECT id, namespace_id, 3 FROM projects WHERE id >= {BLIND}"
        ),
    );
}

fn deploy_keys(conn: &mut Conn) {
    for (name, id, owner, can_push) in DEPLOY_KEYS {
        fixture::deploy_key(conn, *id, *owner, P, *can_push);
        if *name != "foreign-key" {
            fixture::run(
                conn,
                &format!(
                    "INSERT INTO deploy_keys_projects (deploy_key_id, project_id, can_push)
                     SELECT {id}, id, {can_push} FROM projects WHERE id >= {CODE}"
                ),
            );
        }
    }
}

fn path(id: i64) -> String {
    format!("m/p{id}")
}

/// A service with the users, the keys and the projects of the tables.
pub(super) async fn world(database: Database, storage: &TempDir) -> Shell {
    let conn = &mut database.open();
    projects(conn);
    people(conn);
    deploy_keys(conn);
    fixture::run(conn, "UPDATE application_settings SET gitlab_shell_operation_limit = 0");
    for (first, suffix) in [(CODE, ""), (WIKI, ".wiki")] {
        let real = git::project(&repositories().path, P, suffix);
        for id in (first..).take(COLUMNS.len()) {
            let link = git::project(storage.path(), id, suffix);
            std::fs::create_dir_all(link.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(&real, link).unwrap();
        }
    }
    shell_api_at(database, storage.path(), &[]).await
}

/// The actor, as parameters of the request.
fn actor(row: &str) -> Value {
    let person = |name: &str| PEOPLE.iter().find(|(row, ..)| *row == name).map(|(_, id, _)| *id);
    let deploy_key = DEPLOY_KEYS.iter().find(|(name, ..)| *name == row).map(|(_, id, ..)| *id);
    match (row, row.strip_suffix("-by-id"), row.strip_suffix("-by-name")) {
        ("nobody", ..) => json!({}),
        ("unknown-key", ..) => json!({ "key_id": 999 }),
        (_, Some(name), _) => json!({ "user_id": person(name).unwrap() }),
        (_, _, Some(name)) => json!({ "username": format!("USER-{name}") }),
        _ => json!({ "key_id": person(row).or(deploy_key).unwrap_or_else(|| panic!("nobody is {row}")) }),
    }
}

/// One cell of a table: a description, the body of the request, and the letter of the expected response.
struct Case {
    words: String,
    body: Value,
    letter: char,
}

/// The lines of a table without comments and blank lines.
pub(super) fn lines(table: &str) -> impl Iterator<Item = &str> {
    table.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty())
}

fn cases(name: &str, table: &str) -> Vec<Case> {
    let (asks, grid): (Vec<&str>, Vec<&str>) = lines(table).partition(|line| line.starts_with("ask "));
    let asks: Vec<Value> = asks.iter().map(|ask| serde_json::from_str(&ask[4..]).unwrap()).collect();
    assert_eq!(grid[0].split_whitespace().collect::<Vec<_>>(), ["private", "internal", "public"], "{name}");
    let mut cases = Vec::new();
    for line in &grid[1..] {
        let (row, letters) = line.split_once(' ').unwrap();
        let letters: Vec<char> = letters.chars().filter(|letter| *letter != ' ').collect();
        assert_eq!(letters.len(), COLUMNS.len(), "{name}: {line}");
        for ask in &asks {
            for (at, (column, letter)) in COLUMNS.iter().zip(&letters).enumerate() {
                let words = format!("{name} by {row}, visibility and level {column:?}, {ask}");
                cases.push(Case { words, body: body(ask, row, i64::try_from(at).unwrap()), letter: *letter });
            }
        }
    }
    cases
}

/// The body of the request of each cell.
pub(super) fn bodies() -> Vec<Value> {
    TABLES.iter().flat_map(|(name, table)| cases(name, table)).map(|case| case.body).collect()
}

/// The body that GitLab Shell sends before a push, or Gitaly during one.
fn body(ask: &Value, row: &str, at: i64) -> Value {
    let mut body = ask.clone();
    let fields = body.as_object_mut().unwrap();
    let (first, suffix) = match fields.remove("kind").as_ref().and_then(Value::as_str) {
        Some("wiki") => (WIKI, ".wiki.git"),
        Some("blind") => (BLIND, ".git"),
        _ => (CODE, ".git"),
    };
    fields.extend(actor(row).as_object().unwrap().clone());
    fields.entry("protocol").or_insert(json!("ssh"));
    let id = first + at;
    match ask["changes"].as_str() {
        Some(changes) if changes != "_any" => {
            let git = repositories();
            let revision = |word| match word {
                "A" => &git.a,
                "B" => &git.b,
                "Z" => Z,
                name => name,
            };
            let changes: Vec<&str> = changes.split(' ').map(revision).collect();
            fields.insert("changes".to_owned(), json!(changes.join(" ") + "\n"));
            fields.insert("gl_repository".to_owned(), json!(format!("project-{id}")));
        }
        _ => {
            fields.insert("project".to_owned(), json!(path(id) + suffix));
        }
    }
    body
}

/// Status and message by letter.
pub(super) fn verdicts() -> HashMap<char, (u16, Value)> {
    lines(VERDICTS)
        .map(|line| {
            let mut words = line.splitn(3, ' ');
            let mut word = || words.next();
            let (letter, status) = (word().unwrap().parse().unwrap(), word().unwrap().parse().unwrap());
            (letter, (status, word().map_or(json!(true), |text| json!({ "status": false, "message": text }))))
        })
        .collect()
}

#[testkit::test]
async fn each_table_holds(database: Database) {
    let storage = TempDir::new().unwrap();
    let shell = world(database, &storage).await;
    let (shell, verdicts) = (&shell, verdicts());
    let cases: Vec<Case> = TABLES.iter().flat_map(|(name, table)| cases(name, table)).collect();
    assert!(cases.len() >= 3000, "only {} combinations", cases.len());
    let started = std::time::Instant::now();
    let asked = cases.iter().map(|case| async move {
        let (status, body) = shell.post("/allowed", case.body.clone()).await;
        // Only the status of an allowed request is compared: other tests check the rest.
        (case, (status, if body["status"] == true { json!(true) } else { body }))
    });
    let answers: Vec<_> = stream::iter(asked).buffer_unordered(16).collect().await;
    println!("{} combinations in {:?}", cases.len(), started.elapsed());
    let wrong: Vec<String> = answers
        .iter()
        .filter(|(case, answer)| verdicts[&case.letter] != *answer)
        .map(|(case, answer)| format!("{}: {} expected, {answer:?}", case.words, case.letter))
        .collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

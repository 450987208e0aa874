//! Deploy keys: the key decides whether it may read or write. All other rules of a push apply to its owner.
use super::incoming::Incoming;
use super::matrix::{lines, verdicts};
use super::push::NO_PUSH;
use super::shell_api;
use super::support::{ALLOWED, Shell, Z, shell_api_at, verdict};
use database::memberships::Source;
use domain::Role;
use serde_json::json;
use testkit::fixture::{self, E, P, Q};

const CHANGE_TAG: (u16, &str) = (401, "You are not allowed to change existing tags on this project.");
const DELETE_WEB: (u16, &str) = (401, "You can only delete protected branches using the web interface.");
const DELETE: (u16, &str) = (
    401,
    "You are not allowed to delete protected branches from this project. \
     Only a project maintainer or owner can delete a protected branch.",
);
const WRITE_WIKI: (u16, &str) = (401, "You are not allowed to write to this project's wiki.");

/// Write keys: on P, 31 of mia (maintainer), 32 of rep (reporter) and 35 of alice (developer); on E, 33 of
/// mia and 36 of alice; on Q, 34 of out, who has no role.
fn keys(conn: &mut database::Conn) {
    for (id, owner, project) in [(32, 4, P), (33, 5, E), (34, 6, Q), (35, 2, P), (36, 2, E)] {
        fixture::deploy_key(conn, id, Some(owner), project, true);
    }
}

async fn push_to(shell: &Shell, project: i64, key: i64, change: &str) -> (u16, String) {
    let further = json!({ "gl_repository": format!("project-{project}") });
    let answer = shell.push_with(key, change, further).await;
    let (status, message) = verdict(&answer);
    (status, message.to_owned())
}

async fn expect(shell: &Shell, project: i64, cases: &[(i64, String, (u16, &str))]) {
    for (key, change, (status, message)) in cases {
        let expected = (*status, (*message).to_owned());
        assert_eq!(push_to(shell, project, *key, change).await, expected, "{key}: {change}");
    }
}

/// The owners of the rows of `matrix/deploy_keys.txt`: name, id, and role in the project.
const OWNERS: &[(&str, i64, i32)] = &[
    ("none", 301, 0),
    ("blocked-30", 302, 30),
    ("banned-40", 303, 40),
    ("10", 304, 10),
    ("15", 305, 15),
    ("20", 306, 20),
    ("25", 307, 25),
    ("30", 308, 30),
    ("40", 309, 40),
    ("50", 310, 50),
    ("bot-40", 311, 40),
    ("admin", 312, 0),
];
const KEY_WITHOUT_OWNER: i64 = 300;

/// Every cell of the table `matrix/deploy_keys.txt` holds.
#[testkit::test]
async fn every_change_by_a_deploy_key_is_decided_by_its_owner(database: Database) {
    let mut conn = database.open();
    fixture::deploy_key(&mut conn, KEY_WITHOUT_OWNER, None, P, true);
    for (name, id, role) in OWNERS {
        fixture::user(&mut conn, *id, &format!("owner-{name}"));
        if *role > 0 {
            fixture::member(&mut conn, *id, Source::Project(P), Role(*role));
        }
        fixture::deploy_key(&mut conn, *id, Some(*id), P, true);
    }
    fixture::run(
        &mut conn,
        "UPDATE users SET state = 'blocked' WHERE id = 302;
         INSERT INTO namespace_bans (namespace_id, user_id, created_at, updated_at)
         VALUES (20, 303, '2020-01-01', '2020-01-01');
         UPDATE users SET user_type = 6 WHERE id = 311;
         UPDATE users SET admin = true WHERE id = 312;
         UPDATE application_settings SET gitlab_shell_operation_limit = 0",
    );
    drop(conn);
    let shell = shell_api(database).await;
    let verdicts = verdicts();
    let (changes, rows): (Vec<&str>, Vec<&str>) =
        lines(include_str!("matrix/deploy_keys.txt")).partition(|line| line.starts_with("change "));
    assert_eq!((changes.len(), rows.len()), (11, OWNERS.len() + 1));
    for row in rows {
        let (name, letters) = row.split_once(' ').unwrap();
        let owner = OWNERS.iter().find(|(owner, ..)| *owner == name);
        let key = owner.map_or(KEY_WITHOUT_OWNER, |(_, id, _)| *id);
        let letters: Vec<char> = letters.trim().chars().collect();
        assert_eq!(letters.len(), changes.len(), "{row}");
        for (change, letter) in changes.iter().zip(letters) {
            let revision = |word| match word {
                "A" => shell.git.a.as_str(),
                "B" => shell.git.b.as_str(),
                "Z" => Z,
                name => name,
            };
            let line: Vec<&str> = change["change ".len()..].split(' ').map(revision).collect();
            let (status, body) = shell.push(key, &line.join(" ")).await;
            let answer = (status, if body["status"] == true { json!(true) } else { body });
            assert_eq!(answer, verdicts[&letter], "{change} by the key of {name}");
        }
    }
}

#[testkit::test]
async fn a_deploy_key_acts_with_the_role_of_its_owner(database: Database) {
    keys(&mut database.open());
    let shell = shell_api(database).await;
    let (a, b) = (&shell.git.a, &shell.git.b);
    let delete = format!("{b} {Z} refs/heads/release/1");
    let cases = [
        (31, format!("{Z} {b} refs/tags/v9"), ALLOWED),
        (31, delete.clone(), DELETE_WEB),
        (35, delete, DELETE),
        (32, format!("{a} {b} refs/tags/t"), CHANGE_TAG),
        (32, format!("{a} {Z} refs/tags/t"), CHANGE_TAG),
        (32, format!("{Z} {b} refs/tags/new"), ALLOWED),
        (35, format!("{a} {b} refs/tags/t"), ALLOWED),
        (32, format!("{a} {b} refs/heads/f"), ALLOWED),
    ];
    expect(&shell, P, &cases).await;
    expect(&shell, Q, &[(34, format!("{a} {b} refs/tags/t"), CHANGE_TAG)]).await;
    for (key, expected) in [(35, ALLOWED), (31, ALLOWED), (32, WRITE_WIKI)] {
        assert_eq!(verdict(&shell.push_any(key, "grp/p.wiki").await), expected, "{key}");
    }
}

/// A rule that matches the whole name of a ref, such as `*`, protects tags and notes from deploy keys too.
#[testkit::test]
async fn full_ref_name_decides_for_deploy_keys(database: Database) {
    keys(&mut database.open());
    fixture::protect_branch(&mut database.open(), 9, P, "*", true, 40, 40);
    let shell = shell_api(database).await;
    let (a, b) = (&shell.git.a, &shell.git.b);
    let changes =
        [format!("{Z} {b} refs/tags/t9"), format!("{Z} {b} refs/notes/n"), format!("{a} {b} refs/heads/f")];
    for change in &changes {
        expect(&shell, P, &[(35, change.clone(), NO_PUSH), (31, change.clone(), ALLOWED)]).await;
    }
    expect(&shell, P, &[(11, changes[0].clone(), ALLOWED), (11, changes[1].clone(), ALLOWED)]).await;
}

/// In an empty repository with default branch protection, the owner of a deploy key must be allowed to make
/// the first push.
#[testkit::test]
async fn deploy_key_of_a_maintainer_can_push_to_an_empty_repository(database: Database) {
    keys(&mut database.open());
    let shell = shell_api(database).await;
    let new = "1".repeat(40);
    for ref_name in ["refs/heads/main", "refs/tags/t"] {
        let change = format!("{Z} {new} {ref_name}");
        expect(&shell, E, &[(33, change.clone(), ALLOWED), (36, change, NO_PUSH)]).await;
    }
}

#[testkit::test]
async fn deploy_key_push_requires_an_owner_with_access(database: Database) {
    let shell = shell_api(database).await;
    let change = format!("{} {} refs/heads/f", shell.git.a, shell.git.b);
    let ban = "INSERT INTO namespace_bans (namespace_id, user_id, created_at, updated_at)
               VALUES (20, 5, '2020-01-01', '2020-01-01')";
    for (loss, restore) in [
        (ban, "DELETE FROM namespace_bans"),
        ("UPDATE users SET state = 'blocked' WHERE id = 5", "UPDATE users SET state = 'active' WHERE id = 5"),
        ("UPDATE keys SET user_id = NULL WHERE id = 31", "UPDATE keys SET user_id = 5 WHERE id = 31"),
        ("DELETE FROM project_authorizations WHERE user_id = 5", ""),
    ] {
        expect(&shell, P, &[(31, change.clone(), ALLOWED)]).await;
        shell.sql(loss);
        assert_eq!(verdict(&shell.clone(31, "grp/p").await), ALLOWED, "{loss}");
        assert_eq!(verdict(&shell.push_any(31, "grp/p").await), ALLOWED, "{loss}");
        expect(&shell, P, &[(31, change.clone(), NO_PUSH)]).await;
        if !restore.is_empty() {
            shell.sql(restore);
        }
    }
}

/// Git LFS locks of other users block pushes with a deploy key, but locks of its owner do not.
#[testkit::test]
async fn locks_of_the_owner_do_not_stop_a_deploy_key(database: Database) {
    keys(&mut database.open());
    let incoming = Incoming::new();
    let shell = shell_api_at(database, incoming.storage.path(), &[]).await;
    let commit = incoming.commit(&[("art/a.txt", Some(b"text"))]);
    shell.sql(
        "INSERT INTO lfs_file_locks (project_id, user_id, path, created_at)
         VALUES (3, 5, 'art/a.txt', '2020-01-01 00:00:00')",
    );
    assert_eq!(incoming.push(&shell, 31, &commit).await, (200, String::new()));
    let locked = (401, "'art/a.txt' is locked in Git LFS by @mia".to_owned());
    assert_eq!(incoming.push(&shell, 35, &commit).await, locked);
}

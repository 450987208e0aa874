//! Pushes that need the repository: quarantines, unknown objects, SHA-256, slow and unreadable repositories.
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::support::{ALLOWED, Shell, Z, eventually, shell_api_at, verdict};
use super::{shell_api, shell_api_with};
use crate::push_protected::{FORCE, PUSH};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::fixture::{P, THEN};
use testkit::git::{self, repositories};

const NO_BRANCH: &str = "\nA default branch (e.g. main) does not yet exist for grp/empty\nAsk a project \
    Owner or Maintainer to create \
    a default branch:\n\n  https://gitlab.example.com/grp/empty/-/project_members\n\n";

/// A temporary storage with a copy of project P's repository.
pub fn copy_of_p() -> (TempDir, PathBuf) {
    let storage = TempDir::new().unwrap();
    let copy = git::project(storage.path(), P, "");
    std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
    execute("cp", &["-r".as_ref(), git::project(&repositories().path, P, "").as_ref(), copy.as_ref()]);
    (storage, copy)
}

fn execute(program: &str, arguments: &[&std::ffi::OsStr]) {
    assert!(Command::new(program).args(arguments).status().unwrap().success(), "{program} {arguments:?}");
}

/// Makes a commit whose objects are only in a quarantine, as in a push before it is accepted.
pub fn quarantined_commit(repository: &Path, parent: &str, quarantine: &str) -> String {
    let commit = git::commit(repository, &[parent], quarantine);
    let object = format!("{}/{}", &commit[..2], &commit[2..]);
    let to = repository.join(quarantine).join(&object);
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::rename(repository.join("objects").join(object), to).unwrap();
    commit
}

/// The parameter `env` as Gitaly sends it.
pub fn env(objects: &str) -> Value {
    let env = json!({ "GIT_OBJECT_DIRECTORY_RELATIVE": objects,
        "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE": ["objects"] });
    json!({ "env": env.to_string() })
}

async fn push(shell: &Shell, changes: &str, further: Value) -> (u16, String) {
    let answer = shell.push_with(14, changes, further).await;
    let (status, message) = verdict(&answer);
    (status, message.to_owned())
}

fn owned((status, message): (u16, &str)) -> (u16, String) {
    (status, message.to_owned())
}

#[testkit::test]
async fn objects_in_quarantine_are_seen(database: Database) {
    let (storage, copy) = copy_of_p();
    let b = repositories().b.clone();
    let new = quarantined_commit(&copy, &b, "objects/incoming-x");
    let shell = shell_api_at(database, storage.path(), &[]).await;
    let change = format!("{b} {new} refs/heads/main");
    assert_eq!(push(&shell, &change, env("objects/incoming-x")).await, owned(ALLOWED));
    let directories = json!({
        "GIT_OBJECT_DIRECTORY_RELATIVE": "objects",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE": ["objects/incoming-x"],
    });
    let alternate = json!({ "env": directories.to_string() });
    assert_eq!(push(&shell, &change, alternate).await, owned(ALLOWED));
    assert_eq!(
        push(&shell, &format!("{new} {b} refs/heads/main"), env("objects/incoming-x")).await,
        owned(FORCE)
    );
    // Without the right quarantine the commit is unknown, so the push counts as forced.
    for further in [json!({}), env("objects"), env("objects/incoming-y"), env("")] {
        assert_eq!(push(&shell, &change, further.clone()).await, owned(FORCE), "{further}");
    }
    // Text that is not JSON counts as empty, and other keys are ignored.
    for text in ["no json", "[]", "{", "", r#"{"GIT_DIR":"/","GIT_OBJECT_DIRECTORY":"objects/incoming-x"}"#] {
        assert_eq!(push(&shell, &change, json!({ "env": text })).await, owned(FORCE), "{text}");
    }
}

/// Refs below `refs/replace/` are ignored, since they can make any commit an ancestor of any other.
#[testkit::test]
async fn replaced_objects_are_ignored(database: Database) {
    let (storage, copy) = copy_of_p();
    let (b, c) = (&repositories().b, &repositories().c);
    git::git(&copy, &["replace", "--graft", c, b]);
    assert_eq!(git::git(&copy, &["merge-base", b, c]), *b, "git itself believes it");
    let shell = shell_api_at(database, storage.path(), &[]).await;
    assert_eq!(push(&shell, &format!("{b} {c} refs/heads/main"), json!({})).await, owned(FORCE));
}

/// A repository without a commit count is not treated as empty if the push updates an existing branch.
#[testkit::test]
async fn an_update_proves_that_a_repository_is_not_empty(database: Database) {
    let shell = shell_api(database).await;
    shell.sql(&format!("UPDATE projects SET repository_storage = 'blind' WHERE id = {P}"));
    let (a, b) = (&shell.git.a, &shell.git.b);
    assert_eq!(push(&shell, &format!("{a} {b} refs/heads/main"), json!({})).await, owned(FORCE));
    let web = (401, "You can only delete protected branches using the web interface.");
    assert_eq!(push(&shell, &format!("{a} {Z} refs/heads/release/1"), json!({})).await, owned(web));
}

/// A quarantine directory may be outside the repository, but not outside the storage.
#[testkit::test]
async fn quarantine_outside_the_storage_is_refused(database: Database) {
    let shell = shell_api(database).await;
    let change = format!("{} {} refs/heads/main", shell.git.a, shell.git.b);
    let bad = json!({ "message": "400 Bad request - env is invalid", "error": "env is invalid" });
    let outside = [
        "../../../../../etc",
        "/etc",
        "objects/../../../../../../x",
        "../../../..",
        "objects:/etc",
        "objects/\n/etc",
    ];
    for path in outside {
        assert_eq!(shell.push_with(14, &change, env(path)).await, (400, bad.clone()), "{path}");
        let alternates = json!({ "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE": ["objects", path] });
        let further = json!({ "env": alternates.to_string() });
        assert_eq!(shell.push_with(14, &change, further).await, (400, bad.clone()), "{path}");
    }
}

#[testkit::test]
async fn missing_commits_count_as_a_force_push(database: Database) {
    let shell = shell_api(database).await;
    let (b, unknown) = (&shell.git.b, "1".repeat(40));
    for change in [
        format!("{b} {unknown} refs/heads/main"),
        format!("{unknown} {b} refs/heads/main"),
        format!("{} {b} refs/heads/main", "1".repeat(64)),
    ] {
        assert_eq!(push(&shell, &change, json!({})).await, owned(FORCE), "{change}");
    }
    // An unprotected branch, or one that allows force pushes, needs no inspection.
    for name in ["f", "release/1"] {
        assert_eq!(
            push(&shell, &format!("{unknown} {b} refs/heads/{name}"), json!({})).await,
            owned(ALLOWED)
        );
    }
}

#[testkit::test]
async fn revisions_may_be_of_sha_256(database: Database) {
    let storage = TempDir::new().unwrap();
    let repository = git::project(storage.path(), P, "");
    std::fs::create_dir_all(&repository).unwrap();
    git::git(
        &repository,
        &["init", "--quiet", "--bare", "--object-format=sha256", "--initial-branch=main", "."],
    );
    let a = git::commit(&repository, &[], "a");
    let b = git::commit(&repository, &[&a], "b");
    git::git(&repository, &["update-ref", "refs/heads/main", &a]);
    let (shell, zeros) = (shell_api_at(database, storage.path(), &[]).await, "0".repeat(64));
    assert_eq!((a.len(), b.len()), (64, 64));
    for (change, expected) in [
        (format!("{a} {b} refs/heads/main"), ALLOWED),
        (format!("{b} {a} refs/heads/main"), FORCE),
        (format!("{zeros} {b} refs/heads/f"), ALLOWED),
        (format!("{a} {zeros} refs/heads/main"), (401, "The default branch of a project cannot be deleted.")),
    ] {
        assert_eq!(push(&shell, &change, json!({})).await, owned(expected), "{change}");
    }
}

#[testkit::test]
async fn the_first_branch_is_for_maintainers(database: Database) {
    let shell = shell_api(database).await;
    let change = format!("{Z} {} refs/heads/main", shell.git.a);
    let empty = json!({ "gl_repository": "project-6" });
    let initial = concat!(
        r#"{"allowed_to_push":[{"access_level":40}],"allow_force_push":false,"#,
        r#""developer_can_initial_push":true}"#,
    );
    let instance = |json: &str, number| {
        format!(
            "UPDATE application_settings SET default_branch_protection_defaults = '{json}', \
             default_branch_protection = {number}"
        )
    };
    for (setting, developer) in [
        ("UPDATE application_settings SET default_branch_protection = 2".to_owned(), (401, NO_BRANCH)),
        (instance(initial, 2), ALLOWED),
        (instance("{}", 2), (401, NO_BRANCH)),
        (instance("{}", 0), ALLOWED),
        (instance("{}", 3), (401, NO_BRANCH)),
        (
            format!(
                "UPDATE namespace_settings SET default_branch_protection_defaults = '{initial}' WHERE \
                 namespace_id = 20"
            ),
            ALLOWED,
        ),
    ] {
        shell.sql(&setting);
        // The settings are cached for a second.
        eventually(&setting, async || {
            verdict(&shell.push_with(11, &change, empty.clone()).await) == developer
        })
        .await;
        for (key, expected) in [(14, ALLOWED), (17, ALLOWED), (13, crate::push::NO_PUSH)] {
            let answer = shell.push_with(key, &change, empty.clone()).await;
            assert_eq!(verdict(&answer), expected, "{key} {setting}");
        }
    }
}

#[testkit::test]
async fn hanging_repository_times_out(database: Database) {
    let (storage, copy) = copy_of_p();
    std::fs::remove_file(copy.join("HEAD")).unwrap();
    execute("mkfifo", &[copy.join("HEAD").as_ref()]);
    let shell = shell_api_at(database, storage.path(), &["--allowed-timeout", "3s"]).await;
    let started = Instant::now();
    let (status, body) = shell.push(14, &format!("{} {} refs/heads/main", shell.git.a, shell.git.b)).await;
    assert!((Duration::from_secs(3)..Duration::from_secs(40)).contains(&started.elapsed()));
    let message = body["message"].as_str().unwrap();
    let milliseconds = message.rsplit_once("(cancelled after ").unwrap().1.strip_suffix("ms)").unwrap();
    assert!((1..=20_000).contains(&milliseconds.parse::<u32>().unwrap()), "{message}");
    let expected = format!(
        "Push operation timed out\n\nTiming information for debugging purposes:\nRunning checks for ref: \
         main (cancelled after {milliseconds}ms)"
    );
    assert_eq!((status, &body), (503, &json!({ "status": false, "message": expected })));
    assert_eq!(verdict(&shell.push_any(14, "grp/p").await), ALLOWED);
}

#[testkit::test]
async fn unreadable_repository_is_checked_strictly(database: Database) {
    database.sql(&format!(
        "UPDATE projects SET repository_storage = 'blind' WHERE id = {P};
             INSERT INTO project_statistics (project_id, namespace_id, commit_count, created_at, updated_at) \
                 VALUES ({P}, 20, 3, '{THEN}', '{THEN}');"
    ));
    let shell = shell_api(database).await;
    let (a, b) = (&shell.git.a, &shell.git.b);
    for (key, change, expected) in [
        (14, format!("{a} {b} refs/heads/main"), FORCE),
        (11, format!("{a} {b} refs/heads/main"), FORCE),
        (14, format!("{b} {a} refs/heads/release/1"), ALLOWED),
        (11, format!("{b} {a} refs/heads/release/1"), PUSH),
        (11, format!("{a} {b} refs/heads/f"), ALLOWED),
        (14, format!("{Z} {b} refs/heads/release/2"), ALLOWED),
        (14, format!("{b} {Z} refs/heads/main"), (401, "The default branch of a project cannot be deleted.")),
    ] {
        assert_eq!(verdict(&shell.push(key, &change).await), expected, "{key}: {change}");
    }
    let (_, body) = shell.push(14, &format!("{a} {b} refs/heads/f")).await;
    assert_eq!(
        (&body["gitaly"]["address"], &body["gitaly"]["token"]),
        (&json!("tcp://gitaly:8075"), &json!("s3cret"))
    );
}

#[testkit::test]
async fn operator_can_trust_an_unreadable_repository(database: Database) {
    database.sql(&format!(
        "UPDATE projects SET repository_storage = 'blind' WHERE id = {P};
             INSERT INTO project_statistics (project_id, namespace_id, commit_count, created_at, updated_at) \
                 VALUES ({P}, 20, 3, '{THEN}', '{THEN}');"
    ));
    let shell = shell_api_with(database, &["--allow-uninspected-pushes", "true"]).await;
    let (a, b) = (&shell.git.a, &shell.git.b);
    for (key, expected) in [(14, ALLOWED), (11, PUSH)] {
        assert_eq!(verdict(&shell.push(key, &format!("{a} {b} refs/heads/main")).await), expected, "{key}");
    }
}

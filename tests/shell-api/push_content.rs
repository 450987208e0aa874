//! Git LFS, timeouts, and repositories that are not inspected.
use std::process::Command;

use super::incoming::{Incoming, allowed, refused};
use super::support::{Shell, Z, shell_api_at, verdict};
use super::{shell_api, shell_api_with};
use testkit::fixture::THEN;

const MISSING: &str =
    "LFS objects are missing. Ensure LFS is properly set up or try a manual \"git lfs push --all\".";
const OID: &str = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";

fn pointer() -> String {
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12345\n")
}

fn lock(shell: &Shell, user: i64, path: &str) {
    shell.sql(&format!(
        "INSERT INTO lfs_file_locks (project_id, user_id, path, created_at) VALUES (3, {user}, '{path}', \
         '{THEN}')"
    ));
}

#[testkit::test]
async fn lfs_objects_must_belong_to_the_project(database: Database) {
    let incoming = Incoming::new();
    let shell = shell_api_at(database, incoming.storage.path(), &[]).await;
    let commit = incoming.commit(&[("art/a.psd", Some(pointer().as_bytes())), ("readme", Some(b"version"))]);
    assert_eq!(incoming.push(&shell, 11, &commit).await, refused(MISSING));
    shell.sql(&format!(
        "INSERT INTO lfs_objects (id, oid, size) VALUES (1, '{OID}', 12345);
            INSERT INTO lfs_objects_projects (lfs_object_id, project_id) VALUES (1, 4)"
    ));
    assert_eq!(incoming.push(&shell, 11, &commit).await, refused(MISSING), "another project's");
    shell.sql("INSERT INTO lfs_objects_projects (lfs_object_id, project_id) VALUES (1, 3)");
    assert_eq!(incoming.push(&shell, 11, &commit).await, allowed());
    let other = incoming.commit(&[("b", Some(pointer().replace("4d7a", "4d7b").as_bytes()))]);
    assert_eq!(incoming.push(&shell, 11, &other).await, refused(MISSING));
    let both = format!("{Z} {commit} refs/heads/x\n{Z} {other} refs/tags/t");
    assert_eq!(incoming.push_line(&shell, 11, &both).await, refused(MISSING));
    for (statement, expected) in [
        ("UPDATE namespaces SET lfs_enabled = false WHERE id = 20", allowed()),
        ("UPDATE projects SET lfs_enabled = true WHERE id = 3", refused(MISSING)),
        ("UPDATE projects SET lfs_enabled = false WHERE id = 3", allowed()),
        ("UPDATE projects SET lfs_enabled = NULL WHERE id = 3", allowed()),
        ("UPDATE namespaces SET lfs_enabled = NULL WHERE id = 20", refused(MISSING)),
    ] {
        shell.sql(statement);
        assert_eq!(incoming.push(&shell, 11, &other).await, expected, "{statement}");
    }
}

#[testkit::test]
async fn lfs_can_be_disabled_for_the_instance(database: Database) {
    let incoming = Incoming::new();
    let shell = shell_api_at(database, incoming.storage.path(), &["--lfs-enabled", "false"]).await;
    let commit = incoming.commit(&[("a.psd", Some(pointer().as_bytes()))]);
    shell.sql("UPDATE projects SET lfs_enabled = true WHERE id = 3");
    lock(&shell, 5, "a.psd");
    assert_eq!(incoming.push(&shell, 11, &commit).await, allowed());
}

#[testkit::test]
async fn locked_file_can_be_pushed_only_by_its_owner(database: Database) {
    let incoming = Incoming::new();
    let shell = shell_api_at(database, incoming.storage.path(), &[]).await;
    let add = incoming.commit(&[("art/a.psd", Some(b"1"))]);
    let take_away = incoming.commit_with(|draft| draft.parents = vec![add.clone()], &[("art/a.psd", None)]);
    let other = incoming.commit(&[("art/b.psd", Some(b"1"))]);
    lock(&shell, 5, "art/a.psd");
    let no = refused("'art/a.psd' is locked in Git LFS by @mia");
    assert_eq!(incoming.push(&shell, 11, &add).await, no);
    assert_eq!(incoming.push(&shell, 31, &add).await, allowed(), "the lock of its owner");
    assert_eq!(incoming.push(&shell, 14, &add).await, allowed());
    assert_eq!(incoming.push(&shell, 11, &other).await, allowed());
    assert_eq!(
        incoming.push_line(&shell, 11, &format!("{} {Z} refs/heads/feature", incoming.main)).await,
        allowed()
    );
    assert_eq!(incoming.push_line(&shell, 11, &format!("{Z} {add} refs/tags/t")).await, no);
    // Once the file exists, a merge that keeps it does not count as a change, but removing it does.
    incoming.accept("refs/heads/theirs", &add);
    let merge = incoming
        .commit_with(|draft| draft.parents = vec![add.clone(), other.clone()], &[("art/b.psd", Some(b"1"))]);
    assert_eq!(incoming.push(&shell, 11, &merge).await, allowed());
    assert_eq!(incoming.push(&shell, 11, &take_away).await, no);
    let evil = incoming
        .commit_with(|draft| draft.parents = vec![add.clone(), other.clone()], &[("art/a.psd", Some(b"2"))]);
    assert_eq!(incoming.push(&shell, 11, &evil).await, no);
    shell.sql("UPDATE projects SET lfs_enabled = false WHERE id = 3");
    assert_eq!(incoming.push(&shell, 11, &take_away).await, allowed());
}

#[testkit::test]
async fn timeout_names_the_slow_step(database: Database) {
    let incoming = Incoming::new();
    let shell = shell_api_at(database, incoming.storage.path(), &["--allowed-timeout", "1s"]).await;
    let commit = incoming.commit(&[]);
    let object = incoming.repository.join(format!("objects/incoming-1/{}/{}", &commit[..2], &commit[2..]));
    std::fs::remove_file(&object).unwrap();
    assert!(Command::new("mkfifo").arg(&object).status().unwrap().success());
    let (status, message) = incoming.push(&shell, 11, &commit).await;
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!((status, lines.len(), lines[0]), (503, 5, "Push operation timed out"), "{message}");
    assert!(
        lines[3].starts_with("Running checks for ref: feature (") && lines[3].ends_with("ms)"),
        "{message}"
    );
    assert!(lines[4].starts_with("Scanning for LFS objects (cancelled after "), "{message}");
}

/// A push with unknown objects is rejected.
#[testkit::test]
async fn missing_objects_refuse_the_push(database: Database) {
    let incoming = Incoming::new();
    let shell = shell_api_at(database, incoming.storage.path(), &[]).await;
    let unknown = "1".repeat(40);
    let line = format!("{Z} {unknown} refs/heads/feature");
    let no = refused("The objects of this push cannot be found in the repository.");
    // Git LFS is on by default, but the project has never used it.
    assert_eq!(incoming.push_line(&shell, 11, &line).await, allowed());
    for (switch_on, switch_off) in [
        (
            "UPDATE projects SET lfs_enabled = true WHERE id = 3",
            "UPDATE projects SET lfs_enabled = false WHERE id = 3",
        ),
        (
            "INSERT INTO push_rules (project_id, commit_message_regex) VALUES (3, 'x')",
            "DELETE FROM push_rules",
        ),
        ("INSERT INTO push_rules (project_id, max_file_size) VALUES (3, 1)", "DELETE FROM push_rules"),
        ("INSERT INTO push_rules (project_id, file_name_regex) VALUES (3, 'x')", "DELETE FROM push_rules"),
    ] {
        shell.sql(switch_on);
        assert_eq!(incoming.push_line(&shell, 11, &line).await, no, "{switch_on}");
        shell.sql(switch_off);
        assert_eq!(incoming.push_line(&shell, 11, &line).await, allowed(), "{switch_off}");
    }
}

#[testkit::test]
async fn enabled_content_check_requires_access_to_the_repository(database: Database) {
    database.sql("UPDATE projects SET repository_storage = 'blind' WHERE id = 3");
    let shell = shell_api(database).await;
    let (a, b) = (&shell.git.a, &shell.git.b);
    let line = format!("{a} {b} refs/heads/feature");
    let no = |check: &str| {
        format!(
            "This push cannot be checked ({check}), because its repository is not looked into: an \
             administrator must set \"inspect\" of the storage \"blind\" in the configuration of this \
                 service."
        )
    };
    // If Git LFS was neither switched on nor used, a push needs no inspection.
    assert_eq!(verdict(&shell.push(11, &line).await), (200, ""));
    for (switch_on, check, switch_off) in [
        (
            "UPDATE projects SET lfs_enabled = true WHERE id = 3",
            "Git LFS objects",
            "UPDATE projects SET lfs_enabled = NULL WHERE id = 3",
        ),
        (
            "UPDATE namespaces SET lfs_enabled = true WHERE id = 20",
            "Git LFS objects",
            "UPDATE namespaces SET lfs_enabled = NULL WHERE id = 20",
        ),
        (
            "INSERT INTO lfs_objects (id, oid, size) VALUES (1, 'x', 1); INSERT INTO lfs_objects_projects \
             (lfs_object_id, project_id) VALUES (1, 3)",
            "Git LFS objects",
            "DELETE FROM lfs_objects_projects",
        ),
        (
            "INSERT INTO lfs_file_locks (project_id, user_id, path, created_at) VALUES (3, 5, 'x', \
             '2020-01-01 00:00:00')",
            "Git LFS locks",
            "DELETE FROM lfs_file_locks",
        ),
        (
            "INSERT INTO push_rules (project_id, commit_message_regex) VALUES (3, 'x')",
            "push rules",
            "DELETE FROM push_rules",
        ),
        (
            "INSERT INTO push_rules (project_id, max_file_size) VALUES (3, 1)",
            "push rules",
            "DELETE FROM push_rules",
        ),
        (
            "INSERT INTO push_rules (project_id, prevent_secrets) VALUES (3, true)",
            "push rules",
            "DELETE FROM push_rules",
        ),
    ] {
        shell.sql(switch_on);
        assert_eq!(verdict(&shell.push(11, &line).await), (401, no(check).as_str()), "{switch_on}");
        assert_eq!(
            verdict(&shell.push(11, &format!("{a} {Z} refs/heads/feature")).await),
            (200, ""),
            "{switch_on}"
        );
        shell.sql(switch_off);
        assert_eq!(verdict(&shell.push(11, &line).await), (200, ""), "{switch_off}");
    }
    // Rules that need no inspection still apply.
    shell.sql(
        "INSERT INTO push_rules (project_id, branch_name_regex, deny_delete_tag) VALUES (3, '^f', true)",
    );
    assert_eq!(verdict(&shell.push(11, &line).await), (200, ""));
    assert_eq!(
        verdict(&shell.push(11, &format!("{a} {b} refs/heads/g")).await),
        (401, "Branch name 'g' does not follow the pattern '^f'")
    );
    assert_eq!(
        verdict(&shell.push(11, &format!("{a} {Z} refs/tags/t")).await),
        (401, "You cannot delete a tag")
    );
}

#[testkit::test]
async fn operator_can_allow_unchecked_pushes(database: Database) {
    database.sql(
        "UPDATE projects SET repository_storage = 'blind', lfs_enabled = true WHERE id = 3;
            INSERT INTO push_rules (project_id, branch_name_regex, commit_message_regex) VALUES (3, '^f', \
                'x')",
    );
    let arguments = ["--allow-uninspected-pushes", "true", "--file-size-limit-mb", "1"];
    let shell = shell_api_with(database, &arguments).await;
    let (a, b) = (&shell.git.a, &shell.git.b);
    assert_eq!(verdict(&shell.push(11, &format!("{a} {b} refs/heads/f")).await), (200, ""));
    let named = (401, "Branch name 'g' does not follow the pattern '^f'");
    assert_eq!(verdict(&shell.push(11, &format!("{a} {b} refs/heads/g")).await), named);
}

#[testkit::test]
async fn file_size_limit_requires_access_to_the_repository(database: Database) {
    database.sql("UPDATE projects SET repository_storage = 'blind' WHERE id = 3");
    let shell = shell_api_with(database, &["--file-size-limit-mb", "1"]).await;
    let answer = shell.push(11, &format!("{} {} refs/heads/f", shell.git.a, shell.git.b)).await;
    let (status, message) = verdict(&answer);
    assert!(
        status == 401 && message.starts_with("This push cannot be checked (sizes of files)"),
        "{message}"
    );
}

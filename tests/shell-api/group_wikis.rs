//! Wikis of groups, by role and visibility.
use super::support::{ALLOWED, Shell, shell_api_at, verdict};
use database::memberships::Source;
use domain::{Role, hashed_path};
use serde_json::json;
use tempfile::TempDir;
use testkit::{Database, Release, fixture};

const MISSING: (u16, &str) = (404, "The wiki you were looking for could not be found.");
const NO_NAMESPACE: (u16, &str) = (404, "The namespace you were looking for could not be found.");
const NO_REPOSITORY: (u16, &str) = (404, "A repository for this wiki does not exist yet.");
const NO_PUSH: (u16, &str) = (401, "You are not allowed to write to this project's wiki.");
const NO_PULL: (u16, &str) = (401, "You are not allowed to download files from this wiki.");

/// The wiki of group 20, which is private, with alice as developer, rep as reporter and bob as guest.
async fn service(database: Database) -> (Shell, TempDir) {
    let mut conn = database.open();
    for (user, role) in [(2, Role::DEVELOPER), (4, Role::REPORTER), (3, Role::GUEST)] {
        fixture::member(&mut conn, user, Source::Group(20), role);
    }
    let disk_path = hashed_path("@groups", 20);
    fixture::run(
        &mut conn,
        &format!(
            "UPDATE namespaces SET visibility_level = 0 WHERE id IN (20, 21);
        INSERT INTO group_wiki_repositories (group_id, shard_id, disk_path) VALUES (20, 1, '{disk_path}')"
        ),
    );
    let storage = TempDir::new().unwrap();
    testkit::git::init(&storage.path().join(format!("{disk_path}.wiki.git")));
    (shell_api_at(database, storage.path(), &[]).await, storage)
}

#[testkit::test]
async fn a_group_has_a_wiki(database: Database) {
    let (shell, _storage) = service(database).await;
    let (status, body) = shell.push_any(11, "grp.wiki.git").await;
    let relative_path = format!("{}.wiki.git", hashed_path("@groups", 20));
    assert_eq!(
        (status, body),
        (
            200,
            json!({
                "status": true, "gl_repository": "group-20-wiki", "gl_project_path": "grp.wiki",
                    "gl_project_id": null,
                "gl_root_namespace_id": 20, "gl_id": "user-2", "gl_username": "alice",
                    "git_config_options": [],
                "gitaly": {
                    "repository": {
                        "storage_name": "default", "relative_path": relative_path, "git_object_directory": "",
                        "git_alternate_object_directories": [], "gl_repository": "group-20-wiki",
                            "gl_project_path": "grp.wiki"
                    },
                    "address": "unix:/run/gitaly.socket", "token": null, "features": {}
                },
                "gl_console_messages": [], "need_audit": false, "gl_key_type": "key", "gl_key_id": 11
            })
        )
    );
    let by_gitaly = json!({ "gl_repository": "group-20-wiki" });
    assert_eq!(
        verdict(
            &shell
                .push_with(11, &format!("{} {} refs/heads/main\n", "a".repeat(40), "b".repeat(40)), by_gitaly)
                .await
        ),
        ALLOWED
    );
}

#[testkit::test]
async fn roles_and_visibility_decide(database: Database) {
    let (shell, _storage) = service(database).await;
    // For each visibility level and key: the answers to a pull and to a push.
    let closed = [MISSING, MISSING];
    for (level, rows) in [
        (
            0,
            [
                (17, [ALLOWED, ALLOWED]),
                (11, [ALLOWED, ALLOWED]),
                (13, [ALLOWED, NO_PUSH]),
                (12, [NO_PULL, NO_PUSH]),
                (15, closed),
                (18, closed),
                (31, closed),
            ],
        ),
        (
            10,
            [
                (17, [ALLOWED, ALLOWED]),
                (11, [ALLOWED, ALLOWED]),
                (13, [ALLOWED, NO_PUSH]),
                (12, [ALLOWED, NO_PUSH]),
                (15, [ALLOWED, NO_PUSH]),
                (18, closed),
                (31, closed),
            ],
        ),
        (
            20,
            [
                (17, [ALLOWED, ALLOWED]),
                (11, [ALLOWED, ALLOWED]),
                (13, [ALLOWED, NO_PUSH]),
                (12, [ALLOWED, NO_PUSH]),
                (15, [ALLOWED, NO_PUSH]),
                (18, [ALLOWED, NO_PUSH]),
                (31, [ALLOWED, (401, "This deploy key does not have write access to this project.")]),
            ],
        ),
    ] {
        shell.sql(&format!("UPDATE namespaces SET visibility_level = {level} WHERE id = 20"));
        for (key, expected) in rows {
            assert_eq!(verdict(&shell.clone(key, "GRP.wiki").await), expected[0], "pull by {key}, {level}");
            assert_eq!(
                verdict(&shell.push_any(key, "grp.wiki").await),
                expected[1],
                "push by {key}, {level}"
            );
        }
    }
}

#[testkit::test]
async fn missing_group_wiki_is_not_found(database: Database) {
    let (shell, _storage) = service(database).await;
    let by_id = |name: &str| json!({ "key_id": 11, "gl_repository": name, "project": null });
    assert_eq!(verdict(&shell.allowed(by_id("group-999-wiki")).await), NO_NAMESPACE);
    assert_eq!(verdict(&shell.allowed(by_id("group-1002-wiki")).await), NO_NAMESPACE, "a personal namespace");
    assert_eq!(verdict(&shell.clone(11, "alice.wiki").await), NO_NAMESPACE);
    assert_eq!(verdict(&shell.clone(11, "grp/nope.wiki").await), MISSING);
    assert_eq!(verdict(&shell.clone(11, "grp/sub.wiki").await), NO_REPOSITORY);
    assert_eq!(verdict(&shell.clone(15, "grp/sub.wiki").await), MISSING);
    // GitLab 18.10 dropped `deleted_at`. The state 4, which 18.4 added, means the same.
    shell.sql(match shell.service.database.gitlab_release() {
        None => "INSERT INTO namespace_details (namespace_id, deleted_at) VALUES (20, '2020-01-01 00:00:00')",
        Some(Release::V18_0) => {
            "UPDATE namespace_details SET deleted_at = '2020-01-01 00:00:00' WHERE namespace_id = 20"
        }
        Some(_) => "UPDATE namespaces SET state = 4 WHERE id = 20",
    });
    assert_eq!(verdict(&shell.clone(11, "grp.wiki").await), MISSING, "it is being deleted");
}

#[testkit::test]
async fn restrictions_of_a_group_apply_to_its_wiki(database: Database) {
    let (shell, _storage) = service(database).await;
    for (change, pull, push) in [
        ("archived = true", ALLOWED, (401, "You can't push code to an archived project.")),
        (
            "repository_read_only = true",
            ALLOWED,
            (401, "The repository is temporarily read-only. Please try again later."),
        ),
        ("enforce_ssh_certificates = true", MISSING, MISSING),
        (
            "enabled_git_access_protocol = 2",
            (401, "Git access over SSH is not allowed"),
            (401, "Git access over SSH is not allowed"),
        ),
    ] {
        shell.sql(&format!(
            "UPDATE namespace_settings SET archived = false, repository_read_only = false, \
            enforce_ssh_certificates = false;
                UPDATE namespace_settings SET {change} WHERE namespace_id = 20"
        ));
        assert_eq!(verdict(&shell.clone(11, "grp.wiki").await), pull, "{change}");
        assert_eq!(verdict(&shell.push_any(11, "grp.wiki").await), push, "{change}");
    }
    let signed =
        |namespace: &str| json!({ "key_id": 11, "project": "grp.wiki", "namespace_path": namespace });
    shell.sql("UPDATE namespace_settings SET enabled_git_access_protocol = 0");
    assert_eq!(verdict(&shell.allowed(signed("grp")).await), ALLOWED);
    assert_eq!(verdict(&shell.allowed(signed("other")).await), MISSING);
    shell.sql(
        "INSERT INTO namespace_bans (namespace_id, user_id, created_at, updated_at) VALUES (20, 2, \
        '2020-01-01', '2020-01-01')",
    );
    assert_eq!(verdict(&shell.clone(11, "grp.wiki").await), MISSING);
}

//! Creating a project by a push to a path that does not exist.
use super::support::{ALLOWED, NOT_FOUND, Shell, Z, eventually, shell_api_at, shell_api_of, verdict};
use database::memberships::{self, Source};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use domain::{Role, hashed_path};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::gitaly::{Fault, Gitaly};
use testkit::{Database, Release, fixture};
use tonic::Code;

/// A shell-api with an empty storage. The sequences continue after the fixture's ids.
async fn service(database: Database, arguments: &[&str]) -> (Shell, TempDir) {
    if database.is_postgresql() {
        database.sql("SELECT setval('projects_id_seq', 100); SELECT setval('namespaces_id_seq', 9000)");
    }
    let storage = TempDir::new().unwrap();
    (shell_api_at(database, storage.path(), arguments).await, storage)
}

fn number(shell: &Shell, query: &str) -> i64 {
    let query = format!("CAST(({query}) AS bigint)");
    diesel::select(diesel::dsl::sql::<BigInt>(&query)).get_result(&mut shell.service.database.open()).unwrap()
}

fn text(shell: &Shell, query: &str) -> String {
    let query = format!("CAST(({query}) AS text)");
    diesel::select(diesel::dsl::sql::<Text>(&query)).get_result(&mut shell.service.database.open()).unwrap()
}

/// The same with a Gitaly.
async fn beside_gitaly(database: Database) -> (Gitaly, Shell, TempDir) {
    if database.is_postgresql() {
        database.sql("SELECT setval('projects_id_seq', 100); SELECT setval('namespaces_id_seq', 9000)");
    }
    let storage = TempDir::new().unwrap();
    let gitaly = Gitaly::start(storage.path());
    let config = format!("storages: {{default: {{address: '{}'}}}}\n", gitaly.address);
    (gitaly, shell_api_of(database, &config, &[]).await, storage)
}

/// The number of repositories that are still to be created.
fn awaited(shell: &Shell) -> i64 {
    number(shell, "SELECT count(*) FROM outbox_messages WHERE topic = 'create_repository'")
}

fn projects(shell: &Shell) -> i64 {
    number(shell, "SELECT count(*) FROM projects")
}

/// All project authorisations, as a string.
fn authorizations(shell: &Shell) -> String {
    let row = "user_id || ':' || project_id || ':' || access_level";
    let rows =
        format!("SELECT {row} AS r FROM project_authorizations ORDER BY user_id, project_id, access_level");
    text(shell, &format!("SELECT string_agg(r, ' ') FROM ({rows}) AS rows"))
}

fn created(path: &str, remote: &str) -> Value {
    json!({ "type": "basic", "message": format!(
        "\nThe private project {path} was successfully created.\n\nTo configure the remote, run:\n  git \
         remote add origin {remote}\n\nTo view the project, visit:\n  https://gitlab.example.com/{path}\n\n"
    ) })
}

async fn messages(shell: &Shell, gl_repository: &str, identifier: &str) -> Value {
    shell.post_receive_of(gl_repository, identifier, "").await.1["messages"].clone()
}

/// With its own role the service creates a project with all rows on each release.
#[actix_web::test]
async fn a_push_makes_its_project_on_each_release() {
    for release in Release::ALL {
        let (shell, _storage) = service(Database::release(release), &[]).await;
        assert_eq!(verdict(&shell.push_any(11, "alice/new.git").await), ALLOWED, "{release:?}");
        let id = number(&shell, "SELECT id FROM projects WHERE path = 'new'");
        for table in [
            "container_expiration_policies",
            "project_authorizations",
            "project_authorizations_for_migration",
            "project_ci_cd_settings",
            "project_features",
            "project_pages_metadata",
            "project_repositories",
            "project_settings",
            "project_statistics",
        ] {
            let rows = format!("SELECT count(*) FROM {table} WHERE project_id = {id}");
            assert_eq!(number(&shell, &rows), 1, "{release:?} {table}");
        }
        let details = format!(
            "SELECT count(*) FROM namespace_details AS d JOIN projects AS p ON p.project_namespace_id = \
             d.namespace_id WHERE p.id = {id}"
        );
        assert_eq!(number(&shell, &details), 1, "{release:?}");
    }
}

#[testkit::test]
async fn push_creates_the_project(database: Database) {
    let (shell, storage) = service(database, &[]).await;
    let (status, body) = shell.push_any(11, "alice/new.git").await;
    let id = number(&shell, "SELECT id FROM projects WHERE path = 'new'");
    let relative_path = format!("{}.git", hashed_path("@hashed", id));
    let gl_repository = format!("project-{id}");
    assert_eq!(
        (status, body),
        (
            200,
            json!({
                "status": true, "gl_repository": gl_repository, "gl_project_path": "alice/new",
                    "gl_project_id": id,
                "gl_root_namespace_id": 1002, "gl_id": "user-2", "gl_username": "alice",
                    "git_config_options": [],
                "gitaly": {
                    "repository": {
                        "storage_name": "default", "relative_path": relative_path, "git_object_directory": "",
                        "git_alternate_object_directories": [], "gl_repository": gl_repository,
                            "gl_project_path": "alice/new"
                    },
                    "address": "unix:/run/gitaly.socket", "token": null, "features": {}
                },
                "gl_console_messages": [], "need_audit": false, "gl_key_type": "key", "gl_key_id": 11
            })
        )
    );
    // The push itself then goes to the new repository, by a user who may push the first commit.
    assert_eq!(
        testkit::git::git(&storage.path().join(&relative_path), &["symbolic-ref", "HEAD"]),
        "refs/heads/main"
    );
    let change = format!("{Z} {} refs/heads/main\n", "a".repeat(40));
    let push = json!({ "gl_repository": gl_repository, "project": "/disk/path.git" });
    assert_eq!(verdict(&shell.push_with(11, &change, push.clone()).await), ALLOWED);
    assert_eq!(verdict(&shell.push_with(14, &change, push).await), NOT_FOUND, "it is private");
    // The message is shown once, to the user who created the project.
    assert_eq!(messages(&shell, &gl_repository, "key-14").await, json!([]));
    assert_eq!(
        messages(&shell, &gl_repository, "key-11").await,
        json!([created("alice/new", "git@gitlab.example.com:alice/new.git")])
    );
    assert_eq!(messages(&shell, &gl_repository, "key-11").await, json!([]));
}

#[testkit::test]
async fn project_is_created_with_all_rows(database: Database) {
    let (shell, _storage) = service(database, &[]).await;
    assert_eq!(verdict(&shell.push_any(11, "/Alice/My.Project").await), ALLOWED);
    let project = "FROM projects WHERE path = 'My.Project'";
    let (id, twin) = (
        number(&shell, &format!("SELECT id {project}")),
        number(&shell, &format!("SELECT project_namespace_id {project}")),
    );
    for (query, expected) in [
        (
            format!(
                "name || '|' || namespace_id || '|' || creator_id || '|' || visibility_level || '|' || \
                 storage_version || '|' || organization_id || '|' || repository_storage {project}"
            ),
            "My.Project|1002|2|0|2|1|default".to_owned(),
        ),
        (
            format!(
                "name || '|' || path || '|' || type || '|' || parent_id || '|' || visibility_level || '|' || \
                 organization_id || '|' || CAST(traversal_ids AS text) FROM namespaces WHERE id = {twin}"
            ),
            format!(
                "My.Project|My.Project|Project|1002|0|1|{}",
                fixture::array(&shell.service.database.open(), &[1002, twin])
            ),
        ),
        (
            format!(
                "source_type || '|' || path || '|' || name || '|' || namespace_id FROM routes WHERE \
                 source_id = {id} AND source_type = 'Project'"
            ),
            format!("Project|alice/My.Project|alice / My.Project|{twin}"),
        ),
        (
            format!(
                "repository_access_level || '|' || wiki_access_level || '|' || pages_access_level || '|' || \
                 snippets_access_level || '|' || merge_requests_access_level FROM project_features WHERE \
                     project_id = {id}"
            ),
            "20|20|10|20|20".to_owned(),
        ),
        (
            format!(
                "namespace_id || '|' || root_namespace_id || '|' || commit_count FROM project_statistics \
                 WHERE project_id = {id}"
            ),
            "1002|1002|0".to_owned(),
        ),
        (
            format!("shard_id || '|' || disk_path FROM project_repositories WHERE project_id = {id}"),
            format!("1|{}", hashed_path("@hashed", id)),
        ),
        (
            format!(
                "user_id || '|' || access_level || '|' || type || '|' || member_namespace_id FROM members \
                 WHERE source_id = {id} AND source_type = 'Project'"
            ),
            format!("2|50|ProjectMember|{twin}"),
        ),
    ] {
        assert_eq!(text(&shell, &format!("SELECT {query}")), expected, "{query}");
    }
    assert_eq!(number(&shell, &format!("SELECT count(*) FROM project_settings WHERE project_id = {id}")), 1);
    assert_eq!(number(&shell, &format!("SELECT count(*) FROM routes WHERE namespace_id = {twin}")), 1);
}

/// Members of the group get access to the new project: its rows equal those that `recompute` would write.
#[testkit::test]
async fn members_of_the_group_reach_it(database: Database) {
    let mut conn = database.open();
    fixture::group(&mut conn, 22, "guests", None);
    fixture::member(&mut conn, 2, Source::Group(20), Role::DEVELOPER);
    fixture::member(&mut conn, 3, Source::Group(20), Role::GUEST);
    fixture::member(&mut conn, 3, Source::Group(21), Role::REPORTER);
    fixture::member(&mut conn, 4, Source::Group(22), Role::OWNER);
    fixture::member(&mut conn, 6, Source::Group(21), Role(5));
    fixture::run(
        &mut conn,
        "INSERT INTO group_group_links (created_at, updated_at, shared_group_id, \
        shared_with_group_id, group_access) VALUES ('2020-01-01', '2020-01-01', 20, 22, 30);
            INSERT INTO members (access_level, source_id, source_type, type, user_id, notification_level, \
                member_namespace_id, expires_at) VALUES (40, 21, 'Namespace', 'GroupMember', 7, 3, 21, \
                    '2020-01-01')",
    );
    fixture::recompute(&mut conn);
    let (shell, _storage) = service(database, &[]).await;
    assert_eq!(verdict(&shell.push_any(11, "grp/sub/fresh").await), ALLOWED);
    let id = number(&shell, "SELECT id FROM projects WHERE path = 'fresh'");
    let written = authorizations(&shell);
    for row in [format!("2:{id}:30"), format!("3:{id}:20"), format!("4:{id}:30")] {
        assert!(written.split(' ').any(|known| known == row), "{row} in {written}");
    }
    memberships::recompute_all(&mut conn, fixture::now().date()).unwrap();
    assert_eq!(authorizations(&shell), written);
    assert_eq!(
        number(
            &shell,
            &format!("SELECT count(*) FROM members WHERE source_id = {id} AND source_type = 'Project'")
        ),
        0
    );
    assert_eq!(verdict(&shell.push_any(13, "grp/sub/fresh").await), ALLOWED);
}

#[testkit::test]
async fn project_path_must_be_valid_in_gitlab(database: Database) {
    let (shell, _storage) = service(database, &[]).await;
    let before = projects(&shell);
    for path in [
        "alice/bad.",
        "alice/-x.git",
        "alice/a b",
        "alice/ü",
        "alice/x.atom",
        "alice/x.git.git",
        "alice/blob",
    ] {
        let (status, body) = shell.push_any(11, path).await;
        let message = body["message"].as_str().unwrap();
        assert_eq!((status, &body["status"]), (422, &json!(false)), "{path}");
        assert!(message.starts_with("Could not create project: Path "), "{path}: {message}");
    }
    assert_eq!(projects(&shell), before);
}

#[testkit::test]
async fn invalid_paths_create_no_project(database: Database) {
    let (shell, storage) = service(database, &[]).await;
    let before = projects(&shell);
    let no_namespace = (404, "The namespace you were looking for could not be found.");
    for path in [
        "other/new.git",
        "bob/new",
        "grp/new",
        "alice//new",
        "alice/new/",
        "//alice/new",
        "alice/x/new",
        "alice/new.design",
    ] {
        assert_eq!(verdict(&shell.push_any(11, path).await), NOT_FOUND, "{path}");
    }
    assert_eq!(verdict(&shell.push_any(11, "new").await), no_namespace);
    assert_eq!(
        verdict(&shell.push_any(11, "alice/new.wiki").await),
        (404, "The wiki you were looking for could not be found.")
    );
    assert_eq!(
        verdict(&shell.push_any(11, "alice/snippets/7").await),
        (404, "The snippet you were looking for could not be found.")
    );
    assert_eq!(verdict(&shell.clone(11, "alice/new2").await), NOT_FOUND);
    assert_eq!(verdict(&shell.push_any(31, "mia/new").await), NOT_FOUND, "a deploy key of mia's");
    assert_eq!(verdict(&shell.push_any(999, "alice/new").await), NOT_FOUND);
    let known = json!({ "gl_repository": "project-999", "project": "alice/new" });
    assert_eq!(verdict(&shell.push_with(11, "_any", known).await), NOT_FOUND);
    let change = format!("{Z} {} refs/heads/main\n", "a".repeat(40));
    let by_path = json!({ "gl_repository": null, "project": "alice/new" });
    assert_eq!(verdict(&shell.push_with(11, &change, by_path).await), NOT_FOUND);
    shell.sql("UPDATE users SET state = 'blocked' WHERE id = 2");
    assert_eq!(verdict(&shell.push_any(11, "alice/new").await), (401, "Your account has been blocked."));
    assert_eq!(projects(&shell), before);
    assert_eq!(std::fs::read_dir(storage.path()).unwrap().count(), 0);
}

#[testkit::test]
async fn push_to_create_can_be_switched_off(database: Database) {
    let (shell, _storage) = service(database, &["--push-to-create", "false"]).await;
    assert_eq!(verdict(&shell.push_any(11, "alice/new").await), NOT_FOUND);
}

#[testkit::test]
async fn project_limit_and_visibility_restrictions_apply(database: Database) {
    fixture::member(&mut database.open(), 2, Source::Group(20), Role::DEVELOPER);
    fixture::member(&mut database.open(), 5, Source::Group(20), Role::MAINTAINER);
    let (shell, _storage) = service(database, &[]).await;
    shell.sql("UPDATE users SET projects_limit = 1 WHERE id = 2");
    assert_eq!(verdict(&shell.push_any(11, "alice/one").await), ALLOWED);
    assert_eq!(verdict(&shell.push_any(11, "alice/two").await), NOT_FOUND);
    // (level, developer, maintainer, administrator)
    for (level, expected) in [
        ("0", [false; 3]),
        ("1", [false, true, true]),
        ("2", [true; 3]),
        ("3", [false, false, true]),
        ("4", [false, false, true]),
        ("NULL", [true; 3]),
    ] {
        shell.sql(&format!("UPDATE namespaces SET project_creation_level = {level} WHERE id = 20"));
        for (key, allowed) in [11, 14, 17].into_iter().zip(expected) {
            let path = format!("grp/by-{key}-{level}");
            assert_eq!(
                verdict(&shell.push_any(key, &path).await),
                if allowed { ALLOWED } else { NOT_FOUND },
                "{path}"
            );
        }
    }
    for change in ["archived", "repository_read_only"] {
        shell.sql(&format!(
            "UPDATE namespace_settings SET archived = false, repository_read_only = false; \
            UPDATE namespace_settings SET {change} = true WHERE namespace_id = 20"
        ));
        assert_eq!(verdict(&shell.push_any(14, "grp/late").await), NOT_FOUND, "{change}");
    }
    shell.sql(
        "UPDATE namespace_settings SET repository_read_only = false; INSERT INTO ip_restrictions (id, \
        group_id, range) VALUES (1, 20, '10.0.0.0/8')",
    );
    let from = |ip: &str| {
        json!({ "key_id": 14, "project": "grp/late", "action": "git-receive-pack",
        "check_ip": ip })
    };
    assert_eq!(verdict(&shell.allowed(from("1.2.3.4")).await), NOT_FOUND);
    assert_eq!(verdict(&shell.allowed(from("10.2.3.4")).await), ALLOWED);
}

#[testkit::test]
async fn concurrent_pushes_create_one_project(database: Database) {
    let (shell, _storage) = service(database, &[]).await;
    let before = projects(&shell);
    let answers = join_all((0..8).map(|_| shell.push_any(11, "alice/race"))).await;
    for answer in &answers {
        assert_eq!(verdict(answer), ALLOWED);
        assert_eq!(answer.1["gl_repository"], answers[0].1["gl_repository"]);
    }
    assert_eq!(projects(&shell), before + 1);
    // Concurrent pushes with different names, when the limit allows one more project.
    shell.sql("UPDATE users SET projects_limit = 2 WHERE id = 2");
    let names: Vec<String> = (0..6).map(|n| format!("alice/limit{n}")).collect();
    let answers = join_all(names.iter().map(|name| shell.push_any(11, name))).await;
    assert_eq!(answers.iter().filter(|answer| verdict(answer) == ALLOWED).count(), 1);
    assert_eq!(projects(&shell), before + 2);
}

/// The path is free, but the namespace already has a project with this name.
#[testkit::test]
async fn taken_project_name_is_refused(database: Database) {
    let (shell, _storage) = service(database, &[]).await;
    fixture::project(&mut shell.service.database.open(), 70, "alice/other", 1002, 0);
    shell.sql("UPDATE namespaces SET name = 'taken' WHERE id = 2070");
    let expected =
        (422, json!({ "status": false, "message": "Could not create project: Name has already been taken" }));
    assert_eq!(shell.push_any(11, "alice/taken").await, expected);
}

/// If the repository could not be created, the next push creates it.
#[testkit::test]
async fn next_push_creates_the_missing_repository(database: Database) {
    let (gitaly, shell, storage) = beside_gitaly(database).await;
    let before = projects(&shell);
    for fault in [Code::Unavailable, Code::Internal] {
        gitaly.fail(Fault::Status(fault));
        assert_eq!(
            shell.push_any(11, "alice/new").await,
            (503, json!({ "message": "503 Service Unavailable" }))
        );
        assert_eq!((projects(&shell), awaited(&shell)), (before + 1, 1));
    }
    gitaly.fail(None);
    gitaly.calls();
    assert_eq!(verdict(&shell.push_any(15, "alice/new").await), NOT_FOUND, "somebody else");
    assert_eq!(gitaly.methods(), Vec::<&str>::new(), "who is refused anyway");
    let (status, body) = shell.push_any(11, "alice/new").await;
    assert_eq!((status, &body["gl_project_path"]), (200, &json!("alice/new")));
    assert_eq!(
        gitaly.methods(),
        ["RepositoryService/RepositoryExists", "RepositoryService/CreateRepository"]
    );
    assert_eq!((projects(&shell), awaited(&shell)), (before + 1, 0));
    let path = body["gitaly"]["repository"]["relative_path"].as_str().unwrap();
    assert_eq!(testkit::git::git(&storage.path().join(path), &["symbolic-ref", "HEAD"]), "refs/heads/main");
    let told = messages(&shell, body["gl_repository"].as_str().unwrap(), "key-11").await;
    assert_eq!(told, json!([created("alice/new", "git@gitlab.example.com:alice/new.git")]));
    // A repository that is lost later is not created again.
    std::fs::remove_dir_all(storage.path().join(path)).unwrap();
    assert_eq!(
        verdict(&shell.push_any(11, "alice/new").await),
        (404, "A repository for this project does not exist yet.")
    );
}

/// The process may have ended after it created the repository.
#[testkit::test]
async fn existing_repository_is_used(database: Database) {
    let (gitaly, shell, storage) = beside_gitaly(database).await;
    gitaly.fail(Fault::Status(Code::Unavailable));
    assert_eq!(shell.push_any(11, "alice/new").await.0, 503);
    let id = number(&shell, "SELECT id FROM projects WHERE path = 'new'");
    testkit::git::init(&storage.path().join(format!("{}.git", hashed_path("@hashed", id))));
    gitaly.fail(None);
    assert_eq!(verdict(&shell.push_any(11, "alice/new").await), ALLOWED);
}

/// A Gitaly that does not respond does not block other writes.
#[testkit::test]
async fn slow_gitaly_does_not_hold_the_database_lock(database: Database) {
    let (gitaly, shell, _storage) = beside_gitaly(database).await;
    gitaly.fail(Fault::Hang);
    let push = shell.push_any(11, "alice/slow");
    let others = async {
        eventually("the project is there", async || awaited(&shell) == 1).await;
        // Writes to the same namespace and to other rows succeed.
        shell.sql(
            "UPDATE namespaces SET name = 'x' WHERE id = 1002; UPDATE users SET name = 'x' \
            WHERE id = 5",
        );
        gitaly.fail(Fault::Status(Code::Unavailable));
        assert_eq!(shell.push_any(11, "alice/other").await.0, 503);
        assert_eq!(awaited(&shell), 2);
    };
    let (answer, ()) = futures_util::future::join(push, others).await;
    assert_eq!(answer.0, 503);
    gitaly.fail(None);
    for path in ["alice/slow", "alice/other"] {
        assert_eq!(verdict(&shell.push_any(11, path).await), ALLOWED, "{path}");
    }
    assert_eq!(awaited(&shell), 0);
}

#[testkit::test]
async fn concurrent_pushes_share_a_repository(database: Database) {
    let (gitaly, shell, storage) = beside_gitaly(database).await;
    gitaly.fail(Fault::Status(Code::Unavailable));
    assert_eq!(shell.push_any(11, "alice/race").await.0, 503);
    gitaly.fail(None);
    let answers = join_all((0..8).map(|_| shell.push_any(11, "alice/race"))).await;
    assert!(answers.iter().all(|answer| verdict(answer) == ALLOWED));
    assert_eq!((awaited(&shell), std::fs::read_dir(storage.path()).unwrap().count()), (0, 1));
}

/// An administrator may create projects in anybody's namespace. As in GitLab, the limit of the creator
/// counts.
#[testkit::test]
async fn administrator_creates_projects_for_other_users(database: Database) {
    let (shell, _storage) = service(database, &[]).await;
    shell.sql("UPDATE users SET projects_limit = 0 WHERE id = 2");
    assert_eq!(verdict(&shell.push_any(17, "alice/given").await), ALLOWED);
    let of = "FROM members WHERE source_type = 'Project' AND source_id = (SELECT id FROM projects WHERE path \
        = 'given')";
    assert_eq!(text(&shell, &format!("SELECT user_id || '|' || access_level {of}")), "2|50");
    assert_eq!(number(&shell, "SELECT creator_id FROM projects WHERE path = 'given'"), 1);
    shell.sql(
        "UPDATE users SET projects_limit = 0 WHERE id = 1; UPDATE users SET projects_limit = 100 WHERE \
        id = 2",
    );
    assert_eq!(verdict(&shell.push_any(17, "alice/more").await), NOT_FOUND);
}

#[testkit::test]
async fn repository_is_created_on_the_storage_with_the_highest_weight(database: Database) {
    let (shell, storage) = service(database, &[]).await;
    shell.sql(
        "UPDATE application_settings SET repository_storages_weighted = '{\"blind\": 100, \
         \"default\": 50, \"unknown\": 200}'",
    );
    let http =
        json!({ "key_id": 11, "project": "alice/blind", "action": "git-receive-pack", "protocol": "http" });
    let (status, body) = shell.allowed(http).await;
    assert_eq!(
        (status, &body["gitaly"]["repository"]["storage_name"], &body["gitaly"]["address"]),
        (200, &json!("blind"), &json!("tcp://gitaly:8075"))
    );
    assert_eq!(std::fs::read_dir(storage.path()).unwrap().count(), 0);
    let expected = json!([created("alice/blind", "https://gitlab.example.com/alice/blind.git")]);
    assert_eq!(messages(&shell, body["gl_repository"].as_str().unwrap(), "user-2").await, expected);
}

/// Columns and tables that only GitLab's schema has, and that creating a project fills.
const COMPANIONS: &str = "
    ALTER TABLE project_features ADD COLUMN container_registry_access_level integer NOT NULL DEFAULT 0;
    ALTER TABLE project_features ADD COLUMN package_registry_access_level integer NOT NULL DEFAULT 0;
    ALTER TABLE projects ADD COLUMN last_repository_updated_at timestamp;
    ALTER TABLE projects ADD COLUMN shared_runners_enabled boolean NOT NULL DEFAULT true;
    ALTER TABLE application_settings ADD COLUMN shared_runners_enabled boolean NOT NULL DEFAULT true;
    ALTER TABLE application_settings ADD COLUMN default_ci_config_path text;
    ALTER TABLE projects ADD COLUMN ci_config_path text;
    CREATE TABLE project_ci_cd_settings (id bigint, project_id bigint NOT NULL, default_git_depth integer,
        forward_deployment_enabled boolean, separated_caches boolean NOT NULL DEFAULT false);
    CREATE TABLE container_expiration_policies (project_id bigint NOT NULL, created_at timestamp NOT NULL,
        updated_at timestamp NOT NULL, enabled boolean NOT NULL DEFAULT false);
    CREATE TABLE project_pages_metadata (project_id bigint NOT NULL, deployed boolean DEFAULT false);";

/// A project that a push creates has the rows that GitLab's model writes, except for missing tables.
#[testkit::test]
async fn a_created_project_has_the_companion_rows_of_gitlab(database: Database) {
    if !database.is_gitlab() {
        database.sql(COMPANIONS);
    }
    database.sql(
        "ALTER TABLE project_features ADD COLUMN unknown_access_level integer NOT NULL DEFAULT 20;
         UPDATE application_settings SET shared_runners_enabled = false,
             default_ci_config_path = 'ci/x.yml';",
    );
    let (shell, _storage) = service(database, &[]).await;
    assert_eq!(verdict(&shell.push_any(11, "alice/first.git").await), ALLOWED);
    for (expected, query) in [
        (
            "20|20|10|20",
            "SELECT container_registry_access_level || '|' || package_registry_access_level || '|' \
            || security_and_compliance_access_level || '|' || unknown_access_level FROM project_features",
        ),
        ("20", "SELECT default_git_depth FROM project_ci_cd_settings"),
        ("ci/x.yml", "SELECT ci_config_path FROM projects"),
    ] {
        let order = if query.contains("FROM projects") { "id" } else { "project_id" };
        assert_eq!(text(&shell, &format!("{query} ORDER BY {order} DESC LIMIT 1")), expected, "{query}");
    }
    let id = number(&shell, "SELECT id FROM projects WHERE path = 'first'");
    for (count, condition) in [
        (1, "project_ci_cd_settings WHERE forward_deployment_enabled AND separated_caches"),
        (1, "container_expiration_policies WHERE NOT enabled AND created_at = updated_at"),
        (1, "project_pages_metadata WHERE NOT deployed"),
        (1, "projects WHERE path = 'first' AND last_repository_updated_at = created_at"),
        (1, "projects WHERE path = 'first' AND NOT shared_runners_enabled"),
        (1, &format!("project_settings WHERE project_id = {id}")),
        (1, &format!("project_statistics WHERE project_id = {id}")),
    ] {
        assert_eq!(number(&shell, &format!("SELECT count(*) FROM {condition}")), count, "{condition}");
    }
    shell.sql("DROP TABLE project_pages_metadata");
    assert_eq!(verdict(&shell.push_any(11, "alice/second.git").await), ALLOWED);
    assert_eq!(number(&shell, "SELECT count(*) FROM project_ci_cd_settings"), 2);
}

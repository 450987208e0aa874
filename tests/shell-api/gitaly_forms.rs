//! Changes of every kind on every form of Gitaly: plain, behind Praefect, and with transactions. The paths
//! that the hook sends differ, but the decision must be the same.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::Database;
use testkit::fixture::P;
use testkit::git::{self, repositories};
use testkit::gitaly::{Form, Gitaly, PendingChange};

use super::push_merge_requests::merge_request;
use super::push_protected::{FORCE, PUSH};
use super::push_repository::{copy_of_p, env};
use super::support::{ALLOWED, Shell, Z, shell_api_at, shell_api_of, verdict};

const OWN: &str = "@hashed/4e/07/4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce.git";

/// A Gitaly of each form, with a copy of project P's repository.
struct Storage {
    form: Form,
    gitaly: Gitaly,
    _directory: TempDir,
}

/// Runs a test with project P on a Gitaly of each form.
async fn on_each_form(database: Database, test: impl AsyncFn(&Shell, &Storage)) {
    let storages = Form::ALL.map(|form| {
        let (directory, _) = copy_of_p();
        Storage { form, gitaly: Gitaly::with_form(form, directory.path()), _directory: directory }
    });
    let sections: Vec<String> = storages
        .iter()
        .map(|storage| format!("{}: {{address: '{}'}}", storage.name(), storage.gitaly.address))
        .collect();
    let config = format!("storages: {{{}}}\n", sections.join(", "));
    let shell = shell_api_of(database, &config, &[]).await;
    for storage in &storages {
        shell.sql(&format!("UPDATE projects SET repository_storage = '{}' WHERE id = {P}", storage.name()));
        test(&shell, storage).await;
    }
}

impl Storage {
    fn name(&self) -> String {
        format!("{:?}", self.form).to_lowercase()
    }
}

/// The request of the hook for a `git push` with this key.
async fn push(shell: &Shell, change: &PendingChange, key_id: i64, line: &str) -> (u16, String) {
    answer(shell, change, json!({ "key_id": key_id.to_string() }), line).await
}

/// The request of the hook for a change that GitLab itself makes for this user.
async fn operation(shell: &Shell, change: &PendingChange, user_id: i64, line: &str) -> (u16, String) {
    let actor = json!({ "key_id": null, "user_id": user_id.to_string(), "protocol": "web" });
    answer(shell, change, actor, line).await
}

async fn answer(shell: &Shell, change: &PendingChange, mut further: Value, line: &str) -> (u16, String) {
    let parameters = change.parameters();
    for name in ["env", "relative_path"] {
        further[name] = parameters[name].clone();
    }
    let answer = shell.push_with(0, line, further).await;
    let (status, message) = verdict(&answer);
    (status, message.to_owned())
}

fn owned((status, message): (u16, &str)) -> (u16, String) {
    (status, message.to_owned())
}

/// Asserts that the calls since the last check name the project's own path. Returns how many of them saw the
/// quarantine, with the metadata that the form needs.
fn calls_that_saw(storage: &Storage, change: &PendingChange) -> usize {
    let mut count = 0;
    for call in storage.gitaly.calls() {
        let what = format!("{:?} {}", storage.form, call.method);
        assert_eq!(call.repository.relative_path, OWN, "{what}");
        assert_eq!(call.metadata.get("relative-path-bin"), Some(&change.relative_path), "{what}");
        if call.repository.git_object_directory.is_empty() {
            continue;
        }
        count += 1;
        assert_eq!(call.repository.git_object_directory, change.object_directory, "{what}");
        assert_eq!(call.repository.git_alternate_object_directories, change.alternates, "{what}");
        let policy = call.metadata.get("gitaly-route-repository-accessor-policy").map(String::as_str);
        assert_eq!(policy, Some("primary-only"), "{what}");
    }
    count
}

#[testkit::test]
async fn push_sees_its_objects(database: Database) {
    on_each_form(database, async |shell, storage| {
        let b = &shell.git.b;
        let change = storage.gitaly.begin_push(OWN);
        let new = change.commit(&[b], "pushed");
        let forward = format!("{b} {new} refs/heads/main");
        assert_eq!(push(shell, &change, 14, &forward).await, owned(ALLOWED), "{:?}", storage.form);
        assert_eq!(calls_that_saw(storage, &change), 2);
        assert_eq!(push(shell, &change, 11, &forward).await, owned(PUSH), "{:?}", storage.form);
        let back = format!("{new} {b} refs/heads/main");
        assert_eq!(push(shell, &change, 14, &back).await, owned(FORCE), "{:?}", storage.form);
        let create = format!("{Z} {new} refs/heads/feature");
        assert_eq!(push(shell, &change, 11, &create).await, owned(ALLOWED), "{:?}", storage.form);
    })
    .await;
}

/// A push rule about commit messages is applied to the new commits.
#[testkit::test]
async fn push_rules_see_the_objects_of_a_push(database: Database) {
    on_each_form(database, async |shell, storage| {
        shell.sql(
            "DELETE FROM push_rules;
             INSERT INTO push_rules (project_id, commit_message_regex, file_name_regex)
             VALUES (3, '^JIRA-', 'secret')",
        );
        let b = &shell.git.b;
        for (parents, path, expected) in [
            (&[b.as_str()][..], "JIRA-1", ALLOWED),
            (&[b], "other", (401, "Commit message does not follow the pattern '^JIRA-'")),
            (&[b], "JIRA-secret", (401, r#"File name JIRA-secret was prohibited by the pattern "secret"."#)),
            // A commit without parents adds all its files.
            (&[], "JIRA-secret", (401, r#"File name JIRA-secret was prohibited by the pattern "secret"."#)),
        ] {
            let change = storage.gitaly.begin_push(OWN);
            let new = change.commit_file(parents, path, "content");
            let line = format!("{Z} {new} refs/heads/feature");
            let answer = push(shell, &change, 11, &line).await;
            assert_eq!(answer, owned(expected), "{:?} {path}", storage.form);
        }
    })
    .await;
}

#[testkit::test]
async fn web_commit_sees_its_objects(database: Database) {
    on_each_form(database, async |shell, storage| {
        let b = &shell.git.b;
        let change = storage.gitaly.begin_operation(OWN);
        let new = change.commit(&[b], "web editor");
        let create = format!("{Z} {new} refs/heads/web-1");
        assert_eq!(operation(shell, &change, 2, &create).await, owned(ALLOWED), "{:?}", storage.form);
        assert!(calls_that_saw(storage, &change) > 0);
        let update = format!("{b} {new} refs/heads/main");
        assert_eq!(operation(shell, &change, 2, &update).await, owned(PUSH), "{:?}", storage.form);
        assert_eq!(operation(shell, &change, 5, &update).await, owned(ALLOWED), "{:?}", storage.form);
        assert!(calls_that_saw(storage, &change) > 1);
    })
    .await;
}

/// A developer may merge into `main`, but not push to it.
#[testkit::test]
async fn merge_is_allowed_with_the_revision_of_the_merge_request(database: Database) {
    on_each_form(database, async |shell, storage| {
        let (b, a) = (&shell.git.b, &shell.git.a);
        let change = storage.gitaly.begin_operation(OWN);
        let merge = change.commit(&[b, a], "Merge branch 'f'");
        let other = change.commit(&[b], "other");
        let sha = format!("'{merge}'");
        let merging = [("state_id", "4"), ("in_progress_merge_commit_sha", sha.as_str())];
        shell.sql("DELETE FROM merge_requests");
        shell.sql(&merge_request(1, (P, "f"), (P, "main"), &merging));
        let line = |new: &str| format!("{b} {new} refs/heads/main");
        assert_eq!(operation(shell, &change, 2, &line(&merge)).await, owned(ALLOWED), "{:?}", storage.form);
        assert_eq!(operation(shell, &change, 2, &line(&other)).await, owned(PUSH), "{:?}", storage.form);
    })
    .await;
}

#[testkit::test]
async fn annotated_tag_is_created_in_the_page(database: Database) {
    on_each_form(database, async |shell, storage| {
        let change = storage.gitaly.begin_operation(OWN);
        let commit = change.commit(&[&shell.git.b], "tagged");
        let tag = change.tag(&commit, "release-1");
        let line = format!("{Z} {tag} refs/tags/release-1");
        assert_eq!(operation(shell, &change, 2, &line).await, owned(ALLOWED), "{:?}", storage.form);
        assert!(calls_that_saw(storage, &change) > 0);
    })
    .await;
}

/// Removing a branch writes no objects, so there is no quarantine.
#[testkit::test]
async fn branch_is_deleted_in_the_page(database: Database) {
    on_each_form(database, async |shell, storage| {
        let change = storage.gitaly.begin_removal(OWN);
        let line = format!("{} {Z} refs/heads/old", shell.git.a);
        assert_eq!(operation(shell, &change, 2, &line).await, owned(ALLOWED), "{:?}", storage.form);
        let calls = storage.gitaly.calls();
        assert!(!calls.is_empty());
        for call in calls {
            let repository = &call.repository;
            assert_eq!(repository.git_object_directory, "", "{}", call.method);
            assert!(repository.git_alternate_object_directories.is_empty(), "{}", call.method);
            let policy = call.metadata.get("gitaly-route-repository-accessor-policy");
            assert_eq!(policy, None, "{}", call.method);
        }
    })
    .await;
}

#[testkit::test]
async fn push_creates_a_project_and_its_repository(database: Database) {
    if database.is_postgresql() {
        database.sql("SELECT setval('projects_id_seq', 100); SELECT setval('namespaces_id_seq', 9000)");
    }
    on_each_form(database, async |shell, storage| {
        let name = storage.name();
        shell.sql(&format!(
            "UPDATE application_settings SET repository_storages_weighted = '{{\"{name}\": 100}}'"
        ));
        let (status, body) = shell.push_any(11, &format!("alice/{name}")).await;
        assert_eq!(status, 200, "{name}: {body}");
        let own_path = body["gitaly"]["repository"]["relative_path"].as_str().unwrap();
        let methods = ["RepositoryService/RepositoryExists", "RepositoryService/CreateRepository"];
        assert_eq!(storage.gitaly.methods(), methods, "{name}");
        let change = storage.gitaly.begin_push(own_path);
        let first = change.commit(&[], "first");
        let mut further = change.parameters();
        further["gl_repository"] = body["gl_repository"].clone();
        let answer = shell.push_with(11, &format!("{Z} {first} refs/heads/main"), further).await;
        assert_eq!(verdict(&answer), ALLOWED, "{name}");
    })
    .await;
}

/// Each call repeats the client context that Gitaly's hook has sent.
#[testkit::test]
async fn client_context_goes_along_with_every_call(database: Database) {
    on_each_form(database, async |shell, storage| {
        let context = r#"{"scoped-user-id":"7"}"#;
        let change = storage.gitaly.begin_push(OWN);
        let new = change.commit(&[&shell.git.b], "new");
        let actor = json!({ "key_id": "14", "gitaly_client_context_bin": STANDARD.encode(context) });
        let line = format!("{} {new} refs/heads/main\n{Z} {new} refs/heads/f", shell.git.b);
        assert_eq!(answer(shell, &change, actor, &line).await, owned(ALLOWED), "{:?}", storage.form);
        let calls = storage.gitaly.calls();
        assert!(calls.len() > 2, "{calls:?}");
        for call in calls {
            let text = |name: &str| call.metadata.get(name).map(String::as_str);
            assert_eq!(text("gitaly-client-context-bin"), Some(context), "{}", call.method);
            assert_eq!(text("client_name"), Some("shell-api"), "{}", call.method);
            assert_eq!((text("user_id"), text("username")), (Some("5"), Some("mia")), "{}", call.method);
        }
    })
    .await;
}

fn refused(parameter: &str) -> (u16, Value) {
    let error = format!("{parameter} is invalid");
    (400, json!({ "message": format!("400 Bad request - {error}"), "error": error }))
}

/// For every actor and action, with and without the repository's path from the hook.
#[testkit::test]
async fn quarantine_outside_the_storage_is_refused(database: Database) {
    let (storage, _) = copy_of_p();
    let gitaly = Gitaly::start(storage.path());
    let config = format!("storages: {{default: {{address: '{}'}}}}\n", gitaly.address);
    let shell = shell_api_of(database, &config, &[]).await;
    let line = format!("{} {} refs/heads/main", shell.git.a, shell.git.b);
    let paths = ["../../../../../../etc", "/srv/x", "../../../..", "../../../../../x", "a\0b", "a\nb", "a:b"];
    for path in paths {
        let alternates =
            json!({ "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE": ["objects", path] }).to_string();
        for mut further in [env(path), json!({ "env": alternates })] {
            assert_eq!(shell.push_with(14, &line, further.clone()).await, refused("env"), "{path:?}");
            further["relative_path"] = json!(OWN);
            assert_eq!(shell.push_with(14, &line, further.clone()).await, refused("env"), "{path:?}");
            further["action"] = json!("git-upload-pack");
            assert_eq!(shell.push_with(14, &line, further).await, refused("env"), "{path:?}");
        }
    }
    for path in ["../x", "/x", "@hashed/../../x.git", "."] {
        let further = json!({ "relative_path": path });
        assert_eq!(shell.push_with(14, &line, further).await, refused("relative_path"), "{path:?}");
    }
    assert_eq!(gitaly.methods(), Vec::<&str>::new());
}

/// With `inspect: local`, a path through a symbolic link that leaves the storage is rejected.
#[testkit::test]
async fn links_out_of_the_local_storage_are_refused(database: Database) {
    let (storage, copy) = copy_of_p();
    let outside = TempDir::new().unwrap();
    let other = outside.path().join("other.git");
    git::init(&other);
    std::os::unix::fs::symlink("/", copy.join("objects/root")).unwrap();
    std::os::unix::fs::symlink(other.join("objects"), copy.join("objects/other")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("missing"), copy.join("objects/missing")).unwrap();
    std::os::unix::fs::symlink(&other, storage.path().join("other.git")).unwrap();
    let shell = shell_api_at(database, storage.path(), &[]).await;
    let line = format!("{} {} refs/heads/main", shell.git.a, shell.git.b);
    for path in
        ["objects/root", "objects/root/tmp", "objects/other", "objects/missing", "../../../../other.git"]
    {
        assert_eq!(shell.push_with(14, &line, env(path)).await, refused("env"), "{path}");
    }
    let elsewhere = json!({ "relative_path": "other.git" });
    assert_eq!(shell.push_with(14, &line, elsewhere).await, refused("relative_path"));
    // A link that stays inside the storage is followed.
    std::os::unix::fs::symlink(copy.join("objects"), copy.join("objects/inside")).unwrap();
    assert_eq!(verdict(&shell.push_with(14, &line, env("objects/inside")).await), ALLOWED);
    assert_eq!(repositories().path.join(OWN), git::project(&repositories().path, P, ""));
}

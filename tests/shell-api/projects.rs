//! Settings and states of projects and groups.
use super::shell_api;
use super::support::{ALLOWED, NO_DOWNLOAD, NOT_FOUND, refusal, verdict};
use database::memberships::Source;
use domain::Role;
use serde_json::json;
use testkit::fixture;

const NO_PUSH: (u16, &str) = (401, "You are not allowed to push code to this project.");
const NO_DEPLOY_PUSH: (u16, &str) = (401, "This deploy key does not have write access to this project.");
const ARCHIVED: (u16, &str) = (401, "You can't push code to an archived project.");

#[testkit::test]
async fn repository_access_can_be_limited_to_members_or_disabled(database: Database) {
    fixture::member(&mut database.open(), 3, Source::Project(fixture::Q), Role::GUEST);
    let shell = shell_api(database).await;
    shell.sql(
        "UPDATE project_features SET repository_access_level = 0 WHERE project_id = 3;
            UPDATE project_features SET repository_access_level = 10 WHERE project_id = 4",
    );
    assert_eq!(verdict(&shell.clone(17, "grp/p").await), NO_DOWNLOAD);
    assert_eq!(verdict(&shell.push_any(17, "grp/p").await), NO_PUSH);
    assert_eq!(verdict(&shell.clone(15, "grp/pub").await), NO_DOWNLOAD);
    assert_eq!(verdict(&shell.clone(12, "grp/pub").await), ALLOWED);
}

#[testkit::test]
async fn developers_push(database: Database) {
    let shell = shell_api(database).await;
    let (status, body) = shell.push_any(11, "grp/p").await;
    assert_eq!((status, &body["gitaly"]["features"]), (200, &json!({})));
    assert_eq!(verdict(&shell.push_any(13, "grp/p").await), NO_PUSH);
    for (key, expected) in [(11, ALLOWED), (13, NO_PUSH), (17, ALLOWED)] {
        let blank = json!({ "key_id": key, "action": "git-receive-pack", "changes": null });
        assert_eq!(verdict(&shell.allowed(blank).await), expected);
    }
    let archive = json!({ "key_id": 13, "action": "git-upload-archive" });
    assert_eq!(verdict(&shell.allowed(archive).await), ALLOWED);
    let unknown = (401, "The command you're trying to execute is not allowed.");
    assert_eq!(verdict(&shell.allowed(json!({ "key_id": 11, "action": "git-frob" })).await), unknown);
}

#[testkit::test]
async fn archived_and_read_only_projects_can_be_pulled_but_not_pushed(database: Database) {
    let shell = shell_api(database).await;
    let read_only = (401, "The repository is temporarily read-only. Please try again later.");
    for (change, undo, expected) in [
        ("UPDATE projects SET archived = true", "UPDATE projects SET archived = false", ARCHIVED),
        (
            "UPDATE namespace_settings SET archived = true WHERE namespace_id = 20",
            "UPDATE namespace_settings SET archived = false",
            ARCHIVED,
        ),
        (
            "UPDATE projects SET marked_for_deletion_at = '2020-01-01'",
            "UPDATE projects SET marked_for_deletion_at = NULL",
            ARCHIVED,
        ),
        (
            "UPDATE projects SET repository_read_only = true",
            "UPDATE projects SET repository_read_only = NULL",
            read_only,
        ),
        (
            "UPDATE namespace_settings SET repository_read_only = true WHERE namespace_id = 20",
            "UPDATE namespace_settings SET repository_read_only = false",
            read_only,
        ),
    ] {
        shell.sql(change);
        assert_eq!(verdict(&shell.push_any(11, "grp/p").await), expected, "{change}");
        assert_eq!(verdict(&shell.clone(11, "grp/p").await), ALLOWED, "{change}");
        shell.sql(undo);
    }
    for change in ["pending_delete = true", "hidden = true"] {
        shell.sql(&format!(
            "UPDATE projects SET pending_delete = false, hidden = false; UPDATE projects SET {change}"
        ));
        assert_eq!(verdict(&shell.clone(11, "grp/p").await), NOT_FOUND, "{change}");
    }
}

/// The location of a repository comes from the project's columns, because `project_repositories` may be
/// stale.
#[testkit::test]
async fn the_storage_of_a_project_is_its_own_column(database: Database) {
    let shell = shell_api(database).await;
    shell.sql(
        "INSERT INTO shards (id, name) VALUES (2, 'blind');
         INSERT INTO project_repositories (id, shard_id, disk_path, project_id)
         VALUES (1, 1, 'elsewhere/x', 4), (2, 1, 'elsewhere/y', 3);
         UPDATE projects SET repository_storage = 'blind' WHERE id IN (3, 4)",
    );
    for (path, suffix, id) in [("grp/pub", "", 4), ("grp/p.wiki", ".wiki", 3)] {
        let (status, body) = shell.clone(11, path).await;
        let gitaly = &body["gitaly"];
        let expected = format!("{}{suffix}.git", domain::hashed_path("@hashed", id));
        assert_eq!(
            (status, &gitaly["repository"]["storage_name"], &gitaly["repository"]["relative_path"]),
            (200, &json!("blind"), &json!(expected)),
            "{path}"
        );
        assert_eq!((&gitaly["address"], &gitaly["token"]), (&json!("tcp://gitaly:8075"), &json!("s3cret")));
    }
    shell.sql("UPDATE projects SET repository_storage = 'unknown' WHERE id = 4");
    assert_eq!(shell.clone(11, "grp/pub").await, (500, json!({ "message": "500 Internal Server Error" })));
    shell.sql("UPDATE projects SET storage_version = NULL, repository_storage = 'blind' WHERE id = 4");
    assert_eq!(shell.clone(11, "grp/pub").await.1["gitaly"]["repository"]["relative_path"], "grp/pub.git");
}

#[testkit::test]
async fn a_repository_that_does_not_exist_is_reported(database: Database) {
    let shell = shell_api(database).await;
    shell.sql("UPDATE projects SET storage_version = NULL WHERE id = 4");
    let missing = refusal("A repository for this project does not exist yet.");
    assert_eq!(shell.clone(11, "grp/pub").await, (404, missing));
}

#[testkit::test]
async fn deploy_keys_reach_their_projects(database: Database) {
    let shell = shell_api(database).await;
    let (status, body) = shell.clone(30, "grp/p").await;
    assert_eq!(
        (status, &body["gl_key_type"], &body["gl_key_id"], &body["gl_id"]),
        (200, &json!("deploy_key"), &json!(30), &json!("user-5"))
    );
    assert_eq!(verdict(&shell.push_any(30, "grp/p").await), NO_DEPLOY_PUSH);
    assert_eq!(verdict(&shell.push_any(31, "grp/p").await), ALLOWED);
    assert_eq!(verdict(&shell.clone(31, "grp/empty").await), NOT_FOUND);
    shell.sql("UPDATE users SET state = 'blocked' WHERE id = 5");
    let (a, b) = (&shell.git.a, &shell.git.b);
    assert_eq!(verdict(&shell.push_any(31, "grp/p").await), ALLOWED);
    assert_eq!(verdict(&shell.push(31, &format!("{a} {b} refs/heads/f\n")).await), NO_PUSH);
    shell.sql("UPDATE keys SET user_id = NULL WHERE id = 30");
    assert_eq!(shell.clone(30, "grp/p").await.1["gl_id"], "");
}

#[testkit::test]
async fn old_path_redirects_until_another_project_uses_it(database: Database) {
    let shell = shell_api(database).await;
    shell.sql(
        "INSERT INTO redirect_routes (id, source_id, source_type, path, created_at, updated_at) VALUES \
        (1, 3, 'Project', 'grp/Old', '2020-01-01', '2020-01-01')",
    );
    let (status, body) = shell.clone(11, "grp/old.git").await;
    assert_eq!((status, &body["gl_project_path"]), (200, &json!("grp/p")));
    fixture::project(&mut shell.service.database.open(), 70, "grp/old", 20, 20);
    shell.sql("UPDATE projects SET repository_storage = 'blind' WHERE id = 70");
    assert_eq!(shell.clone(11, "grp/old").await.1["gl_project_id"], 70);
}

#[testkit::test]
async fn gl_repository_takes_precedence(database: Database) {
    let shell = shell_api(database).await;
    let by = |name: &str, project| json!({ "key_id": 11, "gl_repository": name, "project": project });
    assert_eq!(verdict(&shell.allowed(by("project-3", json!("/abs/path.git"))).await), ALLOWED);
    for name in ["foo", "project-x", "project-0"] {
        let reason = format!("Invalid GL Repository \"{name}\"");
        let expected = json!({ "message": format!("400 Bad request - {reason}"), "error": reason });
        assert_eq!(shell.allowed(by(name, json!(null))).await, (400, expected));
    }
    let unknown = (404, "The namespace you were looking for could not be found.");
    assert_eq!(verdict(&shell.allowed(by("project-999", json!(null))).await), unknown);
    assert_eq!(verdict(&shell.clone(11, "foo").await), unknown);
    assert_eq!(verdict(&shell.clone(11, "grp/nope").await), NOT_FOUND);
}

#[testkit::test]
async fn wikis_and_designs_have_rules_of_their_own(database: Database) {
    let shell = shell_api(database).await;
    let (status, body) = shell.clone(13, "grp/p.wiki.git").await;
    assert_eq!(
        (status, &body["gl_repository"], &body["gl_project_path"]),
        (200, &json!("wiki-3"), &json!("grp/p.wiki"))
    );
    let no_push = (401, "You are not allowed to write to this project's wiki.");
    assert_eq!(verdict(&shell.push_any(13, "grp/p.wiki").await), no_push);
    assert_eq!(verdict(&shell.push_any(11, "grp/p.wiki").await), ALLOWED);
    let missing = (404, "The wiki you were looking for could not be found.");
    assert_eq!(verdict(&shell.clone(15, "grp/p.wiki").await), missing);
    assert_eq!(verdict(&shell.clone(15, "grp/nope.wiki").await), missing);
    shell.sql("UPDATE project_features SET wiki_access_level = 0 WHERE project_id = 3");
    assert_eq!(
        verdict(&shell.clone(13, "grp/p.wiki").await),
        (401, "You are not allowed to download files from this wiki.")
    );
    let design = |key: i64, protocol: &str| {
        json!({ "key_id": key, "gl_repository": "design-3",
        "protocol": protocol })
    };
    let web_only = (401, "Designs are only accessible using the web interface");
    assert_eq!(verdict(&shell.allowed(design(11, "ssh")).await), web_only);
    assert_eq!(
        verdict(&shell.allowed(design(13, "web")).await),
        (401, "You are not allowed to manage designs of this project")
    );
    assert_eq!(verdict(&shell.allowed(design(11, "web")).await), ALLOWED);
}

#[testkit::test]
async fn snippets_belong_to_people_or_projects(database: Database) {
    fixture::run(
        &mut database.open(),
        "INSERT INTO snippets (id, author_id, type, organization_id) VALUES \
        (9, 2, 'PersonalSnippet', 1);
            INSERT INTO snippets (id, author_id, type, project_id) VALUES (8, 2, 'ProjectSnippet', 3);
            INSERT INTO shards (id, name) VALUES (2, 'blind');
            INSERT INTO snippet_repositories (snippet_id, shard_id, disk_path) VALUES (9, 2, '@snippets/9'), \
                (8, 2, '@snippets/8')",
    );
    let shell = shell_api(database).await;
    let (status, body) = shell.clone(11, "snippets/9.git").await;
    assert_eq!(
        (status, &body["gl_repository"], &body["gl_project_id"], &body["gl_project_path"]),
        (200, &json!("snippet-9"), &json!(null), &json!("snippets/9"))
    );
    assert_eq!(
        verdict(&shell.clone(12, "snippets/9.git").await),
        (401, "You are not allowed to read this snippet.")
    );
    let (status, body) = shell.clone(12, "grp/p/snippets/8.git").await;
    assert_eq!(
        (status, &body["gl_project_id"], &body["gl_project_path"]),
        (200, &json!(3), &json!("grp/p/snippets/8"))
    );
    let missing = (404, "The snippet you were looking for could not be found.");
    assert_eq!(verdict(&shell.clone(11, "snippets/999.git").await), missing);
    assert_eq!(verdict(&shell.clone(15, "grp/p/snippets/8.git").await), missing);
    // A snippet is found only by its own path.
    for path in [
        "snippets/8",
        "grp/pub/snippets/8.git",
        "other/x/snippets/8.git",
        "grp/p/snippets/9",
        "other/x/snippets/9",
    ] {
        assert_eq!(verdict(&shell.clone(11, path).await), missing, "{path}");
    }
    assert_eq!(verdict(&shell.allowed(json!({ "key_id": 11, "gl_repository": "snippet-8" })).await), ALLOWED);
    shell.sql(
        "INSERT INTO redirect_routes (source_id, source_type, path, created_at, updated_at) VALUES (3, \
        'Project', 'grp/was', '2020-01-01', '2020-01-01')",
    );
    assert_eq!(verdict(&shell.push_any(14, "grp/was/snippets/8.git").await), ALLOWED);
    let (_, told) = shell.post_receive_of("snippet-8", "key-14", "").await;
    let moved = "Project 'grp/was/snippets/8' was moved to 'grp/p/snippets/8'.\n\nPlease update your Git \
        remote:\n\n  git remote set-url origin git@gitlab.example.com:grp/p/snippets/8.git\n";
    assert_eq!(told["messages"], json!([{ "message": moved, "type": "basic" }]));
    assert_eq!(
        verdict(&shell.clone(31, "grp/p/snippets/8.git").await),
        (401, "The authentication mechanism is not supported.")
    );
    assert_eq!(
        verdict(&shell.push_any(13, "grp/p/snippets/8.git").await),
        (401, "You are not allowed to update this snippet.")
    );
    assert_eq!(verdict(&shell.push_any(14, "grp/p/snippets/8.git").await), ALLOWED);
}

#[testkit::test]
async fn the_top_level_group_decides_from_where(database: Database) {
    let shell = shell_api(database).await;
    let ask = |further: serde_json::Value| {
        let mut body = json!({ "key_id": 11 });
        body.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        shell.allowed(body)
    };
    shell.sql(
        "INSERT INTO ip_restrictions (id, group_id, range) VALUES (1, 20, '10.0.0.0/8'), (2, 20, \
        '2001:db8::/32')",
    );
    for (ip, expected) in
        [("1.2.3.4", NOT_FOUND), ("10.1.1.1", ALLOWED), ("2001:db8::1", ALLOWED), ("", ALLOWED)]
    {
        assert_eq!(verdict(&ask(json!({ "check_ip": ip })).await), expected, "{ip}");
    }
    for (namespace, expected) in
        [("other", NOT_FOUND), ("grp", ALLOWED), ("GRP", ALLOWED), ("gr", NOT_FOUND), ("grp/p", NOT_FOUND)]
    {
        assert_eq!(verdict(&ask(json!({ "namespace_path": namespace })).await), expected, "{namespace}");
    }
    shell.sql("UPDATE namespace_settings SET enforce_ssh_certificates = true WHERE namespace_id = 20");
    assert_eq!(verdict(&ask(json!({})).await), NOT_FOUND);
    assert_eq!(verdict(&ask(json!({ "namespace_path": "grp" })).await), ALLOWED);
    assert_eq!(verdict(&ask(json!({ "protocol": "http" })).await), ALLOWED);
    shell.sql(
        "INSERT INTO namespace_bans (id, namespace_id, user_id, created_at, updated_at) VALUES (1, 20, \
        2, '2020-01-01', '2020-01-01')",
    );
    assert_eq!(verdict(&ask(json!({ "namespace_path": "grp" })).await), NOT_FOUND);
    shell.sql(
        "DELETE FROM namespace_bans; UPDATE namespace_settings SET enforce_ssh_certificates = false, \
        enabled_git_access_protocol = 2 WHERE namespace_id = 20",
    );
    assert_eq!(verdict(&ask(json!({})).await), (401, "Git access over SSH is not allowed"));
    assert_eq!(verdict(&ask(json!({ "protocol": "HTTP" })).await), ALLOWED);
}

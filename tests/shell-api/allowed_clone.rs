//! Permission to clone, by role, visibility and kind of repository.
use super::shell_api;
use super::support::{ALLOWED, NO_DOWNLOAD, NOT_FOUND, refusal, verdict};
use serde_json::json;
use testkit::fixture;

#[testkit::test]
async fn allowed_returns_the_location_of_the_repository(database: Database) {
    let shell = shell_api(database).await;
    let expected = json!({
        "status": true,
        "gl_repository": "project-3",
        "gl_project_path": "grp/p",
        "gl_project_id": 3,
        "gl_root_namespace_id": 20,
        "gl_id": "user-2",
        "gl_username": "alice",
        "git_config_options": [],
        "gitaly": {
            "repository": {
                "storage_name": "default",
                "relative_path": "@hashed/4e/07/\
                    4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce.git",
                "git_object_directory": "",
                "git_alternate_object_directories": [],
                "gl_repository": "project-3",
                "gl_project_path": "grp/p",
            },
            "address": "unix:/run/gitaly.socket",
            "token": null,
            "features": {},
        },
        "gl_console_messages": [],
        "need_audit": false,
        "gl_key_type": "key",
        "gl_key_id": 11,
    });
    assert_eq!(shell.clone(11, "grp/p").await, (200, expected));
}

#[testkit::test]
async fn path_is_accepted_in_many_spellings(database: Database) {
    let shell = shell_api(database).await;
    for path in ["/grp/p.git", "grp/p.git", "GRP/P", "grp/p"] {
        assert_eq!(verdict(&shell.clone(11, path).await), ALLOWED, "{path}");
    }
}

#[testkit::test]
async fn roles_and_visibility_decide(database: Database) {
    fixture::run(&mut database.open(), "UPDATE projects SET visibility_level = 0 WHERE id = 6");
    let shell = shell_api(database).await;
    for (key, project, expected) in [
        (13, "grp/p", ALLOWED),
        (12, "grp/p", NO_DOWNLOAD),
        (12, "grp/pub", ALLOWED),
        (15, "grp/p", NOT_FOUND),
        (15, "grp/int", ALLOWED),
        (18, "grp/int", NOT_FOUND),
        (999, "grp/p", NOT_FOUND),
        (40, "grp/p", NOT_FOUND),
        (17, "grp/p", ALLOWED),
        (30, "grp/p", ALLOWED),
    ] {
        assert_eq!(verdict(&shell.clone(key, project).await), expected, "{key} {project}");
    }
    assert_eq!(shell.clone(12, "grp/p").await, (401, refusal(NO_DOWNLOAD.1)));
    assert_eq!(shell.clone(15, "grp/p").await, (404, refusal(NOT_FOUND.1)));
}

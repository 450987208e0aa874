//! Protected branches and tags.
use super::shell_api;
use super::support::{ALLOWED, Shell, Z, refusal, verdict};
use serde_json::json;
use testkit::fixture::{self, P, THEN};

pub const PUSH: (u16, &str) =
    (401, "You are not allowed to push code to protected branches on this project.");
pub const FORCE: (u16, &str) =
    (401, "You are not allowed to force push code to a protected branch on this project.");
const CREATE: (u16, &str) = (401, "You are not allowed to create protected branches on this project.");
const CREATE_BASE: (u16, &str) =
    (401, "You can only use an existing protected branch ref as the basis of a new protected branch.");
const CREATE_WEB: (u16, &str) =
    (401, "You can only create protected branches using the web interface and API.");
const DELETE: (u16, &str) = (
    401,
    "You are not allowed to delete protected branches from this project. Only a project maintainer or owner \
     can delete a protected branch.",
);
const DELETE_WEB: (u16, &str) = (401, "You can only delete protected branches using the web interface.");
const TAG_CREATE: (u16, &str) = (401, "You are not allowed to create this tag as it is protected.");
const TAG_UPDATE: (u16, &str) = (401, "Protected tags cannot be updated.");
const TAG_DELETE: (u16, &str) = (
    401,
    "You are not allowed to delete protected tags from this project. Only a project maintainer or owner can \
     delete a protected tag.",
);
const TAG_DELETE_WEB: (u16, &str) = (401, "You can only delete protected tags using the web interface.");

/// Compares the verdicts over SSH and for changes by GitLab itself.
async fn expect(shell: &Shell, key: i64, changes: &str, ssh: (u16, &str), web: (u16, &str)) {
    assert_eq!(verdict(&shell.push(key, changes).await), ssh, "{key} over ssh: {changes}");
    let from_the_web = shell.push_with(key, changes, json!({ "protocol": "web" })).await;
    assert_eq!(verdict(&from_the_web), web, "{key} over the web: {changes}");
}

/// Statements that replace the push access levels of `main` by one with this column.
fn only_push_level(column: &str, value: i64) -> String {
    format!(
        "DELETE FROM protected_branch_push_access_levels WHERE protected_branch_id = 1;
         INSERT INTO protected_branch_push_access_levels (protected_branch_id, {column}, created_at, \
             updated_at)
         VALUES (1, {value}, '{THEN}', '{THEN}');"
    )
}

#[testkit::test]
async fn updates_need_the_rule_and_a_fast_forward(database: Database) {
    let shell = shell_api(database).await;
    let (a, b, c) = (&shell.git.a, &shell.git.b, &shell.git.c);
    let forward = format!("{a} {b} refs/heads/main");
    expect(&shell, 11, &forward, PUSH, PUSH).await;
    expect(&shell, 14, &forward, ALLOWED, ALLOWED).await;
    assert_eq!(shell.push(11, &forward).await, (401, refusal(PUSH.1)));
    for forced in [format!("{b} {a} refs/heads/main"), format!("{b} {c} refs/heads/main")] {
        expect(&shell, 14, &forced, FORCE, FORCE).await;
        expect(&shell, 11, &forced, FORCE, FORCE).await;
    }
    expect(&shell, 14, &format!("{b} {a} refs/heads/release/1"), ALLOWED, ALLOWED).await;
    expect(&shell, 11, &format!("{b} {a} refs/heads/release/1"), PUSH, PUSH).await;
}

#[testkit::test]
async fn protected_branch_is_created_from_a_protected_branch(database: Database) {
    fixture::protect_branch(&mut database.open(), 9, P, "stable/*", false, 40, 30);
    let shell = shell_api(database).await;
    let (b, c) = (&shell.git.b, &shell.git.c);
    expect(&shell, 11, &format!("{Z} {b} refs/heads/release/2"), CREATE, CREATE).await;
    expect(&shell, 14, &format!("{Z} {b} refs/heads/release/2"), ALLOWED, ALLOWED).await;
    expect(&shell, 14, &format!("{Z} {c} refs/heads/stable/1"), ALLOWED, ALLOWED).await;
    expect(&shell, 11, &format!("{Z} {c} refs/heads/stable/1"), CREATE_BASE, CREATE_BASE).await;
    expect(&shell, 11, &format!("{Z} {b} refs/heads/stable/1"), CREATE_WEB, ALLOWED).await;
    let unknown = "1".repeat(40);
    expect(&shell, 11, &format!("{Z} {unknown} refs/heads/stable/1"), CREATE_BASE, CREATE_BASE).await;
}

#[testkit::test]
async fn deletion_is_for_maintainers_in_the_web_interface(database: Database) {
    let shell = shell_api(database).await;
    let change = format!("{} {Z} refs/heads/release/1", shell.git.b);
    expect(&shell, 14, &change, DELETE_WEB, ALLOWED).await;
    expect(&shell, 11, &change, DELETE, DELETE).await;
    // The deploy key of a maintainer.
    expect(&shell, 31, &change, DELETE_WEB, ALLOWED).await;
}

#[testkit::test]
async fn protected_tags_cannot_be_changed(database: Database) {
    let shell = shell_api(database).await;
    let (a, b) = (&shell.git.a, &shell.git.b);
    expect(&shell, 11, &format!("{Z} {a} refs/tags/v2"), TAG_CREATE, TAG_CREATE).await;
    expect(&shell, 14, &format!("{Z} {a} refs/tags/v2"), ALLOWED, ALLOWED).await;
    expect(&shell, 14, &format!("{a} {b} refs/tags/v1"), TAG_UPDATE, TAG_UPDATE).await;
    expect(&shell, 11, &format!("{a} {b} refs/tags/v1"), TAG_UPDATE, TAG_UPDATE).await;
    expect(&shell, 14, &format!("{a} {Z} refs/tags/v1"), TAG_DELETE_WEB, ALLOWED).await;
    expect(&shell, 11, &format!("{a} {Z} refs/tags/v1"), TAG_DELETE, TAG_DELETE).await;
    // The deploy key of a maintainer.
    expect(&shell, 31, &format!("{Z} {a} refs/tags/v2"), ALLOWED, ALLOWED).await;
}

#[testkit::test]
async fn star_matches_any_characters(database: Database) {
    fixture::protect_branch(&mut database.open(), 9, P, "*-stable", false, 40, 40);
    fixture::protect_branch(&mut database.open(), 10, P, "a.b", false, 40, 40);
    let shell = shell_api(database).await;
    let b = &shell.git.b;
    for (name, expected) in [
        ("x-stable", CREATE),
        ("1-2-stable", CREATE),
        ("x/y-stable", CREATE),
        ("x-stable2", ALLOWED),
        ("x-Stable", ALLOWED),
        ("a.b", CREATE),
        ("aXb", ALLOWED),
        ("release", ALLOWED),
        ("Main", ALLOWED),
        ("xmain", ALLOWED),
    ] {
        expect(&shell, 11, &format!("{Z} {b} refs/heads/{name}"), expected, expected).await;
    }
}

#[testkit::test]
async fn access_levels_are_none_roles_and_administrators(database: Database) {
    let shell = shell_api(database).await;
    let change = format!("{} {} refs/heads/main", shell.git.a, shell.git.b);
    for (level, mia, root, alice) in [
        (0, PUSH, PUSH, PUSH),
        (30, ALLOWED, PUSH, ALLOWED),
        (40, ALLOWED, PUSH, PUSH),
        (60, PUSH, ALLOWED, PUSH),
    ] {
        shell.sql(&only_push_level("access_level", level));
        expect(&shell, 14, &change, mia, mia).await;
        expect(&shell, 17, &change, root, root).await;
        expect(&shell, 11, &change, alice, alice).await;
    }
    // A rule without access levels allows nobody, and one matching rule that allows the push is enough.
    shell.sql("DELETE FROM protected_branch_push_access_levels WHERE protected_branch_id = 1");
    expect(&shell, 14, &change, PUSH, PUSH).await;
    fixture::protect_branch(&mut shell.service.database.open(), 9, P, "ma*", false, 30, 30);
    expect(&shell, 11, &change, ALLOWED, ALLOWED).await;
}

/// A rule that names a deploy key allows its owner to push, in person or with any write key.
#[testkit::test]
async fn protection_rule_can_name_a_deploy_key(database: Database) {
    let mut conn = database.open();
    fixture::deploy_key(&mut conn, 35, Some(2), P, true);
    fixture::deploy_key(&mut conn, 36, Some(2), P, true);
    fixture::deploy_key(&mut conn, 37, Some(6), P, true);
    fixture::deploy_key(&mut conn, 38, Some(2), P, false);
    let shell = shell_api(database).await;
    let change = format!("{} {} refs/heads/main", shell.git.a, shell.git.b);
    expect(&shell, 31, &change, ALLOWED, ALLOWED).await;
    expect(&shell, 35, &change, PUSH, PUSH).await;
    shell.sql(&only_push_level("deploy_key_id", 35));
    for (key, expected) in [(35, ALLOWED), (11, ALLOWED), (36, ALLOWED), (31, PUSH), (14, PUSH)] {
        expect(&shell, key, &change, expected, expected).await;
    }
    // A rule that names a key without write access allows nobody.
    shell.sql(&only_push_level("deploy_key_id", 38));
    for key in [11, 35] {
        expect(&shell, key, &change, PUSH, PUSH).await;
    }
    let no_write = (401, "This deploy key does not have write access to this project.");
    expect(&shell, 38, &change, no_write, no_write).await;
    // The owner may not read the project.
    shell.sql(&only_push_level("deploy_key_id", 37));
    expect(&shell, 37, &change, crate::push::NO_PUSH, crate::push::NO_PUSH).await;
    shell.sql(&only_push_level("access_level", 0));
    expect(&shell, 31, &change, PUSH, PUSH).await;
}

#[testkit::test]
async fn protection_rule_can_name_a_user_or_a_group(database: Database) {
    let mut conn = database.open();
    fixture::group(&mut conn, 50, "x", None);
    fixture::group(&mut conn, 51, "weak", None);
    for group in [50, 51] {
        fixture::member(&mut conn, 6, database::memberships::Source::Group(group), domain::Role::DEVELOPER);
        let access = if group == 50 { 30 } else { 20 };
        fixture::run(
            &mut conn,
            &format!(
                "INSERT INTO project_group_links (project_id, group_id, group_access, created_at, \
                 updated_at) VALUES ({P}, {group}, {access}, '{THEN}', '{THEN}');"
            ),
        );
    }
    fixture::recompute(&mut conn);
    let shell = shell_api(database).await;
    let change = format!("{} {} refs/heads/main", shell.git.a, shell.git.b);
    shell.sql(&only_push_level("user_id", 2));
    for (key, expected) in [(11, ALLOWED), (14, PUSH), (15, PUSH)] {
        expect(&shell, key, &change, expected, expected).await;
    }
    // An administrator who is named but is not a member may read the project, but not push to `main`.
    shell.sql(&only_push_level("user_id", 1));
    expect(&shell, 17, &change, PUSH, PUSH).await;
    shell.sql(&only_push_level("group_id", 50));
    for (key, expected) in [(15, ALLOWED), (11, PUSH), (14, PUSH)] {
        expect(&shell, key, &change, expected, expected).await;
    }
    shell.sql(&only_push_level("group_id", 51));
    expect(&shell, 15, &change, PUSH, PUSH).await;
}

#[testkit::test]
async fn rules_of_the_top_level_group_apply(database: Database) {
    let shell = shell_api(database).await;
    let (a, b) = (&shell.git.a, &shell.git.b);
    let change = format!("{a} {b} refs/heads/shared");
    expect(&shell, 11, &change, ALLOWED, ALLOWED).await;
    shell.sql("INSERT INTO protected_branches (id, namespace_id, name) VALUES (9, 20, 'sha*')");
    expect(&shell, 11, &change, PUSH, PUSH).await;
    expect(&shell, 14, &format!("{b} {a} refs/heads/shared"), FORCE, FORCE).await;
    shell.sql("INSERT INTO protected_branches (id, project_id, name) VALUES (10, 4, 'other')");
    expect(&shell, 11, &format!("{a} {b} refs/heads/other"), ALLOWED, ALLOWED).await;
}

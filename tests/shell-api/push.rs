//! Pushes to unprotected refs, and forbidden names.
use super::support::{ALLOWED, Z, refusal, verdict};
use super::{Shell, shell_api};
use serde_json::json;

pub const NO_PUSH: (u16, &str) = (401, "You are not allowed to push code to this project.");
const SHA_BRANCH: (u16, &str) = (401, "You cannot create a branch with a SHA-1 or SHA-256 branch name.");
const INVALID_BRANCH: (u16, &str) = (401, "You cannot create a branch with an invalid name.");
const SHA_TAG: (u16, &str) = (401, "You cannot create a tag with a SHA-1 or SHA-256 tag name.");
const PROHIBITED_TAG: (u16, &str) = (401, "You cannot create a tag with a prohibited pattern.");
const TAG_AS_BRANCH: (u16, &str) = (401, "You cannot use default branch name to create a tag");
const DEFAULT_BRANCH: (u16, &str) = (401, "The default branch of a project cannot be deleted.");

/// Sends a request for each change.
async fn expect(shell: &Shell, cases: &[(i64, String, (u16, &str))]) {
    for (key, changes, expected) in cases {
        assert_eq!(verdict(&shell.push(*key, changes).await), *expected, "{key}: {changes}");
    }
}

#[testkit::test]
async fn developers_push_branches(database: Database) {
    let shell = shell_api(database).await;
    let (a, b) = (&shell.git.a, &shell.git.b);
    let no_write = (401, "This deploy key does not have write access to this project.");
    for change in [
        format!("{a} {b} refs/heads/f\n"),
        format!("{Z} {b} refs/heads/f\n"),
        format!("{a} {Z} refs/heads/f\n"),
    ] {
        let cases = [
            (11, ALLOWED),
            (14, ALLOWED),
            (31, ALLOWED),
            (17, ALLOWED),
            (13, NO_PUSH),
            (12, NO_PUSH),
            (30, no_write),
        ];
        expect(&shell, &cases.map(|(key, expected)| (key, change.clone(), expected))).await;
    }
    let (status, body) = shell.push(11, &format!("{a} {b} refs/heads/f")).await;
    assert_eq!(
        (status, &body["gl_id"], &body["gl_repository"]),
        (200, &json!("user-2"), &json!("project-3"))
    );
    assert_eq!(shell.push(13, &format!("{a} {b} refs/heads/f")).await, (401, refusal(NO_PUSH.1)));
}

#[testkit::test]
async fn default_branch_cannot_be_deleted(database: Database) {
    let shell = shell_api(database).await;
    let change = format!("{} {Z} refs/heads/main", shell.git.b);
    expect(&shell, &[11, 14, 17].map(|key| (key, change.clone(), DEFAULT_BRANCH))).await;
    let from_the_web = shell.push_with(14, &change, json!({ "protocol": "web" })).await;
    assert_eq!(verdict(&from_the_web), DEFAULT_BRANCH);
}

/// A name that starts with 40 hexadecimal digits, in either letter case, could be mistaken for an object id.
#[testkit::test]
async fn branch_name_must_not_look_like_a_commit_id(database: Database) {
    let shell = shell_api(database).await;
    let (a, hex) = (&shell.git.a, "0123456789abcdef0123456789abcdef01234567");
    let (upper, mixed) = (hex.to_uppercase(), format!("{}{}", &hex[..20], hex[20..].to_uppercase()));
    for name in [
        hex.to_owned(),
        format!("{hex}x"),
        format!("{hex}/x"),
        format!("{hex}{}", &hex[..24]),
        format!("{upper}x"),
        upper,
        mixed,
        "AB".repeat(20),
    ] {
        expect(
            &shell,
            &[
                (11, format!("{Z} {a} refs/heads/{name}"), SHA_BRANCH),
                (11, format!("{a} {Z} refs/heads/{name}"), ALLOWED),
                (11, format!("{Z} {a} refs/tags/{name}"), SHA_TAG),
                (11, format!("{a} {Z} refs/tags/{name}"), ALLOWED),
            ],
        )
        .await;
    }
    for name in [&hex[..39], &hex[..39].to_uppercase(), &format!("x{hex}")] {
        expect(&shell, &[(11, format!("{Z} {a} refs/heads/{name}"), ALLOWED)]).await;
    }
}

#[testkit::test]
async fn ref_names_must_be_valid_in_git(database: Database) {
    let shell = shell_api(database).await;
    let a = &shell.git.a;
    for name in [
        "a..b",
        "-x",
        "x.lock",
        "HEAD",
        "refs/heads/x",
        "refs/remotes/x",
        "a b",
        "a~",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[",
        "a\\b",
        "a//b",
        "a@{b",
        "a/",
        "a.",
        ".a",
        "a/.b",
        "a.lock/b",
        "a\u{7f}",
        "a\u{1}",
    ] {
        expect(
            &shell,
            &[
                (11, format!("{Z} {a} refs/heads/{name}"), INVALID_BRANCH),
                (11, format!("{a} {Z} refs/heads/{name}"), ALLOWED),
                (11, format!("{Z} {a} refs/tags/{name}"), PROHIBITED_TAG),
                (11, format!("{a} {Z} refs/tags/{name}"), ALLOWED),
            ],
        )
        .await;
    }
    for name in ["a/b", "ü", "a-b_c.d", "a@b", "lock", "x.locks"] {
        expect(&shell, &[(11, format!("{Z} {a} refs/heads/{name}"), ALLOWED)]).await;
    }
}

#[testkit::test]
async fn developers_make_and_move_tags(database: Database) {
    let shell = shell_api(database).await;
    let (a, b) = (&shell.git.a, &shell.git.b);
    expect(
        &shell,
        &[
            (11, format!("{Z} {a} refs/tags/main"), TAG_AS_BRANCH),
            (14, format!("{Z} {a} refs/tags/main"), TAG_AS_BRANCH),
            (11, format!("{a} {b} refs/tags/t"), ALLOWED),
            (11, format!("{Z} {b} refs/tags/new"), ALLOWED),
            (11, format!("{a} {Z} refs/tags/t"), ALLOWED),
            (13, format!("{a} {b} refs/tags/t"), NO_PUSH),
            (11, format!("{Z} {a} refs/tags/refs/tags/x"), PROHIBITED_TAG),
        ],
    )
    .await;
}

#[testkit::test]
async fn other_refs_need_the_right_to_push(database: Database) {
    let shell = shell_api(database).await;
    let a = &shell.git.a;
    for name in ["refs/notes/commits", "refs/keep-around/x", "refs/merge-requests/1/head"] {
        expect(&shell, &[(11, format!("{Z} {a} {name}"), ALLOWED), (13, format!("{Z} {a} {name}"), NO_PUSH)])
            .await;
    }
}

#[testkit::test]
async fn first_refused_line_refuses_the_push(database: Database) {
    let shell = shell_api(database).await;
    let (a, b) = (&shell.git.a, &shell.git.b);
    let good = format!("{a} {b} refs/heads/f\n");
    let protected = format!("{a} {b} refs/heads/main\n");
    let invalid = format!("{Z} {b} refs/heads/a..b\n");
    let push_protected = (401, "You are not allowed to push code to protected branches on this project.");
    expect(
        &shell,
        &[
            (11, format!("{good}{good}\n\n"), ALLOWED),
            (11, format!("{good}{protected}"), push_protected),
            (11, format!("{good}{protected}{invalid}"), push_protected),
            (11, format!("{invalid}{protected}{good}"), INVALID_BRANCH),
        ],
    )
    .await;
}

#[testkit::test]
async fn invalid_changes_are_refused(database: Database) {
    let shell = shell_api(database).await;
    let (a, b) = (&shell.git.a, &shell.git.b);
    let bad = json!({ "message": "400 Bad request - changes is invalid", "error": "changes is invalid" });
    for changes in [
        "x y z".to_owned(),
        "gh-pages\\n".to_owned(),
        format!("{a} {b}"),
        format!("{a}  {b} refs/heads/f"),
        format!("--all {b} refs/heads/f"),
        format!("{a} HEAD refs/heads/f"),
        format!("{a} {b} refs/heads/f\nx"),
        format!("{a}\t{b}\trefs/heads/f"),
        format!("{a}{a} {b} refs/heads/f"),
    ] {
        assert_eq!(shell.push(11, &changes).await, (400, bad.clone()), "{changes}");
    }
    for changes in ["", " ", "\n", "_any"] {
        assert_eq!(verdict(&shell.push(11, changes).await), ALLOWED, "{changes:?}");
        assert_eq!(verdict(&shell.push(13, changes).await), NO_PUSH, "{changes:?}");
    }
}

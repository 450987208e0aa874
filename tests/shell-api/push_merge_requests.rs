//! Merge requests that let through what roles would not: row 120, and collaboration (B.2.5).
use super::push::NO_PUSH;
use super::push_protected::{FORCE, PUSH};
use super::shell_api;
use super::support::{ALLOWED, Shell, Z, verdict};
use database::memberships::Source;
use domain::Role;
use testkit::fixture::{self, P, Q};

const MERGE: (u16, &str) =
    (401, "You are not allowed to merge code into protected branches on this project.");

/// A merge request, by its source and its target; `further` are columns with values, after a comma each.
pub fn merge_request(iid: i64, source: (i64, &str), target: (i64, &str), further: &[(&str, &str)]) -> String {
    let names: String = further.iter().map(|(name, _)| format!(", {name}")).collect();
    let values: String = further.iter().map(|(_, value)| format!(", {value}")).collect();
    format!(
        "INSERT INTO merge_requests (iid, source_project_id, source_branch, target_project_id, target_branch{names})
         VALUES ({iid}, {}, '{}', {}, '{}'{values});",
        source.0, source.1, target.0, target.1
    )
}

async fn pushes(shell: &Shell, key: i64, branch: &str) -> (u16, String) {
    let answer = shell.push(key, &format!("{} {} refs/heads/{branch}", shell.git.a, shell.git.b)).await;
    let (status, message) = verdict(&answer);
    (status, message.to_owned())
}

fn owned((status, message): (u16, &str)) -> (u16, String) {
    (status, message.to_owned())
}

/// 120
#[testkit::test]
async fn a_merge_that_happens_now_needs_the_right_to_merge(database: Database) {
    let shell = shell_api(database).await;
    let (a, b, c) = (&shell.git.a, &shell.git.b, &shell.git.c);
    let commit = format!("'{b}'");
    let merging = [("state_id", "4"), ("in_progress_merge_commit_sha", commit.as_str())];
    assert_eq!(pushes(&shell, 11, "main").await, owned(PUSH));
    shell.sql(&merge_request(1, (P, "f"), (P, "main"), &merging));
    assert_eq!(pushes(&shell, 11, "main").await, owned(ALLOWED));
    assert_eq!(pushes(&shell, 13, "main").await, owned(NO_PUSH));
    // Another commit, another branch, a push that is no fast-forward: the merge request says nothing of these.
    let unknown = "1".repeat(40);
    assert_eq!(verdict(&shell.push(11, &format!("{a} {unknown} refs/heads/main")).await), FORCE);
    assert_eq!(verdict(&shell.push(11, &format!("{a} {a} refs/heads/main")).await), PUSH);
    assert_eq!(verdict(&shell.push(11, &format!("{c} {b} refs/heads/main")).await), FORCE);
    shell.sql(
        "UPDATE protected_branch_merge_access_levels SET access_level = 40 WHERE protected_branch_id = 1",
    );
    assert_eq!(pushes(&shell, 11, "main").await, owned(MERGE));
    assert_eq!(pushes(&shell, 14, "main").await, owned(ALLOWED));
    shell.sql(
        "UPDATE protected_branch_merge_access_levels SET access_level = 30 WHERE protected_branch_id = 1;
                   UPDATE merge_requests SET state_id = 1",
    );
    assert_eq!(pushes(&shell, 11, "main").await, owned(PUSH));
}

#[testkit::test]
async fn a_reviewer_may_push_to_the_branch_of_an_open_merge_request(database: Database) {
    let mut conn = database.open();
    fixture::member(&mut conn, 4, Source::Project(Q), Role::DEVELOPER);
    let shell = shell_api(database).await;
    assert_eq!(verdict(&shell.push_any(13, "grp/p").await), NO_PUSH);
    assert_eq!(pushes(&shell, 13, "f").await, owned(NO_PUSH));
    shell.sql(&merge_request(1, (P, "f"), (Q, "main"), &[("allow_maintainer_to_push", "true")]));
    assert_eq!(verdict(&shell.push_any(13, "grp/p").await), ALLOWED);
    assert_eq!(pushes(&shell, 13, "f").await, owned(ALLOWED));
    for branch in ["g", "F", "f/g", "main"] {
        assert_eq!(pushes(&shell, 13, branch).await, owned(NO_PUSH), "{branch}");
    }
    let (a, b) = (&shell.git.a, &shell.git.b);
    for change in [
        format!("{Z} {a} refs/tags/f"),
        format!("{a} {b} refs/heads/f\n{a} {b} refs/heads/g"),
        format!("{Z} {a} refs/notes/f"),
    ] {
        assert_eq!(verdict(&shell.push(13, &change).await), NO_PUSH, "{change}");
    }
    // A guest of this project who is nobody in the other.
    assert_eq!(verdict(&shell.push_any(12, "grp/p").await), NO_PUSH);
    for (change, back) in [
        ("state_id = 2", "state_id = 1"),
        ("state_id = 4", "state_id = 1"),
        ("allow_maintainer_to_push = false", "allow_maintainer_to_push = true"),
        ("target_project_id = 3", "target_project_id = 4"),
        ("source_project_id = 5", "source_project_id = 3"),
    ] {
        shell.sql(&format!("UPDATE merge_requests SET {change}"));
        assert_eq!(verdict(&shell.push_any(13, "grp/p").await), NO_PUSH, "{change}");
        assert_eq!(pushes(&shell, 13, "f").await, owned(NO_PUSH), "{change}");
        shell.sql(&format!("UPDATE merge_requests SET {back}"));
        assert_eq!(pushes(&shell, 13, "f").await, owned(ALLOWED), "{back}");
    }
    let mut conn = shell.service.database.open();
    fixture::member(&mut conn, 4, Source::Project(Q), Role::REPORTER);
    assert_eq!(pushes(&shell, 13, "f").await, owned(NO_PUSH));
}

#[testkit::test]
async fn collaboration_opens_no_protected_branch(database: Database) {
    let mut conn = database.open();
    fixture::member(&mut conn, 4, Source::Project(Q), Role::DEVELOPER);
    let shell = shell_api(database).await;
    shell.sql(&merge_request(1, (P, "main"), (Q, "main"), &[]));
    assert_eq!(pushes(&shell, 13, "main").await, owned(PUSH));
}

//! Merge requests that allow pushes beyond a role: merges in progress, and collaboration.
use super::push::NO_PUSH;
use super::push_protected::{FORCE, PUSH};
use super::shell_api;
use super::support::{ALLOWED, Shell, Z, verdict};
use database::memberships::Source;
use domain::Role;
use serde_json::json;
use testkit::fixture::{self, P, Q};

const MERGE: (u16, &str) =
    (401, "You are not allowed to merge code into protected branches on this project.");

/// A merge request by its source and target. Its author is mia unless `further` columns name another.
pub fn merge_request(iid: i64, source: (i64, &str), target: (i64, &str), further: &[(&str, &str)]) -> String {
    let author = [("author_id", "5")];
    let has_author = further.iter().any(|(name, _)| *name == "author_id");
    let further: Vec<&(&str, &str)> = further.iter().chain(author.iter().filter(|_| !has_author)).collect();
    let names: String = further.iter().map(|(name, _)| format!(", {name}")).collect();
    let values: String = further.iter().map(|(_, value)| format!(", {value}")).collect();
    format!(
        "INSERT INTO merge_requests (iid, source_project_id, source_branch, target_project_id, \
         target_branch{names})
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

/// A merge in progress needs only the right to merge.
#[testkit::test]
async fn running_merge_requires_the_right_to_merge(database: Database) {
    let shell = shell_api(database).await;
    let (a, b, c) = (&shell.git.a, &shell.git.b, &shell.git.c);
    let commit = format!("'{b}'");
    let merging = [("state_id", "4"), ("in_progress_merge_commit_sha", commit.as_str())];
    assert_eq!(pushes(&shell, 11, "main").await, owned(PUSH));
    shell.sql(&merge_request(1, (P, "f"), (P, "main"), &merging));
    assert_eq!(pushes(&shell, 11, "main").await, owned(ALLOWED));
    assert_eq!(pushes(&shell, 13, "main").await, owned(NO_PUSH));
    // The merge request does not allow another commit, another branch or a forced push.
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
    // A guest of this project who has no role in the other.
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

/// The fork `mia/fork`, with the repository of project P, and a merge request from its branch `f` to `main`
/// of P.
fn fork(conn: &mut database::Conn) {
    fixture::project(conn, FORK, "mia/fork", 1005, 0);
    fixture::member(conn, 5, Source::Project(FORK), Role::OWNER);
    // A storage that is not inspected: the branches that are pushed here are not protected.
    fixture::run(conn, &format!("UPDATE projects SET repository_storage = 'blind' WHERE id = {FORK}"));
    fixture::run(conn, &merge_request(1, (FORK, "f"), (P, "main"), &[("allow_maintainer_to_push", "true")]));
}

const FORK: i64 = 70;

/// Whether the key may push to branch `f` of the fork: before the changes are known, and with them.
async fn pushes_to_fork(shell: &Shell, key: i64) -> [(u16, String); 2] {
    let further = json!({ "gl_repository": format!("project-{FORK}") });
    let change = format!("{} {} refs/heads/f", shell.git.a, shell.git.b);
    let answers =
        [shell.push_with(key, &change, further.clone()).await, shell.push_with(key, "_any", further).await];
    answers.map(|answer| owned(verdict(&answer)))
}

/// Users who may push or merge to the target branch of a merge request may push to its source branch.
#[testkit::test]
async fn collaboration_needs_the_right_to_update_the_target_branch(database: Database) {
    let mut conn = database.open();
    fork(&mut conn);
    // Members may see the fork, which is private.
    for user_id in [2, 4] {
        fixture::member(&mut conn, user_id, Source::Project(FORK), Role::GUEST);
    }
    let shell = shell_api(database).await;
    let merge_level = |level: i32| {
        format!(
            "UPDATE protected_branch_merge_access_levels SET access_level = {level}
             WHERE protected_branch_id = 1"
        )
    };
    let no = || [owned(NO_PUSH), owned(NO_PUSH)];
    let yes = || [owned(ALLOWED), owned(ALLOWED)];
    shell.sql(&merge_level(40));
    assert_eq!(pushes_to_fork(&shell, 11).await, no(), "alice may neither push nor merge to main");
    shell.sql(&merge_level(30));
    assert_eq!(pushes_to_fork(&shell, 11).await, yes(), "alice may merge to main");
    assert_eq!(pushes_to_fork(&shell, 13).await, no(), "rep may not");
    shell.sql("DELETE FROM protected_branches WHERE id = 1");
    assert_eq!(pushes_to_fork(&shell, 11).await, yes(), "main is not protected");
    assert_eq!(pushes_to_fork(&shell, 13).await, no(), "a reporter may not push there");
    shell.sql("INSERT INTO protected_branches (id, namespace_id, name) VALUES (9, 20, 'ma*')");
    assert_eq!(pushes_to_fork(&shell, 11).await, no(), "a rule of the group protects main");
    shell
        .sql("DELETE FROM protected_branches WHERE id = 9; UPDATE projects SET archived = true WHERE id = 3");
    assert_eq!(pushes_to_fork(&shell, 11).await, no(), "the target project is archived");
    shell.sql("UPDATE projects SET archived = false WHERE id = 3");
    assert_eq!(pushes_to_fork(&shell, 11).await, yes());
}

/// The author of the merge request must be able to push to the source project.
#[testkit::test]
async fn collaboration_requires_an_author_with_push_access(database: Database) {
    let mut conn = database.open();
    fork(&mut conn);
    fixture::member(&mut conn, 2, Source::Project(FORK), Role::GUEST);
    let shell = shell_api(database).await;
    let verdicts = async |author: &str| {
        shell.sql(&format!("UPDATE merge_requests SET author_id = {author}"));
        pushes_to_fork(&shell, 11).await
    };
    assert_eq!(verdicts("5").await, [owned(ALLOWED), owned(ALLOWED)]);
    for author in ["6", "4", "NULL"] {
        assert_eq!(verdicts(author).await, [owned(NO_PUSH), owned(NO_PUSH)], "{author}");
    }
    assert_eq!(verdicts("1").await, [owned(ALLOWED), owned(ALLOWED)], "an administrator");
}

/// The protection rules of the source project still apply to the branch of a merge request.
#[testkit::test]
async fn collaboration_leaves_the_rules_of_the_source_branch(database: Database) {
    let mut conn = database.open();
    fork(&mut conn);
    fixture::member(&mut conn, 2, Source::Project(FORK), Role::GUEST);
    fixture::protect_branch(&mut conn, 9, FORK, "f", true, 40, 40);
    let shell = shell_api(database).await;
    assert_eq!(pushes_to_fork(&shell, 11).await, [owned(PUSH), owned(ALLOWED)]);
}

#[testkit::test]
async fn collaboration_opens_no_protected_branch(database: Database) {
    let mut conn = database.open();
    fixture::member(&mut conn, 4, Source::Project(Q), Role::DEVELOPER);
    let shell = shell_api(database).await;
    shell.sql(&merge_request(1, (P, "main"), (Q, "main"), &[]));
    assert_eq!(pushes(&shell, 13, "main").await, owned(PUSH));
}

//! Pushes to snippets: one branch, one to ten files.
use super::incoming::{Incoming, allowed, refused};
use super::support::{Shell, Z, shell_api_at, shell_api_with};
use serde_json::{Value, json};
use testkit::Database;

const BRANCHES: &str = "You can not create or delete branches.";
const NONE: &str = "The repository must contain at least 1 file.";
const MANY: &str = "The repository can contain at most 10 file(s).";

fn snippet(database: &Database, shard: &str) {
    database.sql(&format!(
        "INSERT INTO snippets (id, author_id, type, organization_id) VALUES (9, 2, 'PersonalSnippet', 1);
         INSERT INTO shards (id, name) VALUES (2, '{shard}2'), (3, 'blind');
         INSERT INTO snippet_repositories (snippet_id, shard_id, disk_path)
         SELECT 9, id, '@snippets/9' FROM shards WHERE name = '{shard}'"
    ));
}

fn files(count: usize) -> Vec<(String, Option<&'static [u8]>)> {
    (0..count).map(|n| (format!("d{}/f{n}", n % 3), Some(b"x".as_slice()))).collect()
}

fn commit(incoming: &Incoming, count: usize) -> String {
    let files = files(count);
    let files: Vec<(&str, Option<&[u8]>)> =
        files.iter().map(|(path, content)| (path.as_str(), *content)).collect();
    incoming.commit(&files)
}

async fn push(incoming: &Incoming, shell: &Shell, line: &str) -> (u16, String) {
    incoming.push_line(shell, 11, line).await
}

#[testkit::test]
async fn one_branch_and_a_few_files(database: Database) {
    snippet(&database, "default");
    let incoming = Incoming::at("@snippets/9.git", "snippet-9");
    let shell = shell_api_at(database, incoming.storage.path(), &[]).await;
    let a = incoming.main.clone();
    let (one, ten, eleven) = (commit(&incoming, 1), commit(&incoming, 10), commit(&incoming, 11));
    for (line, expected) in [
        (format!("{a} {one} refs/heads/main"), allowed()),
        (format!("{a} {ten} refs/heads/main"), allowed()),
        (format!("{Z} {ten} refs/heads/main"), allowed()),
        (format!("{a} {eleven} refs/heads/main"), refused(MANY)),
        (format!("{ten} {a} refs/heads/main"), refused(NONE)),
        (format!("{a} {Z} refs/heads/main"), refused(NONE)),
        (format!("{Z} {one} refs/heads/other"), refused(BRANCHES)),
        (format!("{one} {Z} refs/heads/other"), refused(BRANCHES)),
        (format!("{Z} {one} refs/tags/t"), refused(BRANCHES)),
        (format!("{a} {one} refs/heads/main\n{Z} {one} refs/heads/other"), refused(BRANCHES)),
    ] {
        assert_eq!(push(&incoming, &shell, &line).await, expected, "{line}");
    }
    let unknown = format!("{a} {} refs/heads/main", "1".repeat(40));
    assert_eq!(
        push(&incoming, &shell, &unknown).await,
        refused("The objects of this push cannot be found in the repository.")
    );
    // The permission is checked first, and a request for `_any` has no files to check.
    let line = format!("{a} {eleven} refs/heads/other");
    assert_eq!(
        incoming.push_line(&shell, 14, &line).await,
        refused("You are not allowed to update this snippet.")
    );
    let any = json!({ "changes": "_any", "env": Value::Null });
    assert_eq!(incoming.push_with(&shell, 11, "", any).await, allowed());
}

#[testkit::test]
async fn files_that_cannot_be_counted_are_too_many(database: Database) {
    snippet(&database, "blind");
    let incoming = Incoming::at("@snippets/9.git", "snippet-9");
    let shell = shell_api_at(database, incoming.storage.path(), &[]).await;
    let line = format!("{} {} refs/heads/main", incoming.main, commit(&incoming, 1));
    let no = "This push cannot be checked (files of snippets), because its repository is not looked into: an \
        administrator must set \"inspect\" of the storage \"blind\" in the configuration of this service.";
    assert_eq!(push(&incoming, &shell, &line).await, refused(no));
    assert_eq!(push(&incoming, &shell, "_any").await, allowed());
}

#[testkit::test]
async fn operator_can_allow_pushes_without_the_check(database: Database) {
    snippet(&database, "blind");
    let shell = shell_api_with(database, &["--allow-uninspected-pushes", "true"]).await;
    let incoming = Incoming::at("@snippets/9.git", "snippet-9");
    let line = format!("{} {} refs/heads/main", incoming.main, commit(&incoming, 1));
    assert_eq!(push(&incoming, &shell, &line).await, allowed());
}

//! Repositories that are read through Gitaly: the calls that a decision makes, and the results of failed
//! calls.
use std::time::{Duration, Instant};

use super::binary::{Setup, push};
use super::listeners::Authority;
use super::push_protected::{FORCE, PUSH};
use super::support::{ALLOWED, Shell, Z, shell_api_of, verdict};
use gitaly_proto::Repository;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::Database;
use testkit::fixture::P;
use testkit::git::repositories;
use testkit::gitaly::{Fault, Gitaly};
use tonic::Code;

const EXISTS: &str = "RepositoryService/RepositoryExists";
const BRANCHES: &str = "RepositoryService/HasLocalBranches";
const DEFAULT: &str = "RefService/FindDefaultBranchName";
const CONTAINING: &str = "RefService/ListBranchNamesContainingCommit";
const ANCESTOR: &str = "CommitService/CommitIsAncestor";

const NO_REPOSITORY: (u16, &str) = (404, "A repository for this project does not exist yet.");
const KEEP_DEFAULT: (u16, &str) = (401, "The default branch of a project cannot be deleted.");
const WEB_ONLY: (u16, &str) =
    (401, "You can only create protected branches using the web interface and API.");

const POINTERS: &str = "BlobService/ListLFSPointers";

/// A shell-api with a Gitaly at this address and without Git LFS, so that it only needs calls about refs.
async fn shell_api_at(database: Database, address: &str, arguments: &[&str]) -> Shell {
    let arguments = [arguments, &["--lfs-enabled", "false"]].concat();
    shell_api_of(database, &format!("storages: {{default: {{address: '{address}'}}}}\n"), &arguments).await
}

/// A shell-api and its Gitaly, with the repositories of the fixture.
async fn both(database: Database) -> (Shell, Gitaly) {
    let gitaly = Gitaly::start(&repositories().path);
    (shell_api_at(database, &gitaly.address, &[]).await, gitaly)
}

/// The repository of project P in calls to Gitaly.
fn repository_of_p() -> Repository {
    Repository {
        storage_name: "default".to_owned(),
        relative_path: "@hashed/4e/07/4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce.git"
            .to_owned(),
        git_object_directory: String::new(),
        git_alternate_object_directories: Vec::new(),
        gl_repository: "project-3".to_owned(),
        gl_project_path: "grp/p".to_owned(),
    }
}

/// A push with `_any`, an update and a new branch, which all need Gitaly.
async fn three(shell: &Shell) -> [(u16, Value); 3] {
    let (a, b) = (&shell.git.a, &shell.git.b);
    [
        shell.push_any(14, "grp/p").await,
        shell.push(14, &format!("{a} {b} refs/heads/main")).await,
        shell.push(14, &format!("{Z} {b} refs/heads/f")).await,
    ]
}

fn unavailable() -> (u16, Value) {
    (503, json!({ "message": "503 Service Unavailable" }))
}

#[testkit::test]
async fn pull_makes_no_call(database: Database) {
    let (shell, gitaly) = both(database).await;
    assert_eq!(verdict(&shell.clone(11, "grp/p").await), ALLOWED);
    let archive = shell.allowed(json!({ "key_id": 11, "action": "git-upload-archive" })).await;
    assert_eq!(verdict(&archive), ALLOWED);
    assert_eq!((gitaly.methods(), gitaly.connections()), (Vec::new(), 0));
    // A pull is decided without Gitaly.
    gitaly.fail(Fault::Status(Code::Unavailable));
    assert_eq!(verdict(&shell.clone(11, "grp/p").await), ALLOWED);
}

#[testkit::test]
async fn push_asks_whether_the_repository_exists(database: Database) {
    let (shell, gitaly) = both(database).await;
    let body = json!({ "key_id": 14, "project": "grp/p", "action": "git-receive-pack", "protocol": "ssh",
        "changes": "_any" });
    let request = shell.request("POST", "/allowed").header("X-Request-Id", "01HELLO");
    assert_eq!(verdict(&request.json(&body).answer().await), ALLOWED);
    let calls = gitaly.calls();
    let [call] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!((call.method, &call.repository), (EXISTS, &repository_of_p()));
    assert_eq!(call.metadata["x-gitlab-correlation-id"], "01HELLO");
    assert_eq!(call.metadata["grpc-timeout"], "10000000u");
    assert!(!call.metadata.contains_key("authorization"));
}

#[testkit::test]
async fn missing_repository_is_not_found(database: Database) {
    let storage = TempDir::new().unwrap();
    let gitaly = Gitaly::start(storage.path());
    let shell = shell_api_at(database, &gitaly.address, &[]).await;
    let (a, b) = (&shell.git.a, &shell.git.b);
    assert_eq!(verdict(&shell.push_any(14, "grp/p").await), NO_REPOSITORY);
    let wiki = (404, "A repository for this wiki does not exist yet.");
    assert_eq!(verdict(&shell.push_any(14, "grp/p.wiki").await), wiki);
    for (change, expected) in [
        (format!("{Z} {b} refs/heads/f"), NO_REPOSITORY),
        (format!("{b} {Z} refs/heads/main"), NO_REPOSITORY),
        (format!("{a} {b} refs/heads/main"), NO_REPOSITORY),
    ] {
        assert_eq!(verdict(&shell.push(14, &change).await), expected, "{change}");
    }
}

/// A push makes one call for each update of a protected ref, one if it creates a branch, and one if it
/// removes a branch or creates a tag.
#[testkit::test]
async fn push_makes_as_few_calls_as_possible(database: Database) {
    let (shell, gitaly) = both(database).await;
    let (a, b, c) = (&shell.git.a, &shell.git.b, &shell.git.c);
    for (key, change, expected, methods) in [
        (14, format!("{a} {b} refs/heads/main"), ALLOWED, vec![ANCESTOR]),
        (14, format!("{b} {a} refs/heads/main"), FORCE, vec![ANCESTOR]),
        (14, format!("{b} {c} refs/heads/main"), FORCE, vec![ANCESTOR]),
        (11, format!("{a} {b} refs/heads/main"), PUSH, vec![ANCESTOR]),
        (14, format!("{b} {a} refs/heads/release/1"), ALLOWED, vec![]),
        (11, format!("{b} {a} refs/heads/f"), ALLOWED, vec![]),
        (14, format!("{a} {b} refs/tags/t\n{a} {b} refs/notes/n"), ALLOWED, vec![]),
        (11, format!("{Z} {b} refs/heads/f\n{Z} {b} refs/heads/g"), ALLOWED, vec![BRANCHES]),
        (14, format!("{b} {Z} refs/heads/main"), KEEP_DEFAULT, vec![DEFAULT]),
        (14, format!("{b} {Z} refs/heads/f\n{Z} {a} refs/tags/u"), ALLOWED, vec![DEFAULT]),
        (11, format!("{Z} {b} refs/heads/main"), WEB_ONLY, vec![BRANCHES, CONTAINING]),
    ] {
        assert_eq!(verdict(&shell.push(key, &change).await), expected, "{key} {change}");
        assert_eq!(gitaly.methods(), methods, "{key} {change}");
    }
    shell.sql("UPDATE protected_branches SET allow_force_push = false");
    let protected = [(a, b), (b, a), (a, c), (c, a), (b, c), (c, b)];
    let protected =
        protected.iter().zip(1..).map(|((old, new), n)| format!("{old} {new} refs/heads/release/{n}\n"));
    let others = (0..20).map(|n| format!("{a} {b} refs/heads/f{n}\n"));
    assert_eq!(verdict(&shell.push(14, &protected.chain(others).collect::<String>()).await), FORCE);
    assert_eq!(gitaly.methods(), [ANCESTOR; 6]);
    assert_eq!(gitaly.connections(), 1, "one connection serves all");
}

/// With Git LFS, the new files are searched for pointers once per push, not once per ref.
#[testkit::test]
async fn new_files_are_listed_once_per_push(database: Database) {
    let gitaly = Gitaly::start(&repositories().path);
    let config = format!("storages: {{default: {{address: '{}'}}}}\n", gitaly.address);
    let shell = shell_api_of(database, &config, &[]).await;
    let (a, b) = (&shell.git.a, &shell.git.b);
    for (change, methods) in [
        (format!("{a} {b} refs/heads/main"), vec![ANCESTOR, POINTERS]),
        (format!("{a} {b} refs/heads/f\n{a} {b} refs/heads/g"), vec![POINTERS]),
        (format!("{a} {Z} refs/heads/f"), vec![DEFAULT]),
    ] {
        assert_eq!(verdict(&shell.push(14, &change).await), ALLOWED, "{change}");
        assert_eq!(gitaly.methods(), methods, "{change}");
    }
}

#[testkit::test]
async fn concurrent_pushes_share_one_connection(database: Database) {
    let (shell, gitaly) = both(database).await;
    let change = format!("{} {} refs/heads/main", shell.git.a, shell.git.b);
    let answers = futures_util::future::join_all((0..30).map(|_| shell.push(14, &change))).await;
    assert!(answers.iter().all(|answer| verdict(answer) == ALLOWED));
    assert_eq!((gitaly.methods().len(), gitaly.connections()), (30, 1));
}

#[testkit::test]
async fn token_of_gitaly_is_signed_and_not_sent(database: Database) {
    let gitaly = Gitaly::with_token(&repositories().path, "s3cret");
    let config =
        |token: &str| format!("storages: {{default: {{address: '{}', token: {token}}}}}\n", gitaly.address);
    let shell = shell_api_of(database, &config("s3cret"), &[]).await;
    for answer in three(&shell).await {
        assert_eq!(verdict(&answer), ALLOWED);
    }
    let calls = gitaly.calls();
    assert_eq!(calls.len(), 5);
    assert!(calls.iter().all(|call| call.metadata.values().all(|value| !value.contains("s3cret"))));
}

#[testkit::test]
async fn wrong_token_is_unavailable(database: Database) {
    let gitaly = Gitaly::with_token(&repositories().path, "s3cret");
    let shell = shell_api_at(database, &gitaly.address, &[]).await;
    assert_eq!(three(&shell).await, [unavailable(), unavailable(), unavailable()]);
    let config = format!("storages: {{default: {{address: '{}', token: other}}}}\n", gitaly.address);
    let shell = shell_api_of(Database::sqlite(), &config, &[]).await;
    assert_eq!(three(&shell).await, [unavailable(), unavailable(), unavailable()]);
    assert_eq!(gitaly.methods(), Vec::<&str>::new());
}

#[testkit::test]
async fn failed_call_is_unavailable(database: Database) {
    let (shell, gitaly) = both(database).await;
    for code in [
        Code::Unavailable,
        Code::DeadlineExceeded,
        Code::Unauthenticated,
        Code::PermissionDenied,
        Code::Internal,
        Code::ResourceExhausted,
        Code::InvalidArgument,
        Code::Unimplemented,
        Code::Cancelled,
        Code::Unknown,
    ] {
        gitaly.fail(Fault::Status(code));
        assert_eq!(three(&shell).await, [unavailable(), unavailable(), unavailable()], "{code:?}");
    }
    gitaly.fail(Fault::BrokenStream);
    let created = format!("{Z} {} refs/heads/main", shell.git.a);
    assert_eq!(shell.push(11, &created).await, unavailable(), "several branches contain it");
    gitaly.fail(None);
    for answer in three(&shell).await {
        assert_eq!(verdict(&answer), ALLOWED);
    }
    assert_eq!(verdict(&shell.push(11, &created).await), WEB_ONLY);
    // A decision without calls does not depend on Gitaly.
    gitaly.fail(Fault::Hang);
    let (a, b) = (&shell.git.a, &shell.git.b);
    assert_eq!(verdict(&shell.push(11, &format!("{a} {b} refs/heads/f")).await), ALLOWED);
}

#[testkit::test]
async fn missing_gitaly_is_unavailable(database: Database) {
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("gitaly.socket");
    let shell = shell_api_at(database, &format!("unix:{}", socket.display()), &[]).await;
    let started = Instant::now();
    assert_eq!(three(&shell).await, [unavailable(), unavailable(), unavailable()]);
    for _ in 0..2 {
        let gitaly = Gitaly::on_socket(&repositories().path, &socket);
        for answer in three(&shell).await {
            assert_eq!(verdict(&answer), ALLOWED, "a restarted Gitaly is found again");
        }
        assert_eq!(gitaly.connections(), 1);
        drop(gitaly);
        std::fs::remove_file(&socket).unwrap();
        assert_eq!(three(&shell).await, [unavailable(), unavailable(), unavailable()]);
    }
    assert!(started.elapsed() < Duration::from_secs(50));
}

#[testkit::test]
async fn hanging_gitaly_times_out(database: Database) {
    let gitaly = Gitaly::start(&repositories().path);
    let shell = shell_api_at(database, &gitaly.address, &["--allowed-timeout", "1s"]).await;
    gitaly.fail(Fault::Hang);
    let started = Instant::now();
    let (status, body) = shell.push(14, &format!("{} {} refs/heads/main", shell.git.a, shell.git.b)).await;
    assert!((Duration::from_secs(1)..Duration::from_secs(30)).contains(&started.elapsed()));
    let message = body["message"].as_str().unwrap();
    let beginning = "Push operation timed out\n\nTiming information for debugging purposes:\nRunning checks \
        for ref: main (cancelled after ";
    assert!(status == 503 && message.starts_with(beginning), "{status} {message}");
    gitaly.fail(None);
    assert_eq!(verdict(&shell.push_any(14, "grp/p").await), ALLOWED);
}

#[testkit::test]
async fn pusher_gets_a_merge_request_link(database: Database) {
    let (shell, gitaly) = both(database).await;
    let push = json!({ "gl_repository": format!("project-{P}"), "identifier": "key-11",
        "changes": format!("{Z} {} refs/heads/f\n", shell.git.b) });
    let (status, body) = shell.post("/post_receive", push.clone()).await;
    let link = "To create a merge request for f, visit:\n  \
        https://gitlab.example.com/grp/p/-/merge_requests/new?merge_request%5Bsource_branch%5D=f";
    assert_eq!((status, &body["messages"]), (200, &json!([{ "message": link, "type": "basic" }])));
    let mut methods = gitaly.methods();
    methods.sort_unstable();
    assert_eq!(methods, [DEFAULT, BRANCHES]);
    gitaly.fail(Fault::Status(Code::Unavailable));
    let (status, body) = shell.post("/post_receive", push).await;
    assert_eq!((status, &body["messages"]), (200, &json!([])));
}

/// Only the system's certificate authorities are trusted.
#[actix_web::test]
async fn tls_trusts_the_authorities_of_the_system() {
    let (trusted, other) = (Authority::new(), Authority::new());
    trusted.sign("gitaly");
    let (certificate, key) = (trusted.read("gitaly.pem"), trusted.read("gitaly.key"));
    let gitaly = Gitaly::with_tls(&repositories().path, "s3cret", &certificate, &key);
    let database = Database::sqlite();
    database.sql(&format!("UPDATE projects SET repository_storage = 'sealed' WHERE id = {P}"));
    let (a, b) = (&repositories().a, &repositories().b);
    let update = push(&format!("{a} {b} refs/heads/f\n{a} {b} refs/heads/main"));
    for (authority, expected) in [(&trusted, PUSH), (&other, (503, "503 Service Unavailable"))] {
        let setup = Setup::new(&database);
        setup.configure(&format!("  sealed: {{address: '{}', token: s3cret}}\n", gitaly.address));
        let authorities = authority.path("ca.pem");
        let binary = setup.start(&[], &[("SSL_CERT_FILE", authorities.to_str().unwrap())]);
        let answer = binary.request("POST", "/allowed").json(&update).answer().await;
        assert_eq!(verdict(&answer), expected);
    }
    assert_eq!(gitaly.methods(), [ANCESTOR]);
    let setup = Setup::new(&database);
    setup.configure(&format!("  sealed: {{address: '{}'}}\n", gitaly.address));
    let output = setup.run(&["check-config"], &[("SSL_CERT_FILE", "/nonexistent")]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{errors}");
    assert!(
        errors.contains("storages: sealed is inspected by Gitaly but its address cannot be reached by TLS"),
        "{errors}"
    );
}

//! The metadata of calls, and the results of failed calls. `tests/conformance.rs` tests the responses.
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::git::git;
use testkit::gitaly::{Fault, Form, Gitaly as Server, RecordedCall};
use tonic::{Code, Status};

use super::*;
use crate::usage::Usage;

const OWN: &str = "@hashed/4e/07/4e07.git";

/// A storage with a repository whose branch `main` has one commit.
struct Fixture {
    storage: TempDir,
    main: String,
}

impl Fixture {
    fn new() -> Self {
        let storage = TempDir::new().unwrap();
        let path = storage.path().join(OWN);
        testkit::git::init(&path);
        let main = testkit::git::commit(&path, &[], "first");
        git(&path, &["update-ref", "refs/heads/main", &main]);
        Self { storage, main }
    }

    fn start(&self, form: Form) -> Server {
        Server::with_form(form, self.storage.path())
    }
}

fn open(address: &str, quarantine: Quarantine, context: CallContext) -> Repository {
    open_observed(address, quarantine, context, drop)
}

fn open_observed(
    address: &str,
    quarantine: Quarantine,
    context: CallContext,
    observe: impl Fn(Usage) + Send + Sync + 'static,
) -> Repository {
    let storage =
        Storage { address: address.to_owned(), token: Some("s3cret".to_owned()), inspect: None, path: None };
    let place = Place {
        storage_name: "default",
        relative_path: OWN,
        gl_repository: "project-1".to_owned(),
        gl_project_path: "a/b",
        context,
    };
    Gitaly::new("test-api", &storage, Observer::new(observe)).unwrap().repository(&place, quarantine)
}

fn plain(address: &str) -> Repository {
    open(address, Quarantine::default(), CallContext::default())
}

/// Makes every call that a decision about a push may make.
async fn make_all_calls(repository: &Repository, revision: &str) {
    assert!(repository.exists().await.unwrap());
    assert!(repository.has_branch("main").await.unwrap());
    repository.state(StateNeeds { empty: true, default_branch: true }).await.unwrap();
    assert!(repository.is_ancestor(revision, revision).await.unwrap());
    repository.branches_with(revision).await.unwrap();
    let revisions = [revision.to_owned()];
    let commits = repository.new_commits(&revisions).await.unwrap();
    repository.changed_paths(&commits).await.unwrap();
    repository.new_blobs(&revisions).await.unwrap();
    repository.new_lfs_pointers(&revisions).await.unwrap();
    repository.file_count(revision).await.unwrap();
}

fn text<'a>(call: &'a RecordedCall, name: &str) -> Option<&'a str> {
    call.metadata.get(name).map(String::as_str)
}

/// Every call names the project's own path, and says where the hook sees the repository.
#[tokio::test]
async fn calls_for_a_push_name_own_path_snapshot_and_primary() {
    let fixture = Fixture::new();
    for form in Form::ALL {
        let server = fixture.start(form);
        let change = server.begin_push(OWN);
        let new = change.commit_file(&[&fixture.main], "file", "content");
        let quarantine = Quarantine {
            relative_path: Some(change.relative_path.clone()),
            object_directory: Some(change.object_directory.clone()),
            alternates: change.alternates.clone(),
        };
        make_all_calls(&open(&server.address, quarantine, CallContext::default()), &new).await;
        let calls = server.calls();
        assert_eq!(calls.len(), 11, "{form:?}");
        for call in calls {
            let what = format!("{form:?} {}", call.method);
            assert_eq!(call.repository.relative_path, OWN, "{what}");
            assert_eq!(text(&call, "relative-path-bin"), Some(change.relative_path.as_str()), "{what}");
            assert_eq!(
                text(&call, "gitaly-route-repository-accessor-policy"),
                Some("primary-only"),
                "{what}"
            );
            let sees_push = ["CommitService/", "DiffService/", "BlobService/"]
                .iter()
                .any(|service| call.method.starts_with(service))
                || call.method == "RefService/ListBranchNamesContainingCommit";
            let (objects, alternates) = if sees_push {
                (change.object_directory.as_str(), change.alternates.as_slice())
            } else {
                ("", [].as_slice())
            };
            assert_eq!(call.repository.git_object_directory, objects, "{what}");
            assert_eq!(call.repository.git_alternate_object_directories, alternates, "{what}");
        }
    }
}

#[tokio::test]
async fn calls_without_a_push_ask_any_replica() {
    let fixture = Fixture::new();
    let server = fixture.start(Form::Cluster);
    make_all_calls(&plain(&server.address), &fixture.main).await;
    for call in server.calls() {
        for name in ["relative-path-bin", "gitaly-route-repository-accessor-policy"] {
            assert_eq!(text(&call, name), None, "{}", call.method);
        }
        assert_eq!(text(&call, "client_name"), Some("test-api"), "{}", call.method);
    }
}

/// Gitaly's log names the request, its user and its address.
#[tokio::test]
async fn calls_carry_the_context_of_the_request() {
    let fixture = Fixture::new();
    let server = fixture.start(Form::Plain);
    let context = CallContext {
        correlation_id: Some("01HELLO".to_owned()),
        user_id: Some(2),
        username: Some("alice".to_owned()),
        remote_ip: Some("10.1.2.3".to_owned()),
        client_context: Some(br#"{"scoped-user-id":"7"}"#.to_vec()),
        deadline: None,
    };
    make_all_calls(&open(&server.address, Quarantine::default(), context), &fixture.main).await;
    let calls = server.calls();
    assert!(!calls.is_empty());
    for call in calls {
        for (name, value) in [
            ("client_name", "test-api"),
            ("x-gitlab-correlation-id", "01HELLO"),
            ("user_id", "2"),
            ("username", "alice"),
            ("remote_ip", "10.1.2.3"),
            ("gitaly-client-context-bin", r#"{"scoped-user-id":"7"}"#),
        ] {
            assert_eq!(text(&call, name), Some(value), "{} {name}", call.method);
        }
        assert!(call.metadata.values().all(|value| !value.contains("s3cret")), "{}", call.method);
    }
}

#[tokio::test]
async fn values_that_are_no_header_are_left_out() {
    let fixture = Fixture::new();
    let server = fixture.start(Form::Plain);
    let context = CallContext {
        username: Some("älice\n".to_owned()),
        correlation_id: Some("a\r\nb: c".to_owned()),
        ..CallContext::default()
    };
    assert!(open(&server.address, Quarantine::default(), context).exists().await.unwrap());
    let calls = server.calls();
    assert_eq!((text(&calls[0], "username"), text(&calls[0], "x-gitlab-correlation-id")), (None, None));
}

/// Two pushes at the same time, to two Gitalys.
#[tokio::test]
async fn concurrent_pushes_keep_their_metadata() {
    let fixture = Fixture::new();
    let servers = [fixture.start(Form::Cluster), fixture.start(Form::Transactions)];
    let changes = servers.each_ref().map(|server| server.begin_push(OWN));
    let new = changes.each_ref().map(|change| change.commit(&[&fixture.main], "new"));
    let pushes = servers.iter().zip(&changes).zip(&new).map(|((server, change), new)| {
        let quarantine = Quarantine {
            relative_path: Some(change.relative_path.clone()),
            object_directory: Some(change.object_directory.clone()),
            alternates: change.alternates.clone(),
        };
        let repository = open(&server.address, quarantine, CallContext::default());
        async move {
            for _ in 0..10 {
                assert!(repository.is_ancestor(new, new).await.unwrap());
            }
        }
    });
    futures_util::future::join_all(pushes).await;
    for (server, change) in servers.iter().zip(&changes) {
        let calls = server.calls();
        assert_eq!(calls.len(), 10);
        for call in calls {
            assert_eq!(text(&call, "relative-path-bin"), Some(change.relative_path.as_str()));
            assert_eq!(call.repository.git_object_directory, change.object_directory);
        }
    }
}

#[tokio::test]
async fn no_call_takes_longer_than_the_request_has_left() {
    let fixture = Fixture::new();
    let server = fixture.start(Form::Plain);
    let deadline = |left| CallContext { deadline: Some(Instant::now() + left), ..CallContext::default() };
    let timeout_in_micros = async |context: CallContext| {
        open(&server.address, Quarantine::default(), context).exists().await.unwrap();
        let call = server.calls().remove(0);
        text(&call, "grpc-timeout").unwrap().strip_suffix('u').unwrap().parse::<u32>().unwrap()
    };
    assert_eq!(timeout_in_micros(CallContext::default()).await, 10_000_000);
    assert_eq!(timeout_in_micros(deadline(Duration::from_secs(50))).await, 10_000_000);
    assert!(timeout_in_micros(deadline(Duration::from_secs(3))).await <= 3_000_000);
    server.fail(Fault::Hang);
    let started = Instant::now();
    let late = open(&server.address, Quarantine::default(), deadline(Duration::ZERO));
    let Err(Error::Gitaly(_, status)) = late.exists().await else { panic!("a failure") };
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn calls_are_counted_with_their_status() {
    let fixture = Fixture::new();
    let server = fixture.start(Form::Plain);
    let (sender, usages) = std::sync::mpsc::channel();
    let observe = move |usage| sender.send(usage).unwrap();
    let repository = open_observed(&server.address, Quarantine::default(), CallContext::default(), observe);
    repository.exists().await.unwrap();
    server.fail(Fault::Status(Code::ResourceExhausted));
    repository.exists().await.unwrap_err();
    let seen: Vec<_> = usages
        .try_iter()
        .map(|usage| match usage {
            Usage::GitalyCall { method, code, .. } => (method, code),
            usage => panic!("{usage:?}"),
        })
        .collect();
    let method = "RepositoryService/RepositoryExists";
    assert_eq!(seen, [(method, "OK"), (method, "ResourceExhausted")]);
}

#[tokio::test]
async fn answer_that_breaks_off_is_an_error() {
    let fixture = Fixture::new();
    let server = fixture.start(Form::Plain);
    let path = fixture.storage.path().join(OWN);
    let second = testkit::git::commit(&path, &[&fixture.main], "second");
    let third = testkit::git::commit(&path, &[&second], "third");
    let revisions = [third.clone()];
    let repository = plain(&server.address);
    let commits = repository.new_commits(&revisions).await.unwrap();
    assert_eq!(commits.len(), 2);
    server.fail(Fault::BrokenStream);
    let failed = |method| move |error: Error| matches!(error, Error::Gitaly(name, _) if name == method);
    assert!(repository.new_commits(&revisions).await.is_err_and(failed("CommitService/ListCommits")));
    assert!(repository.changed_paths(&commits).await.is_err_and(failed("DiffService/FindChangedPaths")));
    assert!(repository.new_blobs(&revisions).await.is_err_and(failed("BlobService/ListBlobs")));
    assert!(repository.new_lfs_pointers(&revisions).await.is_err_and(failed("BlobService/ListLFSPointers")));
    assert!(repository.file_count(&third).await.is_err_and(failed("CommitService/ListFiles")));
    let containing = "RefService/ListBranchNamesContainingCommit";
    assert!(repository.branches_with(&third).await.is_err_and(failed(containing)));
}

#[tokio::test]
async fn message_that_is_cut_off_is_an_error() {
    let whole = pb::GitCommit { body: b"text".to_vec(), body_size: 4, ..pb::GitCommit::default() };
    assert_eq!(content::read_commit(whole.clone()).unwrap().message, "text");
    assert!(content::read_commit(pb::GitCommit { body_size: 5, ..whole }).is_err());
}

#[tokio::test]
async fn hanging_gitaly_times_out() {
    let repository = plain("tcp://127.0.0.1:1");
    let hang = async |_| std::future::pending::<Result<(), Status>>().await;
    let outcome = repository.call.send("X/Y", Duration::from_millis(1), (), hang).await;
    let Err(Error::Gitaly("X/Y", status)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

/// Through a socket. Gitaly is missing at first, and restarts twenty times.
#[tokio::test]
async fn restarted_gitaly_is_found_again_and_missing_gitaly_is_an_error() {
    let fixture = Fixture::new();
    let socket = fixture.storage.path().join("gitaly.socket");
    let repository = plain(&format!("unix:{}", socket.display()));
    let is_unavailable = |error: Error| matches!(error, Error::Gitaly(..));
    assert!(repository.exists().await.is_err_and(is_unavailable));
    let mut server = Server::on_socket(fixture.storage.path(), &socket);
    assert!(repository.exists().await.unwrap());
    for _ in 0..20 {
        drop(server);
        std::fs::remove_file(&socket).unwrap();
        server = Server::on_socket(fixture.storage.path(), &socket);
        assert!(repository.exists().await.unwrap());
    }
    drop(server);
    assert!(repository.exists().await.is_err_and(is_unavailable));
}

/// Only a broken connection is retried.
#[tokio::test]
async fn failed_calls_are_not_retried() {
    let fixture = Fixture::new();
    let server = fixture.start(Form::Plain);
    let repository = plain(&server.address);
    for code in [Code::Unavailable, Code::Internal] {
        server.fail(Fault::Status(code));
        let Err(Error::Gitaly(_, status)) = repository.exists().await else { panic!("a failure") };
        assert_eq!((status.code(), server.methods()), (code, vec!["RepositoryService/RepositoryExists"]));
    }
}

#[tokio::test]
async fn server_info_names_version_and_storages() {
    let fixture = Fixture::new();
    let server = fixture.start(Form::Plain);
    let storage = Storage { address: server.address.clone(), token: None, inspect: None, path: None };
    let gitaly = Gitaly::new("test-api", &storage, Observer::new(drop)).unwrap();
    let info = gitaly.server_info(&CallContext::default()).await.unwrap();
    let expected = ServerInfo { version: "16.7.0".to_owned(), storages: vec!["default".to_owned()] };
    assert_eq!(info, expected);
    assert_eq!(server.methods(), ["ServerService/ServerInfo"]);
}

//! The default branch of an agent's project, read through Gitaly. kas caches the response for minutes and
//! applies the configuration on that branch. So an unknown branch must be an error and never a guess.
//! configuration on that branch. So an unknown branch must be an error and never a guess.
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use testkit::git;
use testkit::gitaly::{Code, Fault, Form, Gitaly};
use testkit::{Database, kas_fixture};

use super::support::{Kas, kas_api_on, kas_api_through_gitaly, message};

/// Project 7 is the agent's own; project 8 is public.
const PATHS: [&str; 3] = ["/agent_info", "/project_info?id=7", "/project_info?id=8"];

/// A storage in which both projects have the branches `main` and `production`, and HEAD names the latter.
fn storage() -> TempDir {
    let storage = TempDir::new().unwrap();
    for id in [7, 8] {
        let repository = git::project(storage.path(), id, "");
        git::init(&repository);
        let commit = git::commit(&repository, &[], "first");
        for branch in ["main", "production"] {
            git::git(&repository, &["update-ref", &format!("refs/heads/{branch}"), &commit]);
        }
        git::git(&repository, &["symbolic-ref", "HEAD", "refs/heads/production"]);
    }
    storage
}

async fn assert_branch(kas: &Kas, branch: &str) {
    for path in PATHS {
        let (status, body) = kas.get(path).await;
        assert_eq!((status, &body["default_branch"]), (200, &json!(branch)), "{path}");
    }
}

async fn assert_unavailable(kas: &Kas, what: &str) {
    for path in PATHS {
        assert_eq!(kas.get(path).await, (503, message("503 Service Unavailable")), "{path} {what}");
    }
}

#[testkit::test]
async fn missing_gitaly_is_unavailable(database: Database) {
    let storage = storage();
    let socket = storage.path().join("gitaly.socket");
    let kas = kas_api_through_gitaly(database, &format!("unix:{}", socket.display())).await;
    assert_unavailable(&kas, "no server listens").await;
    let gitaly = Gitaly::on_socket(storage.path(), &socket);
    assert_branch(&kas, "production").await;
    drop(gitaly);
    assert_unavailable(&kas, "Gitaly has stopped").await;
}

#[testkit::test]
async fn failing_gitaly_is_unavailable(database: Database) {
    let storage = storage();
    let gitaly = Gitaly::start(storage.path());
    let kas = kas_api_through_gitaly(database, &gitaly.address).await;
    for code in [
        Code::Unavailable,
        Code::Unauthenticated,
        Code::PermissionDenied,
        Code::Internal,
        Code::ResourceExhausted,
        Code::DeadlineExceeded,
        Code::FailedPrecondition,
        Code::Unimplemented,
    ] {
        gitaly.fail(Fault::Status(code));
        assert_unavailable(&kas, &format!("{code:?}")).await;
    }
    gitaly.fail(None);
    assert_branch(&kas, "production").await;
}

/// Gitaly responds only after 30 seconds.
#[actix_web::test]
async fn slow_gitaly_is_unavailable_in_time() {
    let storage = storage();
    let gitaly = Gitaly::start(storage.path());
    let kas = kas_api_through_gitaly(Database::sqlite(), &gitaly.address).await;
    gitaly.fail(Fault::Delay(Duration::from_secs(30)));
    let started = std::time::Instant::now();
    assert_eq!(kas.get("/agent_info").await, (503, message("503 Service Unavailable")));
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[testkit::test]
async fn default_branch_exists_in_every_form_of_gitaly(database: Database) {
    let storage = storage();
    let first = Gitaly::with_form(Form::Plain, storage.path());
    let kas = kas_api_through_gitaly(database, &first.address).await;
    assert_branch(&kas, "production").await;
    drop(first);
    for form in Form::ALL {
        let gitaly = Gitaly::with_form(form, storage.path());
        let database = Database::sqlite();
        let kas = kas_api_through_gitaly(database, &gitaly.address).await;
        assert_branch(&kas, "production").await;
        for id in [7, 8] {
            let repository = git::project(storage.path(), id, "");
            git::git(&repository, &["symbolic-ref", "HEAD", "refs/heads/nope"]);
        }
        assert_branch(&kas, "main").await;
        for id in [7, 8] {
            let repository = git::project(storage.path(), id, "");
            git::git(&repository, &["symbolic-ref", "HEAD", "refs/heads/production"]);
        }
        let own_path = format!("{}.git", domain::hashed_path("@hashed", 7));
        assert!(gitaly.calls().iter().any(|call| call.repository.relative_path == own_path));
    }
}

/// Only a repository that is known to be empty, or not to exist, has the default branch of the instance.
#[testkit::test]
async fn empty_and_missing_repositories_have_the_default_branch_of_the_instance(database: Database) {
    database.sql("UPDATE application_settings SET default_branch_name = 'trunk'");
    let storage = TempDir::new().unwrap();
    git::init(&git::project(storage.path(), 7, ""));
    let gitaly = Gitaly::start(storage.path());
    let kas = kas_api_through_gitaly(database, &gitaly.address).await;
    assert_branch(&kas, "trunk").await;
    assert!(gitaly.calls().iter().all(|call| call.metadata["client_name"] == "kas-api"));
}

/// A storage whose disk is not mounted is not empty.
#[testkit::test]
async fn missing_disk_is_unavailable(database: Database) {
    kas_fixture::insert(&mut database.open());
    let kas = kas_api_on(database, &[]).await;
    assert_branch(&kas, "main").await;
    std::fs::remove_dir_all(kas.data.path().join("repositories")).unwrap();
    assert_unavailable(&kas, "the disk is gone").await;
}

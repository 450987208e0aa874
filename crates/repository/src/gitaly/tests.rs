//! Against a Gitaly that answers from real repositories.
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use testkit::git::git;
use testkit::gitaly::{Fault, Gitaly as Server};

use super::*;
use crate::{Blob, ChangedPath, Commit, LfsPointer, PathStatus};

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:\
    4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce\nsize 12345\n";

/// A bare repository `r.git` whose `main` holds the file `old`, and commits beside it.
struct Fixture {
    storage: TempDir,
    path: PathBuf,
    main: String,
}

impl Fixture {
    fn new() -> Self {
        let storage = TempDir::new().unwrap();
        let path = storage.path().join("r.git");
        testkit::git::init(&path);
        let mut this = Self { storage, path, main: String::new() };
        this.main = this.commit(&[], &[("old", "old")], "first");
        git(&this.path, &["update-ref", "refs/heads/main", &this.main]);
        this
    }

    /// A commit with exactly these files.
    fn commit(&self, parents: &[&str], files: &[(&str, &str)], message: &str) -> String {
        let blobs =
            files.iter().map(|(name, content)| format!("100644 blob {}\t{name}\n", self.blob(content)));
        let listing = self.storage.path().join("listing");
        std::fs::write(&listing, blobs.collect::<String>()).unwrap();
        let tree = with_input(&self.path, &["mktree"], &listing);
        let mut arguments = vec!["commit-tree", tree.as_str(), "-m", message];
        for parent in parents {
            arguments.extend(["-p", *parent]);
        }
        git(&self.path, &arguments)
    }

    fn blob(&self, content: &str) -> String {
        let file = self.storage.path().join("content");
        std::fs::write(&file, content).unwrap();
        git(&self.path, &["hash-object", "-w", &file.to_string_lossy()])
    }

    fn ask(&self, server: &Server, quarantine: Quarantine) -> Repository {
        assert!(self.storage.path().exists());
        repository(&server.address, quarantine)
    }
}

fn with_input(repository: &Path, arguments: &[&str], input: &Path) -> String {
    let input = std::fs::File::open(input).unwrap();
    let mut command = std::process::Command::new("git");
    let output = command.current_dir(repository).args(arguments).stdin(input).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn repository(address: &str, quarantine: Quarantine) -> Repository {
    let storage = Storage { address: address.to_owned(), token: None, inspect: None, path: None };
    let place = Place {
        storage_name: "default",
        relative_path: "r.git",
        gl_repository: "project-1".to_owned(),
        gl_project_path: "a/b",
        correlation_id: None,
    };
    Gitaly::new(&storage).unwrap().repository(&place, quarantine)
}

fn commit(id: &str, parents: usize, message: &str) -> Commit {
    let (name, email) = ("A".to_owned(), "a@example.com".to_owned());
    Commit {
        id: id.to_owned(),
        parents,
        message: format!("{message}\n"),
        author_name: name.clone(),
        author_email: email.clone(),
        committer_name: name,
        committer_email: email,
        signed: false,
    }
}

#[tokio::test]
async fn what_is_new_is_told() {
    let fixture = Fixture::new();
    let server = Server::start(fixture.storage.path());
    let asked = fixture.ask(&server, Quarantine::default());
    let second = fixture.commit(&[&fixture.main], &[("old", "old"), ("lfs", POINTER)], "second\n\nwhy");
    let third = fixture.commit(&[&second], &[("lfs", POINTER)], "third");
    let merge = fixture.commit(&[&third, &fixture.main], &[("lfs", POINTER), ("both", "x")], "merge");
    let revisions = std::slice::from_ref(&merge);

    let mut commits = asked.new_commits(revisions).await.unwrap();
    commits.sort_by(|one, other| one.message.cmp(&other.message));
    assert_eq!(
        commits,
        [commit(&merge, 2, "merge"), commit(&second, 1, "second\n\nwhy"), commit(&third, 1, "third")]
    );
    let path = |path: &str, status| ChangedPath { path: path.to_owned(), status };
    let paths = asked.changed_paths(&[second.clone(), third, merge.clone()]).await.unwrap();
    assert_eq!(
        paths,
        [path("lfs", PathStatus::Added), path("old", PathStatus::Deleted), path("both", PathStatus::Added)]
    );
    let mut blobs = asked.new_blobs(revisions).await.unwrap();
    blobs.sort_by_key(|blob| blob.size);
    let blob = |content: &str, path: &str| Blob {
        id: fixture.blob(content),
        path: Some(path.to_owned()),
        size: content.len() as u64,
    };
    assert_eq!(blobs, [blob("x", "both"), blob(POINTER, "lfs")]);
    let oid = "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce".to_owned();
    assert_eq!(asked.new_lfs_pointers(revisions).await.unwrap(), [LfsPointer { oid, size: 12345 }]);
    assert_eq!(asked.file_count(&merge).await.unwrap(), 2);

    // What a ref leads to is not new; of nothing, nothing is new, and nobody is asked.
    let main = std::slice::from_ref(&fixture.main);
    assert_eq!(asked.new_commits(main).await.unwrap(), []);
    assert_eq!(asked.new_blobs(main).await.unwrap(), []);
    assert_eq!(asked.new_lfs_pointers(main).await.unwrap(), []);
    server.asked();
    assert_eq!(asked.new_commits(&[]).await.unwrap(), []);
    assert_eq!(asked.changed_paths(&[]).await.unwrap(), []);
    assert_eq!(server.methods(), Vec::<&str>::new());
    assert_eq!(server.connections(), 1);
}

/// Objects of the push lie apart; what they stand on has been accepted.
#[tokio::test]
async fn the_quarantine_is_looked_into() {
    let fixture = Fixture::new();
    let server = Server::start(fixture.storage.path());
    let second = fixture.commit(&[&fixture.main], &[("lfs", POINTER)], "second");
    let incoming = fixture.path.join("objects/incoming-1");
    for id in
        [&second, &fixture.blob(POINTER), &git(&fixture.path, &["rev-parse", &format!("{second}^{{tree}}")])]
    {
        let object = format!("{}/{}", &id[..2], &id[2..]);
        std::fs::create_dir_all(incoming.join(&object).parent().unwrap()).unwrap();
        std::fs::rename(fixture.path.join("objects").join(&object), incoming.join(&object)).unwrap();
    }
    let quarantine = Quarantine {
        relative_path: None,
        object_directory: Some("objects/incoming-1".to_owned()),
        alternates: vec!["objects".to_owned()],
    };
    let revisions = std::slice::from_ref(&second);
    let with = fixture.ask(&server, quarantine);
    assert_eq!(with.new_commits(revisions).await.unwrap(), [commit(&second, 1, "second")]);
    assert_eq!(with.new_lfs_pointers(revisions).await.unwrap().len(), 1);
    assert_eq!(with.new_blobs(revisions).await.unwrap().len(), 1);
    assert_eq!(with.changed_paths(revisions).await.unwrap().len(), 2);
    assert_eq!(with.file_count(&second).await.unwrap(), 1);
    let without = fixture.ask(&server, Quarantine::default());
    assert!(matches!(without.new_commits(revisions).await, Err(Error::Gitaly("ListCommits", _))));
}

#[tokio::test]
async fn half_an_answer_is_none() {
    let fixture = Fixture::new();
    let server = Server::start(fixture.storage.path());
    let asked = fixture.ask(&server, Quarantine::default());
    let second =
        fixture.commit(&[&fixture.main], &[("a", "1"), ("b", "2"), ("c", POINTER), ("d", POINTER)], "x");
    let revisions = std::slice::from_ref(&second);
    server.fail(Fault::BrokenStream);
    assert!(matches!(asked.new_commits(revisions).await, Err(Error::Gitaly("ListCommits", _))));
    assert!(matches!(asked.changed_paths(revisions).await, Err(Error::Gitaly("FindChangedPaths", _))));
    assert!(matches!(asked.new_blobs(revisions).await, Err(Error::Gitaly("ListBlobs", _))));
    assert!(matches!(asked.new_lfs_pointers(revisions).await, Err(Error::Gitaly("ListLFSPointers", _))));
    assert!(matches!(asked.file_count(&second).await, Err(Error::Gitaly("ListFiles", _))));
    server.fail(Fault::Status(Code::NotFound));
    assert!(matches!(asked.new_commits(revisions).await, Err(Error::NotFound("ListCommits"))));
    assert!(matches!(
        asked.state(StateNeeds { empty: true, default_branch: false }).await,
        Err(Error::NotFound(_))
    ));
    assert!(!asked.exists().await.unwrap());
}

#[tokio::test]
async fn a_message_cut_off_is_not_judged() {
    let whole = pb::GitCommit { body: b"text".to_vec(), body_size: 4, ..pb::GitCommit::default() };
    assert_eq!(content::read_commit(whole.clone()).unwrap().message, "text");
    assert!(content::read_commit(pb::GitCommit { body_size: 5, ..whole }).is_err());
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let repository = repository("tcp://127.0.0.1:1", Quarantine::default());
    let hanging = async |_| std::future::pending::<Result<(), Status>>().await;
    let outcome = repository.ask("CommitIsAncestor", Duration::from_millis(1), (), hanging).await;
    let Err(Error::Gitaly("CommitIsAncestor", status)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

/// With a fresh channel each, as after a start.
#[tokio::test]
async fn a_socket_is_as_good_and_nobody_there_is_an_error() {
    let fixture = Fixture::new();
    let socket = fixture.storage.path().join("gitaly.socket");
    let address = format!("unix:{}", socket.display());
    let asked = repository(&address, Quarantine::default());
    assert!(matches!(asked.exists().await, Err(Error::Gitaly("RepositoryExists", _))));
    let mut server = Server::on_socket(fixture.storage.path(), &socket);
    assert!(asked.exists().await.unwrap(), "it is tried again");
    for _ in 0..20 {
        drop(server);
        std::fs::remove_file(&socket).unwrap();
        server = Server::on_socket(fixture.storage.path(), &socket);
        assert!(asked.exists().await.unwrap(), "nobody notices a new start");
    }
    drop(server);
    assert!(matches!(asked.exists().await, Err(Error::Gitaly("RepositoryExists", _))));
}

/// What Gitaly says is asked for once: only a connection that breaks is tried again.
#[tokio::test]
async fn gitalys_own_word_is_taken() {
    let fixture = Fixture::new();
    let server = Server::start(fixture.storage.path());
    let asked = fixture.ask(&server, Quarantine::default());
    for code in [Code::Unavailable, Code::Internal] {
        server.fail(Fault::Status(code));
        let Err(Error::Gitaly(_, status)) = asked.exists().await else { panic!("a failure") };
        assert_eq!((status.code(), server.methods()), (code, vec!["RepositoryService/RepositoryExists"]));
    }
}

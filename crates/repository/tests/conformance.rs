//! Both back ends give the same answers about the same repositories: the local disk, and each form of Gitaly.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use domain::access::push::{Answers, Question, RepositoryState, StateNeeds};
use repository::{
    Blob, CallContext, ChangedPath, Commit, Error, Inspect, LfsPointer, PathStatus, Place, Quarantine,
    Repository, Storage, Storages,
};
use serde_json::Value;
use tempfile::TempDir;
use testkit::git::git;
use testkit::gitaly::{Form, Gitaly, PendingChange};

const OWN: &str = "@hashed/4e/07/4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce.git";
const POOL: &str = "@pools/6b/86/6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b.git";
const UNKNOWN: &str = "1111111111111111111111111111111111111111";
const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:\
    4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce\nsize 12345\n";

/// A storage with one bare repository, read by one of the back ends.
struct Fixture {
    name: &'static str,
    storage: TempDir,
    path: PathBuf,
    /// Makes the quarantines, and answers unless the back end is the local disk.
    gitaly: Gitaly,
    storages: Storages,
}

impl fmt::Display for Fixture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

/// Runs a test on every back end.
async fn on_each(test: impl AsyncFn(&Fixture)) {
    for (name, inspect, form) in [
        ("local", Inspect::Local, Form::Plain),
        ("plain", Inspect::Gitaly, Form::Plain),
        ("cluster", Inspect::Gitaly, Form::Cluster),
        ("transactions", Inspect::Gitaly, Form::Transactions),
    ] {
        test(&Fixture::new(name, inspect, form)).await;
    }
}

impl Fixture {
    fn new(name: &'static str, inspect: Inspect, form: Form) -> Self {
        let storage = TempDir::new().unwrap();
        let path = storage.path().join(OWN);
        testkit::git::init(&path);
        let gitaly = Gitaly::with_form(form, storage.path());
        let section = Storage {
            address: gitaly.address.clone(),
            token: None,
            inspect: Some(inspect),
            path: Some(storage.path().to_owned()),
        };
        let sections = BTreeMap::from([("default".to_owned(), section)]);
        let storages = Storages::new("test", sections, drop).unwrap();
        Self { name, storage, path, gitaly, storages }
    }

    fn at(&self, relative_path: &str, quarantine: Quarantine) -> Repository {
        let place = Place {
            storage_name: "default",
            relative_path,
            gl_repository: "project-3".to_owned(),
            gl_project_path: "a/b",
            context: CallContext::default(),
        };
        self.storages.repository(&place, quarantine).unwrap()
    }

    /// The repository without a push.
    fn repository(&self) -> Repository {
        self.at(OWN, Quarantine::default())
    }

    /// The repository with the objects of a change.
    fn with(&self, change: &PendingChange) -> Repository {
        self.at(OWN, quarantine(change))
    }

    /// Makes a branch with one new commit, and returns the commit's id.
    fn branch(&self, name: &str) -> String {
        let commit = testkit::git::commit(&self.path, &[], name);
        git(&self.path, &["update-ref", &format!("refs/heads/{name}"), &commit]);
        commit
    }

    /// Both ways in which objects come into a quarantine.
    fn changes(&self) -> [PendingChange; 2] {
        [self.gitaly.begin_push(OWN), self.gitaly.begin_operation(OWN)]
    }
}

fn quarantine(change: &PendingChange) -> Quarantine {
    let parameters = change.parameters();
    let text = |name: &str| parameters[name].as_str().map(ToOwned::to_owned);
    Quarantine::parse(&text("env").unwrap(), text("relative_path")).unwrap()
}

async fn state(repository: &Repository) -> RepositoryState {
    let needs = StateNeeds { empty: true, default_branch: true };
    repository.state(needs).await.unwrap().unwrap()
}

fn fast_forward(old: &str, new: &str) -> Question {
    Question::FastForward { name: "refs/heads/main".to_owned(), old: old.to_owned(), new: new.to_owned() }
}

fn branches_with(commit: &str) -> Question {
    Question::BranchesWith { name: "refs/heads/main".to_owned(), commit: commit.to_owned() }
}

async fn is_fast_forward(repository: &Repository, old: &str, new: &str) -> bool {
    let answers = repository.answer(vec![fast_forward(old, new)], |_| {}).await.unwrap();
    answers.fast_forward[&(old.to_owned(), new.to_owned())]
}

/// Gitaly's rule: the only branch; else the branch of HEAD, `main` or `master`, if it exists; else the first by name.
#[tokio::test]
async fn default_branch_follows_gitalys_rule() {
    for (branches, head, expected) in [
        (&[][..], "main", None),
        (&["dev"], "main", Some("dev")),
        (&["dev", "main"], "dev", Some("dev")),
        (&["apple", "main", "master"], "nope", Some("main")),
        (&["apple", "master"], "nope", Some("master")),
        (&["apple", "banana"], "nope", Some("apple")),
        // A branch below the name is another branch.
        (&["apple", "main/x", "nope/y"], "nope", Some("apple")),
        (&["a/main", "zebra"], "main", Some("a/main")),
    ] {
        on_each(async |fixture| {
            for branch in branches {
                fixture.branch(branch);
            }
            git(&fixture.path, &["symbolic-ref", "HEAD", &format!("refs/heads/{head}")]);
            let expected = RepositoryState {
                empty: branches.is_empty(),
                default_branch: expected.map(ToOwned::to_owned),
            };
            assert_eq!(state(&fixture.repository()).await, expected, "{fixture}: {branches:?} {head}");
        })
        .await;
    }
}

#[tokio::test]
async fn missing_repository_is_not_found() {
    on_each(async |fixture| {
        let missing = fixture.at("@hashed/aa/bb/missing.git", Quarantine::default());
        assert!(!missing.exists().await.unwrap(), "{fixture}");
        for needs in [
            StateNeeds { empty: true, default_branch: false },
            StateNeeds { empty: false, default_branch: true },
        ] {
            let state = missing.state(needs).await;
            assert!(matches!(state, Err(Error::NotFound(_))), "{fixture}: {state:?}");
        }
        let branch = missing.has_branch("main").await;
        assert!(matches!(branch, Err(Error::NotFound(_))), "{fixture}: {branch:?}");
        for question in [fast_forward(UNKNOWN, UNKNOWN), branches_with(UNKNOWN)] {
            let answers = missing.answer(vec![question], |_| {}).await;
            assert!(matches!(answers, Err(Error::NotFound(_))), "{fixture}: {answers:?}");
        }
        let revisions = [UNKNOWN.to_owned()];
        let commits = missing.new_commits(&revisions).await;
        assert!(matches!(commits, Err(Error::NoSuchObject)), "{fixture}: {commits:?}");
        let blobs = missing.new_blobs(&revisions).await;
        assert!(matches!(blobs, Err(Error::NoSuchObject)), "{fixture}: {blobs:?}");
        let pointers = missing.new_lfs_pointers(&revisions).await;
        assert!(matches!(pointers, Err(Error::NoSuchObject)), "{fixture}: {pointers:?}");
        let files = missing.file_count(UNKNOWN).await;
        assert!(matches!(files, Err(Error::NoSuchObject)), "{fixture}: {files:?}");
    })
    .await;
}

#[tokio::test]
async fn created_repository_is_empty_and_stays_as_it_is() {
    on_each(async |fixture| {
        let new = fixture.at("@hashed/aa/bb/new.git", Quarantine::default());
        new.create("trunk").await.unwrap();
        assert!(new.exists().await.unwrap(), "{fixture}");
        assert_eq!(state(&new).await, RepositoryState { empty: true, default_branch: None }, "{fixture}");
        let path = fixture.storage.path().join("@hashed/aa/bb/new.git");
        assert_eq!(git(&path, &["symbolic-ref", "HEAD"]), "refs/heads/trunk", "{fixture}");
        new.create("other").await.unwrap();
        assert_eq!(git(&path, &["symbolic-ref", "HEAD"]), "refs/heads/trunk", "{fixture}");
    })
    .await;
}

#[tokio::test]
async fn branches_are_found_by_their_whole_name() {
    on_each(async |fixture| {
        fixture.branch("feature/x");
        let repository = fixture.repository();
        for (name, expected) in
            [("feature/x", true), ("feature", false), ("x", false), ("main", false), ("FEATURE/X", false)]
        {
            assert_eq!(repository.has_branch(name).await.unwrap(), Some(expected), "{fixture}: {name}");
        }
    })
    .await;
}

#[tokio::test]
async fn ancestry_is_proved_by_existing_commits_only() {
    on_each(async |fixture| {
        let first = fixture.branch("main");
        let second = testkit::git::commit(&fixture.path, &[&first], "second");
        git(&fixture.path, &["update-ref", "refs/heads/feature", &second]);
        let repository = fixture.repository();
        for (old, new, expected) in [
            (first.as_str(), second.as_str(), true),
            (&first, &first, true),
            (&second, &first, false),
            (UNKNOWN, &second, false),
            (&first, UNKNOWN, false),
        ] {
            assert_eq!(is_fast_forward(&repository, old, new).await, expected, "{fixture}: {old} {new}");
        }
        let questions = vec![branches_with(&first), branches_with(&second), branches_with(UNKNOWN)];
        let Answers { branches_with, .. } = repository.answer(questions, |_| {}).await.unwrap();
        assert_eq!(branches_with[&first], ["feature", "main"], "{fixture}");
        assert_eq!(branches_with[&second], ["feature"], "{fixture}");
        assert_eq!(branches_with[UNKNOWN], Vec::<String>::new(), "{fixture}");
    })
    .await;
}

/// Each question about a push sees the objects in its quarantine, and without the quarantine they do not exist.
#[tokio::test]
async fn objects_in_quarantine_are_seen() {
    on_each(async |fixture| {
        let main = fixture.branch("main");
        for change in fixture.changes() {
            let new = change.commit(&[&main], "in quarantine");
            let (with, without) = (fixture.with(&change), fixture.repository());
            assert!(with.check_quarantine().await.is_ok(), "{fixture}");
            assert!(is_fast_forward(&with, &main, &new).await, "{fixture}");
            assert!(!is_fast_forward(&with, &new, &main).await, "{fixture}");
            assert!(!is_fast_forward(&without, &main, &new).await, "{fixture}");
            let revisions = [new.clone()];
            let commits = with.new_commits(&revisions).await.unwrap().unwrap();
            assert_eq!(commits, [commit(&new, 1, "in quarantine\n")], "{fixture}");
            let missing = without.new_commits(&revisions).await;
            assert!(matches!(missing, Err(Error::NoSuchObject)), "{fixture}: {missing:?}");
            let missing = without.new_blobs(&revisions).await;
            assert!(matches!(missing, Err(Error::NoSuchObject)), "{fixture}: {missing:?}");
            let missing = without.new_lfs_pointers(&revisions).await;
            assert!(matches!(missing, Err(Error::NoSuchObject)), "{fixture}: {missing:?}");
            let state = state(&with).await;
            assert_eq!(state, RepositoryState { empty: false, default_branch: Some("main".to_owned()) });
        }
    })
    .await;
}

#[tokio::test]
async fn content_of_a_push_is_listed() {
    on_each(async |fixture| {
        let main = fixture.branch("main");
        for change in fixture.changes() {
            let first = change.commit_file(&[&main], "old", "old");
            let second = change.commit_file(&[&first], "lfs", POINTER);
            let root = change.commit_file(&[], "root", "1");
            let merge = change.commit_file(&[&second, &root], "both", "22");
            let repository = fixture.with(&change);
            let revisions = [merge.clone()];

            let mut commits = repository.new_commits(&revisions).await.unwrap().unwrap();
            commits.sort_by(|one, other| one.message.cmp(&other.message));
            let expected = [
                commit(&merge, 2, "both\n"),
                commit(&second, 1, "lfs\n"),
                commit(&first, 1, "old\n"),
                commit(&root, 0, "root\n"),
            ];
            assert_eq!(commits, expected, "{fixture}");

            // A commit without parents adds every file that it has.
            let mut paths = repository.changed_paths(&commits).await.unwrap().unwrap();
            paths.sort_by(|one, other| one.path.cmp(&other.path));
            let added = |path: &str| ChangedPath { path: path.to_owned(), status: PathStatus::Added };
            let removed = ChangedPath { path: "old".to_owned(), status: PathStatus::Deleted };
            let mut expected = [added("both"), added("lfs"), added("old"), removed.clone(), added("root")];
            expected.sort_by_key(|path| path.path.clone());
            assert_eq!(paths.len(), expected.len(), "{fixture}: {paths:?}");
            assert!(expected.iter().all(|path| paths.contains(path)), "{fixture}: {paths:?}");

            let mut blobs = repository.new_blobs(&revisions).await.unwrap().unwrap();
            blobs.sort_by_key(|blob| blob.size);
            let sizes: Vec<(Option<&str>, u64)> =
                blobs.iter().map(|Blob { path, size, .. }| (path.as_deref(), *size)).collect();
            let pointer_size = POINTER.len() as u64;
            let expected =
                [(Some("root"), 1), (Some("both"), 2), (Some("old"), 3), (Some("lfs"), pointer_size)];
            assert_eq!(sizes, expected, "{fixture}");

            let oid = "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce".to_owned();
            let pointers = repository.new_lfs_pointers(&revisions).await.unwrap().unwrap();
            assert_eq!(pointers, [LfsPointer { oid, size: 12345 }], "{fixture}");
            assert_eq!(repository.file_count(&merge).await.unwrap(), Some(1), "{fixture}");
        }
    })
    .await;
}

/// Content that a branch or a tag reaches is not new. Without a revision, nothing is new.
#[tokio::test]
async fn accepted_content_is_not_new() {
    on_each(async |fixture| {
        let main = fixture.branch("main");
        let tagged = testkit::git::commit(&fixture.path, &[], "tagged");
        git(&fixture.path, &["update-ref", "refs/tags/t", &tagged]);
        let repository = fixture.repository();
        for revisions in [vec![main], vec![tagged], Vec::new()] {
            assert_eq!(repository.new_commits(&revisions).await.unwrap(), Some(Vec::new()), "{fixture}");
            assert_eq!(repository.new_blobs(&revisions).await.unwrap(), Some(Vec::new()), "{fixture}");
            assert_eq!(repository.new_lfs_pointers(&revisions).await.unwrap(), Some(Vec::new()), "{fixture}");
        }
        assert_eq!(repository.changed_paths(&[]).await.unwrap(), Some(Vec::new()), "{fixture}");
    })
    .await;
}

/// A fork borrows objects from an object pool.
#[tokio::test]
async fn objects_of_a_pool_are_seen() {
    on_each(async |fixture| {
        let pool = fixture.storage.path().join(POOL);
        testkit::git::init(&pool);
        let pooled = testkit::git::commit(&pool, &[], "in the pool");
        let alternates = fixture.path.join("objects/info/alternates");
        std::fs::write(alternates, format!("../../../../../{POOL}/objects\n")).unwrap();
        git(&fixture.path, &["update-ref", "refs/heads/main", &pooled]);
        assert!(is_fast_forward(&fixture.repository(), &pooled, &pooled).await, "{fixture}");
        for change in fixture.changes() {
            let new = change.commit(&[&pooled], "on top of the pool");
            let repository = fixture.with(&change);
            assert!(is_fast_forward(&repository, &pooled, &new).await, "{fixture}");
            let commits = repository.new_commits(std::slice::from_ref(&new)).await.unwrap().unwrap();
            assert_eq!(commits, [commit(&new, 1, "on top of the pool\n")], "{fixture}");
        }
    })
    .await;
}

/// Ids with 64 digits, in a repository of SHA-256.
#[tokio::test]
async fn sha256_repositories_are_read() {
    on_each(async |fixture| {
        std::fs::remove_dir_all(&fixture.path).unwrap();
        std::fs::create_dir_all(&fixture.path).unwrap();
        git(&fixture.path, &["init", "--quiet", "--bare", "--object-format=sha256", "."]);
        let main = fixture.branch("main");
        let change = fixture.gitaly.begin_push(OWN);
        let root = change.commit_file(&[], "root", "1");
        let new = change.commit(&[&main, &root], "new");
        let repository = fixture.with(&change);
        assert_eq!(new.len(), 64);
        assert!(is_fast_forward(&repository, &main, &new).await, "{fixture}");
        let commits = repository.new_commits(&[new]).await.unwrap().unwrap();
        let paths = repository.changed_paths(&commits).await.unwrap().unwrap();
        let added = ChangedPath { path: "root".to_owned(), status: PathStatus::Added };
        assert!(paths.contains(&added), "{fixture}: {paths:?}");
    })
    .await;
}

/// A hook that writes nothing names no quarantine.
#[tokio::test]
async fn changes_without_objects_have_no_quarantine() {
    on_each(async |fixture| {
        let main = fixture.branch("main");
        let change = fixture.gitaly.begin_removal(OWN);
        let Value::String(env) = &change.parameters()["env"] else { panic!("a string") };
        let parsed = Quarantine::parse(env, None).unwrap();
        assert_eq!(parsed, Quarantine::default(), "{fixture}");
        assert!(is_fast_forward(&fixture.with(&change), &main, &main).await, "{fixture}");
    })
    .await;
}

fn commit(id: &str, parents: usize, message: &str) -> Commit {
    let (name, email) = ("A".to_owned(), "a@example.com".to_owned());
    Commit {
        id: id.to_owned(),
        parents,
        message: message.to_owned(),
        author_name: name.clone(),
        author_email: email.clone(),
        committer_name: name,
        committer_email: email,
        signed: false,
    }
}

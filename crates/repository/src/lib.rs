//! Reads git repositories, through Gitaly or on the local disk: whether they exist, and what a decision about a push
//! must know about them.
//!
//! [`Storages`] holds the configured storages and opens a [`Repository`] at a [`Place`]. Both back ends give the same
//! answers; `tests/conformance.rs` runs every method on both of them. An answer that cannot be had is an [`Error`],
//! never a guess.
//!
//! To add a question: a method on [`Repository`], one in `gitaly/`, one in `local/`, and a conformance test. A call
//! that Gitaly has and we do not speak yet is added to the crate `gitaly-proto` first.
mod call_context;
mod gitaly;
mod local;
mod quarantine;
mod repository;
mod storage;
mod usage;

pub use call_context::CallContext;
pub use domain::git::objects::{Blob, ChangedPath, Commit, LfsPointer, PathStatus};
pub use gitaly::{InvalidAddress, ServerInfo};
pub use quarantine::{InvalidQuarantine, Quarantine};
pub use repository::Repository;
pub use storage::{Inspect, InvalidStorage, Place, Storage, Storages};
pub use usage::{ProcessResult, Usage};

/// Why a repository could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program `git` did not start.
    #[error("git could not be run")]
    Spawn(#[source] std::io::Error),
    /// The disk that holds the repositories does not answer, or does not hold them.
    #[error("the storage cannot be read")]
    Storage(#[source] std::io::Error),
    /// `git` failed, with what it wrote to standard error.
    #[error("git failed: {0}")]
    Git(String),
    /// `git` did not finish in time.
    #[error("git {0} timed out")]
    Timeout(&'static str),
    /// A call to Gitaly failed, or timed out.
    #[error("Gitaly failed at {0}")]
    Gitaly(&'static str, #[source] Box<tonic::Status>),
    /// The repository does not exist.
    #[error("{0}: the repository does not exist")]
    NotFound(&'static str),
    /// The repository lacks an object of the push.
    #[error("the repository does not have the objects of the push")]
    NoSuchObject,
    /// The push brings more than this service takes into its memory.
    #[error("the push brings more than can be looked at")]
    TooMuch,
    /// A path of the quarantine leads out of the storage, e.g. through a symbolic link.
    #[error(transparent)]
    Quarantine(#[from] InvalidQuarantine),
}

/// The result of reading a repository.
pub type Result<T, E = Error> = std::result::Result<T, E>;

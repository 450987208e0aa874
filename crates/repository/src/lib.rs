//! Reads git repositories, through Gitaly or on the local disk: whether they exist, and the facts that a
//! decision about a push needs. It makes no decisions, and writes nothing except new, empty repositories.
//!
//! [`Storages`] holds the configured storages and opens a [`Repository`] at a [`Place`]. Both back ends return
//! the same results; `tests/conformance.rs` runs every method on both of them. If a fact cannot be read, the
//! result is an [`Error`], never a guess.
//!
//! To add a query: add a method to [`Repository`], its implementations in `gitaly/` and `local/`, and a
//! conformance test. A call of Gitaly that is not used yet is first added to the crate `gitaly-proto`.
#![warn(missing_docs)]

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
    /// The disk with the repositories does not respond, or has no repositories.
    #[error("the storage cannot be read")]
    Storage(#[source] std::io::Error),
    /// `git` failed. The string is its standard error.
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
    /// The push adds more data than this service loads into memory.
    #[error("the push brings more than can be looked at")]
    TooMuch,
    /// A path of the quarantine is outside of the storage, for example through a symbolic link.
    #[error(transparent)]
    Quarantine(#[from] InvalidQuarantine),
}

/// The result of reading a repository.
pub type Result<T, E = Error> = std::result::Result<T, E>;

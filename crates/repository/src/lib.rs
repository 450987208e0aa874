//! Looks into git repositories: whether they are there, and what a decision about a push must know of them.
//!
//! A [`Storage`] is where repositories lie; it is looked into as its configuration says. What cannot be answered
//! is an [`Error`], or an answer left out: both count against the push.
mod content;
mod gitaly;
mod local;
mod quarantine;
mod storage;

pub use content::{Blob, ChangedPath, Commit, LfsPointer, PathStatus};
pub use gitaly::InvalidAddress;
pub use quarantine::{InvalidQuarantine, Quarantine};
pub use storage::{Inspect, InvalidStorage, Place, Repository, Storage, Storages};

/// The repository could not be looked into.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("git could not be run")]
    Spawn(#[source] std::io::Error),
    #[error("the storage cannot be read")]
    Storage(#[source] std::io::Error),
    #[error("git failed: {0}")]
    Git(String),
    #[error("Gitaly failed at {0}")]
    Gitaly(&'static str, #[source] Box<tonic::Status>),
    /// The repository, or what was asked about.
    #[error("Gitaly does not find what {0} asks for")]
    NotFound(&'static str),
    /// What was asked about is not there.
    #[error("the repository does not have the objects of the push")]
    NoSuchObject,
    /// More than this service takes into its memory for one push.
    #[error("the push brings more than can be looked at")]
    TooMuch,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

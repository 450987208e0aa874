//! What a push brings into a repository: the domain's words, for the rules judge them.
pub use domain::git::objects::{Blob, ChangedPath, Commit, LfsPointer, PathStatus};

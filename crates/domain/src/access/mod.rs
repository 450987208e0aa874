//! Who may do what with a git repository.
//!
//! [`decide`] answers for the request as a whole; it is the ordered table, row by row. A push whose changes are
//! known goes on to [`push`], line by line, and to [`push_content`], for what comes with it. All only read facts: [`Request`] is what the caller asks, [`Facts`]
//! what the installation knows.
pub mod branch_protection;
mod decision;
mod denial;
mod facts;
pub mod protected_refs;
pub mod push;
pub mod push_content;
mod push_rule;
mod re2;
mod request;
mod secret_files;
pub mod snippet_push;
#[cfg(test)]
pub(crate) mod test_facts;

pub use decision::{Verdict, decide};
pub use denial::Denial;
pub use facts::{Facts, ProjectFacts, RepositoryStatus, Target};
pub use push_rule::{Identity, PushRule};
pub use request::{Action, Protocol, Request};

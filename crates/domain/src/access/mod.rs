//! Who may do what with a git repository.
//!
//! [`decide`] decides the request as a whole; it is an ordered table, row by row. A push with a list of changes goes on
//! to [`push`], which checks each line, and to [`push_content`], which checks the new commits and files. All of them
//! only read facts: [`Request`] holds the parameters, [`Facts`] what the database and the storages know.
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
pub use request::{Action, ClientAddress, Protocol, Request, parse_allowed_ips, parse_ip_range};

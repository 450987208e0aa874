//! Access control for git repositories.
//!
//! [`decide`] decides the request as a whole with an ordered table. A push with a list of changes is then
//! checked by [`push`], line by line, and by [`push_content`], which checks the new commits and files. All
//! of them only read facts: [`Request`] contains the parameters, and [`Facts`] the data from the database
//! and the storages.
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
mod rule;
mod secret_files;
pub mod snippet_push;
#[cfg(test)]
pub(crate) mod test_facts;

pub use decision::{Outcome, Step, Verdict, decide, explain};
pub use denial::Denial;
pub use facts::{Facts, ProjectFacts, RepositoryStatus, Target};
pub use push_rule::{Identity, PushRule};
pub use request::{Action, ClientAddress, Protocol, Request, parse_allowed_ips, parse_ip_range};
pub use rule::{Refusal, Rule};

//! Both databases, behind one connection type.
//!
//! A query is written once, for [`Conn`]; a function here takes `&mut Conn` and domain values, and gives domain
//! values. One file is one aggregate. What writes runs inside [`Conn::write`]; nothing outside this crate sees a
//! column. The names are GitLab's, because the tables may be a running GitLab's.
pub mod accounts;
pub mod admin;
pub mod agents;
pub mod alerts;
pub mod billing;
pub mod broadcast_messages;
mod conn;
pub mod deploy_tokens;
mod error;
pub mod error_tracking;
pub mod ext;
pub mod feature_flags;
pub mod git_access;
pub mod keys;
pub mod lfs;
pub mod maintenance;
pub mod memberships;
pub mod merge_requests;
mod migrations;
pub mod namespaces;
pub mod outbox;
pub mod personal_access_tokens;
mod pool;
pub mod pool_repositories;
pub mod projects;
pub mod protected_refs;
pub mod push_checks;
mod rows;
pub mod scan_policies;
pub mod schema;
pub mod scim;
pub mod seed;
pub mod settings;
pub mod snippets;
pub mod ssh_certificates;
pub mod token_holders;
pub mod types;
pub mod usage;
pub mod users;
mod values;
pub mod visibility;
pub mod vulnerabilities;

pub use conn::{Conn, Location, MultiBackend};
pub use error::{Error, Result};
pub use migrations::{Migrations, is_owned_by_rails, migrate, verify};
pub use pool::{Pool, PoolOptions, PoolStatus, Usage};

/// Whether the database answers.
pub fn ping(conn: &mut Conn) -> Result<()> {
    Ok(diesel::r2d2::R2D2Connection::ping(conn)?)
}

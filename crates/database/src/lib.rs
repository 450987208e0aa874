//! Access to PostgreSQL and SQLite with one connection type.
//!
//! Each query is written once, for [`Conn`]. A function takes `&mut Conn` and domain values, and returns
//! domain values. Each file is one aggregate. Writes run inside [`Conn::write`], and no column is visible
//! outside this crate. The names are GitLab's, because the tables may belong to a running GitLab.
pub mod accounts;
pub mod admin;
pub mod agents;
pub mod alerts;
pub mod billing;
pub mod broadcast_messages;
pub mod catalogue;
pub mod check;
mod conn;
mod connections;
mod connector;
pub mod deploy_tokens;
mod error;
pub mod error_tracking;
pub mod feature_flags;
pub mod git_access;
mod grants;
pub mod keys;
pub mod lfs;
mod location;
pub mod maintenance;
pub mod memberships;
pub mod merge_requests;
mod migrations;
pub mod namespaces;
mod new_accounts;
mod organizations;
pub mod outbox;
pub mod personal_access_tokens;
mod pool;
pub mod pool_repositories;
pub mod projects;
pub mod protected_refs;
pub mod push_checks;
pub mod registry;
mod rights;
pub mod scan_policies;
pub mod schema;
pub mod scim;
pub mod seed;
mod session;
pub mod settings;
pub mod snippets;
mod sql;
pub mod ssh_certificates;
pub mod standalone;
pub mod token_holders;
mod trace;
pub mod types;
mod unique_indexes;
pub mod usage;
pub mod users;
pub mod visibility;
pub mod vulnerabilities;

pub use catalogue::Catalogue;
pub use conn::{Conn, MultiBackend};
pub use connector::{ConnectOptions, Pooler, PreparedStatements};
pub use error::{Error, Result};
pub use grants::grants;
pub use location::{Location, PostgresqlUrl};
pub use migrations::{Migrations, is_owned_by_rails, migrate};
pub use pool::{Pool, PoolOptions, PoolStatus, Usage};

/// Checks that the database responds.
pub fn ping(conn: &mut Conn) -> Result<()> {
    Ok(diesel::r2d2::R2D2Connection::ping(conn)?)
}

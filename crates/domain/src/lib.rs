//! GitLab's vocabulary and rules, with no HTTP, no SQL and no clock.
//!
//! The vocabulary consists of types that are always valid ([`GlRepository`], [`Role`],
//! [`git::changes::Change`]). The rules are pure functions over facts that the caller has loaded. The main
//! module is [`access`], the ordered table that decides who may do what with a git repository. To add a
//! rule, add its fact to the type that carries it, its row to the table, and a test beside it.
#![warn(missing_docs)]

pub mod access;
pub mod account;
mod account_defaults;
pub mod actor;
pub mod agents;
pub mod billing;
mod error;
pub mod git;
mod hex;
pub mod instance;
pub mod json;
pub mod messages;
pub mod namespace;
pub mod namespace_path;
pub mod path_name;
pub mod project;
mod role;
pub mod snippet;
pub mod ssh_key;
pub mod storage_limit;
pub mod synced_membership;
pub mod text;
pub mod tokens;
pub mod user;
pub mod username;
mod violations;

pub use account_defaults::AccountDefaults;
pub use error::{Error, Result};
pub use git::repository_id::{GitPath, GlRepository, hashed_path};
pub use hex::hex;
pub use role::{FeatureLevel, Role, Visibility};
pub use violations::Violations;

//! GitLab's words and rules, with no HTTP, no SQL and no clock.
//!
//! Words are types that are valid once they exist ([`GlRepository`], [`Role`], [`changes::Change`]);
//! rules are pure functions over facts that somebody else has gathered. The heart is [`access`]: the ordered
//! table that says who may do what with a git repository. To add a rule, add its fact to the type that carries
//! it, its row to the table, and a test beside it.
pub mod access;
pub mod access_token;
pub mod account;
pub mod actor;
pub mod agent_configuration;
pub mod alert;
pub mod billing;
pub mod branch_protection;
pub mod cadence;
pub mod changes;
pub mod content;
mod error;
mod hex;
pub mod instance;
pub mod messages;
pub mod namespace;
pub mod personal_access_token;
pub mod project;
pub mod protected_refs;
pub mod push_options;
pub mod ref_name;
mod repository_id;
mod role;
pub mod snippet;
pub mod ssh_key;
pub mod storage_limit;
pub mod token_holder;
pub mod usage;
pub mod user;
pub mod username;
mod violations;
pub mod vulnerability;
pub mod wildcard;

pub use error::{Error, Result};
pub use hex::hex;
pub use repository_id::{GitPath, GlRepository, hashed_path};
pub use role::{FeatureLevel, Role, Visibility};
pub use violations::Violations;

//! Data for administrators: exclusions from the storage limit, audit events, and searches for users and
//! namespaces.
pub mod audit;
pub mod exclusions;
pub mod identities;
mod list;
pub mod namespaces;
pub mod users;
mod window;

pub use window::{Page, Total, Window};

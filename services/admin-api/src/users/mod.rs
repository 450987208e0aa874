//! Users, and their identities at identity providers.
pub mod identities;
pub mod list;

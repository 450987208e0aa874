//! People, and by what they are known to providers of identities.
pub mod identities;
pub mod list;

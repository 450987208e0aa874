//! The client keys with which applications report errors.
pub(crate) mod allowed;

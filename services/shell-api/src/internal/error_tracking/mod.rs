//! Keys that applications report their errors with.
pub(crate) mod allowed;

//! One file per parser: what holds for whatever it is given.
pub mod changes;
pub mod names;
pub mod parameters;
pub mod push_options;
pub mod quarantine;
pub mod ssh_keys;
pub mod tokens;

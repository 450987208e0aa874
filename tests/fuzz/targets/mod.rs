//! One file per parser: the properties that hold for any input.
pub mod changes;
pub mod names;
pub mod parameters;
pub mod push_options;
pub mod quarantine;
pub mod ssh_keys;
pub mod tokens;

//! Purchased compute minutes.
pub mod create;
pub mod move_all;

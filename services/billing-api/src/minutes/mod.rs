//! Compute minutes that were bought.
pub mod create;
pub mod move_all;

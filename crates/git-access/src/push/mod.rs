//! Checks the changes of a push, line by line.
pub mod content;
pub mod refs;
pub mod snippet;

//! Looks up the actor, the target (project, snippet or group) and the location of its repository.
pub mod database;
pub mod location;
pub mod namespace;
pub mod target;

//! Looks up what a request names: the actor, the project, snippet or group, and where its repository lies.
pub mod database;
pub mod location;
pub mod namespace;
pub mod target;

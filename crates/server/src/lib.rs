//! The process of a service: configuration, listeners, TLS, secrets, health, lifecycle and access log.
//!
//! A service implements [`Service`] for its clap struct and calls [`run`] in `main`. Tests call [`serve`] on
//! their own port. The types that handlers use are in the crate `endpoint`.
mod allocator;
mod chunked;
pub mod config;
mod core;
mod framing;
mod health;
mod listener;
mod notify;
mod observe;
mod process;
pub mod secrets;
mod stream;
mod tls;

pub use core::{CoreBuilder, database_location, prepare_database};
pub use listener::serve;
pub use process::{Command, Prepared, Service, harden, run};
pub use secrets::SecretFile;

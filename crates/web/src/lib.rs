//! What the HTTP of every service has in common: configuration, listening, health, logs, metrics, limits, errors,
//! parameters, secrets, an orderly end.
//!
//! A service is a [`ServiceInfo`] (its name and its [`Endpoint`]s, as data), an `App` (what its handlers use, with a
//! [`Core`] in it) and its routes. [`run`] makes a process of it, [`serve`] a server for a test.
pub mod access_token;
mod address;
pub mod body;
mod clock;
pub mod config;
mod context;
mod core;
mod endpoint;
mod error;
mod health;
mod lifecycle;
mod observe;
mod params;
mod process;
mod rate_limit;
pub mod secrets;
mod server;
mod settings;
mod tls;
mod tree;

pub use address::origin;
pub use clock::Clock;
pub use context::{Context, LogFields};
pub use core::{Core, FurtherMetrics, ServiceInfo, Start, database_location};
pub use endpoint::{Endpoint, MIB, not_found, or_not_allowed, resource, with_methods};
pub use error::{RestError, status};
pub use lifecycle::Lifecycle;
pub use params::Params;
pub use process::{Command, Prepared, Service, run};
pub use rate_limit::Throttled;
pub use secrets::SecretFile;
pub use server::serve;
pub use settings::SettingsCache;
pub use tree::{Sent, Tree, TreeError, parse_json};

//! Types for one HTTP request: parameters, errors, endpoint table, caller and rate limits.
//!
//! A service declares its [`Endpoint`]s as data in a [`ServiceInfo`]. Routes, metrics, limits and tests use
//! the same table. Handlers take a [`Context`] (the client, deadline and log fields of the request) and a
//! [`Core`] (pool, counters, clock). Listening, configuration and signals belong to the crate `server`.
pub mod access_token;
mod address;
pub mod audit;
pub mod body;
mod clock;
pub mod connection;
mod context;
mod core;
mod jobs;
mod lifecycle;
mod log_fields;
mod memory_budget;
mod nested_params;
mod params;
pub mod rate_limit;
mod rest;
mod route;
mod settings;

pub use address::{ClientEntry, client, origin};
pub use clock::Clock;
pub use context::{CONTEXT, Context, Costs, TALLY, Tally};
pub use core::{Core, FurtherMetrics, ServiceInfo, Shared};
pub use jobs::{EnqueueError, JobSink};
pub use lifecycle::Lifecycle;
pub use log_fields::{FieldValue, LogFields, log_field, log_optional_field, log_user};
pub use memory_budget::{MemoryBudget, MemoryShare};
pub use nested_params::{DeferredParams, NestedParams, NestedParamsError, media_type};
pub use params::Params;
pub use rate_limit::Throttled;
pub use rest::{RestError, interrupted, status};
pub use route::{
    Endpoint, EndpointBuilder, EndpointTable, MIB, add_routes, not_found, or_not_allowed, resources,
};
pub use settings::SettingsCache;

//! What agents for Kubernetes send and receive: configuration, usage, alerts, vulnerabilities, cadences.
pub mod alert;
pub mod cadence;
pub mod configuration;
pub mod usage;
pub mod vulnerability;

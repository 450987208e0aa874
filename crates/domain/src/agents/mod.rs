//! Agents for Kubernetes: their configuration, usage, alerts, vulnerabilities and scan cadences.
pub mod alert;
pub mod cadence;
pub mod configuration;
pub mod usage;
pub mod vulnerability;

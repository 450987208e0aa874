//! Agents for Kubernetes: their names, configuration, usage, alerts, vulnerabilities and scan cadences.
pub mod agent_name;
pub mod alert;
pub mod cadence;
pub mod configuration;
pub mod usage;
pub mod vulnerability;

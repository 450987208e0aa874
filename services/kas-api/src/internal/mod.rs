//! The endpoints, by their names below `/api/v4/internal/kubernetes`.
pub(crate) mod agent_configuration;
pub(crate) mod agent_events;
pub(crate) mod agent_info;
pub(crate) mod authorize_proxy_user;
pub(crate) mod modules;
pub(crate) mod project_info;
pub(crate) mod receptive_agents;
pub(crate) mod usage_metrics;
pub(crate) mod verify_project_access;

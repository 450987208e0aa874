//! The API for kas, the GitLab agent server for Kubernetes: agents, their projects, grants and reports.
//!
//! Each endpoint has a file below `internal`, named after its path, with its parameters, response and
//! handler.
mod error;
mod identity;
mod internal;
mod options;
mod params;
mod project;
mod usage;

use std::net::TcpListener;
use std::sync::{Arc, LazyLock};

use actix_web::dev::Server;
use actix_web::web::{Data, ServiceConfig};
use auth::KeyBase;
use endpoint::{Core, Endpoint, EndpointTable, MIB, ServiceInfo, SettingsCache, add_routes};
use repository::Storages;
use server::SecretFile;

pub use identity::{Kas, KasAgent};
pub use options::{KasOptions, Options};

const AGENT: &str = "deployment_management";
const VULNERABILITIES: &str = "vulnerability_management";
const POLICIES: &str = "security_policy_management";

/// The agent that a request is about, and its project.
const AGENT_PROJECT: &[&str] = &["agent_id", "gl_project_id"];
/// The agent and its project, and the project that the agent asks for.
const REQUESTED_PROJECT: &[&str] = &["agent_id", "gl_project_id", "requested_project_id"];

/// Every endpoint: its route, category and limits.
pub static ENDPOINTS: EndpointTable = LazyLock::new(|| {
    use internal::modules::cilium_alert;
    use internal::modules::starboard_vulnerability::{
        policies_configuration, put, scan_execution_policies, scan_result,
    };
    use internal::{
        agent_configuration, agent_events, agent_info, authorize_proxy_user, project_info, receptive_agents,
        usage_metrics, verify_project_access,
    };
    let internal = |path: &str| format!("/api/v4/internal/{path}");
    let kubernetes = |path: &str| internal(&format!("kubernetes/{path}"));
    let starboard = |path: &str| kubernetes(&format!("modules/starboard_vulnerability{path}"));
    vec![
        Endpoint::get(kubernetes("agent_info"))
            .category(AGENT)
            .subject(AGENT_PROJECT)
            .to(agent_info::handler),
        Endpoint::get(internal("agents/agentk/agent_info"))
            .category(AGENT)
            .subject(AGENT_PROJECT)
            .to(agent_info::handler),
        Endpoint::get(kubernetes("project_info"))
            .category(AGENT)
            .subject(REQUESTED_PROJECT)
            .to(project_info::handler),
        Endpoint::get(kubernetes("verify_project_access"))
            .category(AGENT)
            .subject(REQUESTED_PROJECT)
            .to(verify_project_access::handler),
        Endpoint::post(kubernetes("usage_metrics"))
            .category(AGENT)
            .max_body(10 * MIB)
            .subject(&["counters", "unique_ids"])
            .to(usage_metrics::handler),
        Endpoint::post(kubernetes("agent_events"))
            .category(AGENT)
            .max_body(10 * MIB)
            .subject(&["events", "dropped_events"])
            .to(agent_events::handler),
        Endpoint::post(kubernetes("agent_configuration"))
            .category(AGENT)
            .max_body(10 * MIB)
            .subject(&["agent_id", "gl_project_id", "authorizations_added", "authorizations_removed"])
            .to(agent_configuration::handler),
        Endpoint::post(kubernetes("authorize_proxy_user"))
            .category(AGENT)
            .subject(&["agent_id", "gl_project_id", "gl_user_id", "gl_user_name", "access_type"])
            .to(authorize_proxy_user::handler),
        Endpoint::get(kubernetes("receptive_agents"))
            .category(AGENT)
            .subject(&["agents"])
            .to(receptive_agents::handler),
        Endpoint::put(starboard(""))
            .category(VULNERABILITIES)
            .max_body(10 * MIB)
            .subject(&["agent_id", "gl_project_id", "vulnerability_uuid", "vulnerability_created"])
            .to(put::handler),
        Endpoint::post(starboard("/scan_result"))
            .category(VULNERABILITIES)
            .max_body(10 * MIB)
            .subject(&["agent_id", "gl_project_id", "uuids", "resolved"])
            .to(scan_result::handler),
        Endpoint::get(starboard("/scan_execution_policies"))
            .category(POLICIES)
            .subject(&["agent_id", "gl_project_id", "policies"])
            .to(scan_execution_policies::handler),
        Endpoint::get(starboard("/policies_configuration"))
            .category(POLICIES)
            .subject(&["agent_id", "gl_project_id", "policies", "skipped_rules"])
            .to(policies_configuration::handler),
        Endpoint::post(kubernetes("modules/cilium_alert"))
            .category("incident_management")
            .max_body(10 * MIB)
            .subject(&["agent_id", "gl_project_id", "alert_iid", "alert_events"])
            .to(cilium_alert::handler),
    ]
});

pub static INFO: ServiceInfo = ServiceInfo {
    name: "kas-api",
    consumer: "kas",
    version: env!("CARGO_PKG_VERSION"),
    port: 8082,
    monitoring_port: 9082,
    endpoints: &ENDPOINTS,
    body_budget: 20 * MIB,
    structures: &["storages"],
    interrupted: endpoint::interrupted,
};

/// The state that all handlers share.
#[derive(Debug)]
pub struct App {
    pub core: Arc<Core>,
    pub secret: Arc<SecretFile>,
    pub key_base: Arc<SecretFile<KeyBase>>,
    pub settings: SettingsCache,
    pub storages: Storages,
    pub options: KasOptions,
}

/// Serves `app` on `listener` until the returned server is stopped.
pub fn serve(listener: TcpListener, app: App) -> std::io::Result<Server> {
    let core = Arc::clone(&app.core);
    server::serve(listener, &core, with(app))
}

/// The routes with `app` as their state.
fn with(app: App) -> impl Fn(&mut ServiceConfig) + Clone + Send + Sync {
    let app = Data::new(app);
    move |config: &mut ServiceConfig| {
        config.app_data(app.clone());
        add_routes(config, ENDPOINTS.iter());
    }
}

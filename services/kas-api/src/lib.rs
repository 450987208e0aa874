//! The API for kas, the GitLab agent server for Kubernetes: agents, their projects, their grants, and what they report.
//!
//! An endpoint is a file below `internal`, named after its path: parameters, response, handler.
mod error;
mod identity;
mod internal;
mod options;
mod params;
mod project;
mod usage;

use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::http::Method;
use actix_web::web::{Data, ServiceConfig, to};
use auth::KeyBase;
use endpoint::{Core, Endpoint, MIB, ServiceInfo, SettingsCache, resource};
use repository::Storages;
use server::SecretFile;

pub use identity::{Kas, KasAgent};
pub use options::{KasOptions, Options};

const AGENT: &str = "deployment_management";
const SECURITY: &str = "vulnerability_management";

/// The endpoint table, which tests, metrics and limits read.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint::new("GET", "/api/v4/internal/kubernetes/agent_info", AGENT),
    Endpoint::new("GET", "/api/v4/internal/agents/agentk/agent_info", AGENT),
    Endpoint::new("GET", "/api/v4/internal/kubernetes/project_info", AGENT),
    Endpoint::new("GET", "/api/v4/internal/kubernetes/verify_project_access", AGENT),
    Endpoint::new("POST", "/api/v4/internal/kubernetes/usage_metrics", AGENT).max_body(10 * MIB),
    Endpoint::new("POST", "/api/v4/internal/kubernetes/agent_events", AGENT).max_body(10 * MIB),
    Endpoint::new("POST", "/api/v4/internal/kubernetes/agent_configuration", AGENT).max_body(10 * MIB),
    Endpoint::new("POST", "/api/v4/internal/kubernetes/authorize_proxy_user", AGENT),
    Endpoint::new("GET", "/api/v4/internal/kubernetes/receptive_agents", AGENT),
    Endpoint::new("PUT", "/api/v4/internal/kubernetes/modules/starboard_vulnerability", SECURITY)
        .max_body(10 * MIB),
    Endpoint::new(
        "POST",
        "/api/v4/internal/kubernetes/modules/starboard_vulnerability/scan_result",
        SECURITY,
    )
    .max_body(10 * MIB),
    Endpoint::new(
        "GET",
        "/api/v4/internal/kubernetes/modules/starboard_vulnerability/scan_execution_policies",
        "security_policy_management",
    ),
    Endpoint::new(
        "GET",
        "/api/v4/internal/kubernetes/modules/starboard_vulnerability/policies_configuration",
        "security_policy_management",
    ),
    Endpoint::new("POST", "/api/v4/internal/kubernetes/modules/cilium_alert", "incident_management")
        .max_body(10 * MIB),
];

pub const INFO: ServiceInfo = ServiceInfo {
    name: "kas-api",
    consumer: "kas",
    version: env!("CARGO_PKG_VERSION"),
    port: 8082,
    monitoring_port: 9082,
    endpoints: ENDPOINTS,
    body_budget: 20 * MIB,
    structures: &["storages"],
};

/// The state that every handler may use.
#[derive(Debug)]
pub struct App {
    pub core: Arc<Core>,
    pub secret: Arc<SecretFile>,
    pub key_base: Arc<SecretFile<KeyBase>>,
    pub settings: SettingsCache,
    pub storages: Storages,
    pub options: KasOptions,
}

/// Every route of this service.
pub fn routes(config: &mut ServiceConfig) {
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
    macro_rules! get {
        ($path:expr, $handler:expr) => {
            resource(&$path, vec![(Method::GET, to($handler))])
        };
    }
    config
        .service(get!(kubernetes("agent_info"), agent_info::handler))
        .service(get!(internal("agents/agentk/agent_info"), agent_info::handler))
        .service(get!(kubernetes("project_info"), project_info::handler))
        .service(get!(kubernetes("verify_project_access"), verify_project_access::handler))
        .service(resource(&kubernetes("usage_metrics"), vec![(Method::POST, to(usage_metrics::handler))]))
        .service(resource(&kubernetes("agent_events"), vec![(Method::POST, to(agent_events::handler))]))
        .service(resource(
            &kubernetes("agent_configuration"),
            vec![(Method::POST, to(agent_configuration::handler))],
        ))
        .service(resource(
            &kubernetes("authorize_proxy_user"),
            vec![(Method::POST, to(authorize_proxy_user::handler))],
        ))
        .service(get!(kubernetes("receptive_agents"), receptive_agents::handler))
        .service(resource(&starboard(""), vec![(Method::PUT, to(put::handler))]))
        .service(resource(&starboard("/scan_result"), vec![(Method::POST, to(scan_result::handler))]))
        .service(get!(starboard("/scan_execution_policies"), scan_execution_policies::handler))
        .service(get!(starboard("/policies_configuration"), policies_configuration::handler))
        .service(resource(
            &kubernetes("modules/cilium_alert"),
            vec![(Method::POST, to(cilium_alert::handler))],
        ));
}

/// Serves `app` on `listener` until the returned server is stopped.
pub fn serve(listener: TcpListener, app: App) -> std::io::Result<Server> {
    let core = Arc::clone(&app.core);
    server::serve(listener, &core, with(app))
}

/// The routes, with `app` as their state.
fn with(app: App) -> impl Fn(&mut ServiceConfig) + Clone + Send + Sync {
    let app = Data::new(app);
    move |config: &mut ServiceConfig| {
        config.app_data(app.clone());
        routes(config);
    }
}

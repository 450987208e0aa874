//! The API for administrators: exclusions from the storage limit, and the identities of users.
//!
//! It has two interfaces: an API in the format of GitLab's REST API, below `/api/v4` and `/v4`, and pages of
//! the Admin area, below `/admin`. Each API endpoint is a file in the folder of its noun. The pages are in
//! `page`.
mod error;
mod exclusions;
mod identity;
mod links;
mod namespaces;
mod options;
mod page;
mod paging;
mod params;
mod users;

use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::http::Method;
use actix_web::web::{Data, ServiceConfig, to};
use auth::KeyBase;
use endpoint::{Core, Endpoint, MIB, ServiceInfo, resource};
use server::SecretFile;

pub use error::AdminError;
pub use identity::Admin;
pub use options::Options;

const LIMITS: &str = "consumables_cost_management";
const PEOPLE: &str = "user_management";

/// Every endpoint, for tests, metrics and limits: the API under both prefixes, then the pages.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint::new("GET", "/api/v4/namespaces/storage/limit_exclusions", LIMITS),
    Endpoint::new("POST", "/api/v4/namespaces/{id}/storage/limit_exclusion", LIMITS),
    Endpoint::new("DELETE", "/api/v4/namespaces/{id}/storage/limit_exclusion", LIMITS),
    Endpoint::new("GET", "/api/v4/namespaces", LIMITS),
    Endpoint::new("GET", "/api/v4/users", PEOPLE),
    Endpoint::new("GET", "/api/v4/users/{id}/identities", PEOPLE),
    Endpoint::new("GET", "/v4/namespaces/storage/limit_exclusions", LIMITS),
    Endpoint::new("POST", "/v4/namespaces/{id}/storage/limit_exclusion", LIMITS),
    Endpoint::new("DELETE", "/v4/namespaces/{id}/storage/limit_exclusion", LIMITS),
    Endpoint::new("GET", "/v4/namespaces", LIMITS),
    Endpoint::new("GET", "/v4/users", PEOPLE),
    Endpoint::new("GET", "/v4/users/{id}/identities", PEOPLE),
    Endpoint::new("GET", "/admin", LIMITS),
    Endpoint::new("GET", "/admin/session/new", "system_access"),
    Endpoint::new("GET", "/admin/session", "system_access"),
    Endpoint::new("POST", "/admin/session", "system_access"),
    Endpoint::new("DELETE", "/admin/session", "system_access"),
    Endpoint::new("GET", "/admin/namespace_limits", LIMITS),
    Endpoint::new("POST", "/admin/namespace_limits", LIMITS),
    Endpoint::new("GET", "/admin/namespace_limits/namespaces", LIMITS),
    Endpoint::new("GET", "/admin/namespace_limits/{id}/remove", LIMITS),
    Endpoint::new("POST", "/admin/namespace_limits/{id}/remove", LIMITS),
    Endpoint::new("GET", "/admin/users", PEOPLE),
    Endpoint::new("GET", "/admin/users/{username}/identities", PEOPLE),
    Endpoint::new("GET", "/admin/audit_events", "audit_events"),
    Endpoint::new("GET", "/admin/assets/{name}", LIMITS),
];

pub const INFO: ServiceInfo = ServiceInfo {
    name: "admin-api",
    consumer: "admin",
    version: env!("CARGO_PKG_VERSION"),
    port: 8084,
    monitoring_port: 9084,
    endpoints: ENDPOINTS,
    body_budget: 16 * MIB,
    structures: &[],
};

/// The state that all handlers share.
#[derive(Debug)]
pub struct App {
    pub core: Arc<Core>,
    pub key_base: Arc<SecretFile<KeyBase>>,
    /// The start time of this process, a Unix timestamp in seconds.
    pub started: i64,
}

/// Every route of this service.
pub fn routes(config: &mut ServiceConfig) {
    for prefix in ["/api/v4", "/v4"] {
        let path = |rest: &str| format!("{prefix}{rest}");
        config
            .service(resource(
                &path("/namespaces/storage/limit_exclusions"),
                vec![(Method::GET, to(exclusions::list::handler))],
            ))
            .service(resource(
                &path("/namespaces/{id}/storage/limit_exclusion"),
                vec![
                    (Method::POST, to(exclusions::create::handler)),
                    (Method::DELETE, to(exclusions::delete::handler)),
                ],
            ))
            .service(resource(&path("/namespaces"), vec![(Method::GET, to(namespaces::handler))]))
            .service(resource(&path("/users"), vec![(Method::GET, to(users::list::handler))]))
            .service(resource(
                &path("/users/{id}/identities"),
                vec![(Method::GET, to(users::identities::handler))],
            ));
    }
    page::routes(config);
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
        routes(config);
    }
}

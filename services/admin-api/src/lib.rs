//! The API for administrators: exclusions from the storage limit, and the identities of users.
//!
//! It has two interfaces: an API in the format of GitLab's REST API, below `/api/v4` and `/v4`, and pages of
//! the Admin area, below `/admin`. Each API endpoint is a file in the folder of its noun. The pages are in
//! `page`.
mod audit;
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
use std::sync::{Arc, LazyLock};

use actix_web::dev::Server;
use actix_web::web::{Data, ServiceConfig};
use auth::KeyBase;
use endpoint::{Core, Endpoint, EndpointTable, MIB, ServiceInfo, add_routes};
use server::SecretFile;

pub use error::AdminError;
pub use identity::Admin;
pub use options::Options;

/// GitLab's feature categories.
const LIMITS: &str = "consumables_cost_management";
const USERS: &str = "user_management";

/// The administrator.
pub(crate) const ADMINISTRATOR: &[&str] = &["gl_user_id", "gl_user_name"];
/// The administrator, and the number of items in a list.
pub(crate) const LIST: &[&str] = &["gl_user_id", "gl_user_name", "results"];
/// The administrator, and the namespace that a request is about.
pub(crate) const NAMESPACE: &[&str] = &["gl_user_id", "gl_user_name", "gl_namespace_id"];
/// The administrator, and the user that a request is about.
pub(crate) const USER: &[&str] = &["gl_user_id", "gl_user_name", "target_user_id"];

/// Every endpoint, with its route and limits: the API under both prefixes, then the pages.
pub static ENDPOINTS: EndpointTable = LazyLock::new(|| {
    let mut endpoints = Vec::new();
    for prefix in ["/api/v4", "/v4"] {
        let path = |rest: &str| format!("{prefix}{rest}");
        endpoints.extend([
            Endpoint::get(path("/namespaces/storage/limit_exclusions"))
                .category(LIMITS)
                .subject(LIST)
                .to(exclusions::list::handler),
            Endpoint::post(path("/namespaces/{id}/storage/limit_exclusion"))
                .category(LIMITS)
                .subject(NAMESPACE)
                .to(exclusions::create::handler),
            Endpoint::delete(path("/namespaces/{id}/storage/limit_exclusion"))
                .category(LIMITS)
                .subject(NAMESPACE)
                .to(exclusions::delete::handler),
            Endpoint::get(path("/namespaces")).category(LIMITS).subject(LIST).to(namespaces::handler),
            Endpoint::get(path("/users")).category(USERS).subject(LIST).to(users::list::handler),
            Endpoint::get(path("/users/{id}/identities"))
                .category(USERS)
                .subject(USER)
                .to(users::identities::handler),
        ]);
    }
    endpoints.extend(page::endpoints());
    endpoints
});

pub static INFO: ServiceInfo = ServiceInfo {
    name: "admin-api",
    consumer: "admin",
    version: env!("CARGO_PKG_VERSION"),
    port: 8084,
    monitoring_port: 9084,
    endpoints: &ENDPOINTS,
    body_budget: 16 * MIB,
    structures: &[],
    interrupted: endpoint::interrupted,
};

/// The state that all handlers share.
#[derive(Debug)]
pub struct App {
    pub core: Arc<Core>,
    pub key_base: Arc<SecretFile<KeyBase>>,
    /// The start time of this process, a Unix timestamp in seconds.
    pub started: i64,
}

fn routes(config: &mut ServiceConfig) {
    let (pages, api): (Vec<_>, Vec<_>) =
        ENDPOINTS.iter().partition(|endpoint| endpoint.path.starts_with(page::ROOT));
    add_routes(config, api);
    page::routes(config, pages);
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

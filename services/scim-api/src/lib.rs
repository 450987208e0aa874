//! SCIM 2.0 for identity providers: lists, creates, changes and deactivates accounts, for a group with
//! single sign-on or for the whole instance. Both base paths share their handlers.
//!
//! Each endpoint of users is a file in `users`, and each endpoint of groups a file in `groups`. The
//! discovery documents are in `discovery`.
mod answer;
mod discovery;
mod effects;
mod error;
mod groups;
mod identity;
mod options;
mod request;
mod users;

use std::net::TcpListener;
use std::sync::{Arc, OnceLock};

use actix_web::dev::Server;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::web::{Data, ServiceConfig, scope, to};
use actix_web::{Resource, Route};
use auth::KeyBase;
use endpoint::{Core, Endpoint, MIB, ServiceInfo};
use server::SecretFile;

pub use error::ScimError;
pub use identity::ScimProvider;
pub use options::{Options, Representing, ScimMode, ScimOptions};

const ROOT: &str = "/api/scim/v2";

const fn endpoint(method: &'static str, path: &'static str) -> Endpoint {
    Endpoint::new(method, path, "system_access")
}

/// Every endpoint, for tests, metrics and limits: first those of a group, then those of the instance.
pub const ENDPOINTS: &[Endpoint] = &[
    endpoint("GET", "/api/scim/v2/groups/{group_path}/Users"),
    endpoint("POST", "/api/scim/v2/groups/{group_path}/Users"),
    endpoint("POST", "/api/scim/v2/groups/{group_path}/Users/.search"),
    endpoint("POST", "/api/scim/v2/groups/{group_path}/.search"),
    endpoint("GET", "/api/scim/v2/groups/{group_path}/Users/{id}"),
    endpoint("PUT", "/api/scim/v2/groups/{group_path}/Users/{id}"),
    endpoint("PATCH", "/api/scim/v2/groups/{group_path}/Users/{id}"),
    endpoint("DELETE", "/api/scim/v2/groups/{group_path}/Users/{id}"),
    endpoint("GET", "/api/scim/v2/groups/{group_path}/Groups"),
    endpoint("POST", "/api/scim/v2/groups/{group_path}/Groups"),
    endpoint("POST", "/api/scim/v2/groups/{group_path}/Groups/.search"),
    endpoint("GET", "/api/scim/v2/groups/{group_path}/Groups/{id}"),
    endpoint("PUT", "/api/scim/v2/groups/{group_path}/Groups/{id}"),
    endpoint("PATCH", "/api/scim/v2/groups/{group_path}/Groups/{id}"),
    endpoint("DELETE", "/api/scim/v2/groups/{group_path}/Groups/{id}"),
    endpoint("GET", "/api/scim/v2/groups/{group_path}/ServiceProviderConfig"),
    endpoint("GET", "/api/scim/v2/groups/{group_path}/ResourceTypes"),
    endpoint("GET", "/api/scim/v2/groups/{group_path}/ResourceTypes/{id}"),
    endpoint("GET", "/api/scim/v2/groups/{group_path}/Schemas"),
    endpoint("GET", "/api/scim/v2/groups/{group_path}/Schemas/{id}"),
    endpoint("GET", "/api/scim/v2/application/Users"),
    endpoint("POST", "/api/scim/v2/application/Users"),
    endpoint("POST", "/api/scim/v2/application/Users/.search"),
    endpoint("POST", "/api/scim/v2/application/.search"),
    endpoint("GET", "/api/scim/v2/application/Users/{id}"),
    endpoint("PUT", "/api/scim/v2/application/Users/{id}"),
    endpoint("PATCH", "/api/scim/v2/application/Users/{id}"),
    endpoint("DELETE", "/api/scim/v2/application/Users/{id}"),
    endpoint("GET", "/api/scim/v2/application/Groups"),
    endpoint("POST", "/api/scim/v2/application/Groups"),
    endpoint("POST", "/api/scim/v2/application/Groups/.search"),
    endpoint("GET", "/api/scim/v2/application/Groups/{id}"),
    endpoint("PUT", "/api/scim/v2/application/Groups/{id}"),
    endpoint("PATCH", "/api/scim/v2/application/Groups/{id}"),
    endpoint("DELETE", "/api/scim/v2/application/Groups/{id}"),
    endpoint("GET", "/api/scim/v2/application/ServiceProviderConfig"),
    endpoint("GET", "/api/scim/v2/application/ResourceTypes"),
    endpoint("GET", "/api/scim/v2/application/ResourceTypes/{id}"),
    endpoint("GET", "/api/scim/v2/application/Schemas"),
    endpoint("GET", "/api/scim/v2/application/Schemas/{id}"),
];

pub const INFO: ServiceInfo = ServiceInfo {
    name: "scim-api",
    consumer: "scim",
    version: env!("CARGO_PKG_VERSION"),
    port: 8083,
    monitoring_port: 9083,
    endpoints: ENDPOINTS,
    body_budget: 16 * MIB,
    structures: &[],
};

/// The state that all handlers share.
#[derive(Debug)]
pub struct App {
    pub core: Arc<Core>,
    pub key_base: Arc<SecretFile<KeyBase>>,
    pub options: ScimOptions,
    /// Whether the database has the tables for groups. Set by the first request for groups.
    has_group_tables: OnceLock<bool>,
}

impl App {
    /// The state of a new process.
    pub fn new(core: Arc<Core>, key_base: Arc<SecretFile<KeyBase>>, options: ScimOptions) -> Self {
        Self { core, key_base, options, has_group_tables: OnceLock::new() }
    }
}

/// Every route of this service, under both base paths.
pub fn routes(config: &mut ServiceConfig) {
    use users::{create, delete, get, list, patch, put, search};
    let mut root = scope(ROOT).wrap(from_fn(answer::media_type));
    for base in ["/groups/{group_path}", "/application"] {
        let resource = |path: &str, routes: Vec<(Method, Route)>| resource(&format!("{base}{path}"), routes);
        root = root
            .service(resource(
                "/Users",
                vec![(Method::GET, to(list::handler)), (Method::POST, to(create::handler))],
            ))
            .service(resource("/Users/.search", vec![(Method::POST, to(search::handler))]))
            .service(resource("/.search", vec![(Method::POST, to(search::handler))]))
            .service(resource(
                "/Users/{id}",
                vec![
                    (Method::GET, to(get::handler)),
                    (Method::PUT, to(put::handler)),
                    (Method::PATCH, to(patch::handler)),
                    (Method::DELETE, to(delete::handler)),
                ],
            ))
            .service(resource(
                "/Groups",
                vec![(Method::GET, to(groups::list::handler)), (Method::POST, to(groups::create::handler))],
            ))
            .service(resource("/Groups/.search", vec![(Method::POST, to(groups::search::handler))]))
            .service(resource(
                "/Groups/{id}",
                vec![
                    (Method::GET, to(groups::get::handler)),
                    (Method::PUT, to(groups::put::handler)),
                    (Method::PATCH, to(groups::patch::handler)),
                    (Method::DELETE, to(groups::delete::handler)),
                ],
            ))
            .service(resource(
                "/ServiceProviderConfig",
                vec![(Method::GET, to(discovery::service_provider_config))],
            ))
            .service(resource("/ResourceTypes", vec![(Method::GET, to(discovery::resource_types))]))
            .service(resource("/ResourceTypes/{id}", vec![(Method::GET, to(discovery::resource_type))]))
            .service(resource("/Schemas", vec![(Method::GET, to(discovery::schemas))]))
            .service(resource("/Schemas/{id}", vec![(Method::GET, to(discovery::schema))]));
        for word in ["/Me", "/Bulk"] {
            let path = format!("{base}{word}");
            let resource: Resource = actix_web::web::resource([path.clone(), format!("{path}/")]);
            root = root.service(resource.default_service(to(answer::not_implemented)));
        }
    }
    config.service(root.default_service(to(answer::not_found)));
}

/// Creates a resource, with and without a trailing slash. Other methods get a 405 response after
/// authentication.
fn resource(path: &str, routes: Vec<(Method, Route)>) -> Resource {
    let resource: Resource = actix_web::web::resource([path.to_owned(), format!("{path}/")]);
    let (resource, allow) = endpoint::with_methods(resource, routes);
    resource.default_service(to(move |_: ScimProvider| {
        let refusal = ScimError::MethodNotAllowed(allow.clone());
        async move { Err::<&str, _>(refusal) }
    }))
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

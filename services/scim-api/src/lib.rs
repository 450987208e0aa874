//! SCIM 2.0 for identity providers: lists, creates, changes and deactivates accounts, for a group with
//! single sign-on or for the whole instance. Both base paths share their handlers.
//!
//! Each endpoint of users is a file in `users`, and each endpoint of groups a file in `groups`. The
//! discovery documents are in `discovery`. What differs from the RFCs is in `dialect`.
mod answer;
mod audit;
mod dialect;
mod discovery;
mod effects;
mod error;
mod groups;
mod identity;
mod options;
mod request;
mod users;

use std::net::TcpListener;
use std::sync::{Arc, LazyLock, OnceLock};

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::web::{Data, ServiceConfig, resource, scope, to};
use auth::KeyBase;
use endpoint::{Core, Endpoint, EndpointBuilder, EndpointTable, MIB, MemoryBudget, ServiceInfo};
use server::SecretFile;

pub use dialect::Representation;
pub use error::ScimError;
pub use identity::ScimProvider;
pub use options::{Options, RepresentationOption, ScimMode, ScimOptions};

const ROOT: &str = "/api/scim/v2";

/// The base paths: of a group, and of the instance.
const BASES: [&str; 2] = ["/groups/{group_path}", "/application"];

// The log fields that say what a request is about: a list, a user or a SCIM group, in a group or in the instance.
// SCIM groups exist only for the instance.
const GROUP_LIST: &[&str] = &["scim_scope", "scim_resource", "gl_namespace_id", "results"];
const GROUP_USER: &[&str] =
    &["scim_scope", "scim_resource", "gl_namespace_id", "scim_identity_id", "target_user_id"];
const GROUP_GROUP: &[&str] = &["scim_scope", "scim_resource", "gl_namespace_id"];
const INSTANCE_LIST: &[&str] = &["scim_scope", "scim_resource", "results"];
const INSTANCE_USER: &[&str] = &["scim_scope", "scim_resource", "scim_identity_id", "target_user_id"];
const INSTANCE_GROUP: &[&str] = &["scim_scope", "scim_resource", "scim_group_uid"];

/// Every endpoint, with its route and limits: first those of a group, then those of the instance.
pub static ENDPOINTS: EndpointTable = LazyLock::new(|| {
    let in_category = |endpoint: EndpointBuilder| endpoint.category("system_access");
    let mut endpoints = Vec::new();
    for base in BASES {
        let path = |path: &str| format!("{ROOT}{base}{path}");
        let (list, user, group) = if base.contains("{group_path}") {
            (GROUP_LIST, GROUP_USER, GROUP_GROUP)
        } else {
            (INSTANCE_LIST, INSTANCE_USER, INSTANCE_GROUP)
        };
        let get = |name: &str| in_category(Endpoint::get(path(name)));
        let post = |name: &str| in_category(Endpoint::post(path(name)));
        let put = |name: &str| in_category(Endpoint::put(path(name)));
        let patch = |name: &str| in_category(Endpoint::patch(path(name)));
        let delete = |name: &str| in_category(Endpoint::delete(path(name)));
        endpoints.extend([
            get("/Users").subject(list).to(users::list::handler),
            post("/Users").subject(user).to(users::create::handler),
            post("/Users/.search").subject(list).to(users::search::handler),
            post("/.search").subject(list).to(users::search::handler),
            get("/Users/{id}").subject(user).to(users::get::handler),
            put("/Users/{id}").subject(user).to(users::put::handler),
            patch("/Users/{id}").subject(user).to(users::patch::handler),
            delete("/Users/{id}").subject(user).to(users::delete::handler),
            get("/Groups").subject(list).to(groups::list::handler),
            post("/Groups").subject(group).to(groups::create::handler),
            post("/Groups/.search").subject(list).to(groups::search::handler),
            get("/Groups/{id}").subject(group).to(groups::get::handler),
            put("/Groups/{id}").subject(group).to(groups::put::handler),
            patch("/Groups/{id}").subject(group).to(groups::patch::handler),
            delete("/Groups/{id}").subject(group).to(groups::delete::handler),
            get("/ServiceProviderConfig").to(discovery::service_provider_config),
            get("/ResourceTypes").to(discovery::resource_types),
            get("/ResourceTypes/{id}").to(discovery::resource_type),
            get("/Schemas").to(discovery::schemas),
            get("/Schemas/{id}").to(discovery::schema),
        ]);
    }
    endpoints
});

pub static INFO: ServiceInfo = ServiceInfo {
    name: "scim-api",
    consumer: "scim",
    version: env!("CARGO_PKG_VERSION"),
    port: 8083,
    monitoring_port: 9083,
    endpoints: &ENDPOINTS,
    body_budget: 16 * MIB,
    structures: &[],
    interrupted: error::interrupted,
};

/// The state that all handlers share.
#[derive(Debug)]
pub struct App {
    pub core: Arc<Core>,
    pub key_base: Arc<SecretFile<KeyBase>>,
    pub options: ScimOptions,
    /// Bounds the memory of the JSON values of all requests.
    values_budget: MemoryBudget,
    /// Whether the database has the tables for groups. Set by the first request for groups.
    has_group_tables: OnceLock<bool>,
}

impl App {
    /// The state of a new process.
    pub fn new(core: Arc<Core>, key_base: Arc<SecretFile<KeyBase>>, options: ScimOptions) -> Self {
        let values_budget = MemoryBudget::new(request::VALUES_BUDGET);
        Self { core, key_base, options, values_budget, has_group_tables: OnceLock::new() }
    }
}

/// Adds the routes. Other methods of a path get a 405 response after authentication.
fn routes(config: &mut ServiceConfig) {
    let mut root = scope(ROOT).wrap(from_fn(answer::media_type));
    for (resource, allow) in endpoint::resources(ROOT, ENDPOINTS.iter()) {
        root = root.service(resource.default_service(to(move |_: ScimProvider| {
            let refusal = ScimError::MethodNotAllowed(allow.clone());
            async move { Err::<&str, _>(refusal) }
        })));
    }
    for base in BASES {
        for name in ["Me", "Bulk"] {
            let path = format!("{base}/{name}");
            root = root.service(resource(path).default_service(to(answer::not_implemented)));
        }
    }
    config.service(root.default_service(to(answer::not_found)));
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

//! The API for CustomersDot, which sends purchases to the instance and reads how much of them is used.
//!
//! Most endpoints exist in two generations, below `/api/v4` and below
//! `/api/v4/internal/gitlab_subscriptions`, which share their handlers. Each endpoint has a file in the
//! folder of its noun, with its parameters, response and handler.
mod add_ons;
mod audit;
mod error;
mod identity;
mod minutes;
mod namespaces;
mod options;
mod params;
mod portal;
mod reconciliations;
mod subscriptions;
mod users;

use std::net::TcpListener;
use std::sync::{Arc, LazyLock};

use actix_web::dev::Server;
use actix_web::web::{Data, ServiceConfig};
use auth::KeyBase;
use endpoint::{Core, Endpoint, EndpointBuilder, EndpointTable, MIB, ServiceInfo, add_routes};
use server::SecretFile;

pub use identity::{Caller, Reader};
pub use options::{BillingOptions, Options, PlanNameForm};
pub use portal::Portal;

const LEGACY: &str = "/api/v4";
const CURRENT: &str = "/api/v4/internal/gitlab_subscriptions";

/// The namespace that a request is about. The acting user is logged, too, unless the caller is CustomersDot.
const NAMESPACE: &[&str] = &["gl_namespace_id"];
/// The user that a request is about.
const USER: &[&str] = &["target_user_id"];

/// Every endpoint: its route, category and limits.
pub static ENDPOINTS: EndpointTable = LazyLock::new(|| {
    let in_category = |endpoint: EndpointBuilder| endpoint.category("subscription_management");
    let get = |path: String| in_category(Endpoint::get(path));
    let post = |path: String| in_category(Endpoint::post(path));
    let put = |path: String| in_category(Endpoint::put(path));
    let patch = |path: String| in_category(Endpoint::patch(path));
    let delete = |path: String| in_category(Endpoint::delete(path));

    let legacy = |path: &str| format!("{LEGACY}/namespaces/{{id}}/{path}");
    let namespace = format!("{CURRENT}/namespaces/{{id}}");
    let current = |path: &str| format!("{namespace}/{path}");
    let mut endpoints = Vec::new();
    for path in [&legacy as &dyn Fn(&str) -> String, &current] {
        endpoints.extend([
            post(path("gitlab_subscription")).subject(NAMESPACE).to(subscriptions::create::handler),
            put(path("gitlab_subscription")).subject(NAMESPACE).to(subscriptions::update::handler),
            post(path("minutes")).subject(NAMESPACE).to(minutes::create::handler),
            patch(path("minutes/move/{target_id}")).subject(NAMESPACE).to(minutes::move_all::handler),
        ]);
    }
    endpoints.extend([
        // The two generations differ in who may read.
        get(legacy("gitlab_subscription")).subject(NAMESPACE).to(subscriptions::show::for_owners),
        get(current("gitlab_subscription")).subject(NAMESPACE).to(subscriptions::show::handler),
        // One request contains thousands of namespaces.
        put(format!("{LEGACY}/internal/upcoming_reconciliations"))
            .max_body(5 * MIB)
            .subject(&["results"])
            .to(reconciliations::put_many::handler),
        delete(format!("{LEGACY}/internal/upcoming_reconciliations"))
            .subject(NAMESPACE)
            .to(reconciliations::delete::by_parameter),
    ]);
    // The curl example in GitLab's documentation lacks the segment `namespaces`.
    for path in ["namespaces/{namespace_id}", "{namespace_id}"] {
        let path = format!("{CURRENT}/{path}/upcoming_reconciliations");
        endpoints.extend([
            put(path.clone()).subject(NAMESPACE).to(reconciliations::put_one::handler),
            delete(path).subject(NAMESPACE).to(reconciliations::delete::handler),
        ]);
    }
    endpoints.extend([
        get(legacy("subscription_add_on_purchase/{add_on_name}"))
            .subject(NAMESPACE)
            .to(add_ons::show::handler),
        post(legacy("subscription_add_on_purchase/{add_on_name}"))
            .subject(NAMESPACE)
            .to(add_ons::legacy::create),
        put(legacy("subscription_add_on_purchase/{add_on_name}"))
            .subject(NAMESPACE)
            .to(add_ons::legacy::update),
        post(current("subscription_add_on_purchases")).subject(NAMESPACE).to(add_ons::create::handler),
        get(current("subscription_add_on_purchases/{add_on_name}"))
            .subject(NAMESPACE)
            .to(add_ons::show::handler),
        get(namespace.clone()).subject(NAMESPACE).to(namespaces::show::handler),
        put(namespace.clone()).subject(NAMESPACE).to(namespaces::update::handler),
        get(current("owners")).subject(NAMESPACE).to(namespaces::owners::handler),
        post(current("provision")).subject(NAMESPACE).to(namespaces::provision::handler),
        get(format!("{CURRENT}/namespaces/{{namespace_id}}/user_permissions/{{user_id}}"))
            .subject(&["gl_namespace_id", "target_user_id"])
            .to(namespaces::user_permissions::handler),
        get(format!("{CURRENT}/users/{{id}}")).subject(USER).to(users::show::handler),
        put(format!("{CURRENT}/users/{{user_id}}/credit_card_validation"))
            .without_logged_query()
            .subject(USER)
            .to(users::credit_card_validation::handler),
    ]);
    endpoints
});

pub static INFO: ServiceInfo = ServiceInfo {
    name: "billing-api",
    consumer: "billing",
    version: env!("CARGO_PKG_VERSION"),
    port: 8085,
    monitoring_port: 9085,
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
    pub portal: Arc<Portal>,
    pub options: BillingOptions,
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

//! The API for CustomersDot, which pushes purchases into the instance and reads what is used of them.
//!
//! Each endpoint exists in two generations, below `/api/v4` and below `/api/v4/internal/gitlab_subscriptions`, which share
//! their handler. An endpoint is a file in the folder of its noun: parameters, response, handler.
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
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::http::Method;
use actix_web::web::{Data, ServiceConfig, to};
use actix_web::{Handler, Responder, Route};
use auth::KeyBase;
use endpoint::{Core, Endpoint, MIB, ServiceInfo, resource};
use server::SecretFile;

pub use identity::{Caller, Reader};
pub use options::{BillingOptions, Options, PlanNameForm};
pub use portal::Portal;

const CATEGORY: &str = "subscription_management";

macro_rules! endpoints {
    ($($method:literal $path:literal),* $(,)?) => {
        &[$(Endpoint::new($method, $path, CATEGORY)),*, MANY, CARD]
    };
}

/// Its parameters are never logged.
const CARD: Endpoint = Endpoint::new(
    "PUT",
    "/api/v4/internal/gitlab_subscriptions/users/{user_id}/credit_card_validation",
    CATEGORY,
)
.without_logged_query();

/// Thousands of namespaces in one request.
const MANY: Endpoint =
    Endpoint::new("PUT", "/api/v4/internal/upcoming_reconciliations", CATEGORY).max_body(5 * MIB);

/// The endpoint table, which tests, metrics and limits read.
pub const ENDPOINTS: &[Endpoint] = endpoints![
    "POST" "/api/v4/namespaces/{id}/gitlab_subscription",
    "PUT" "/api/v4/namespaces/{id}/gitlab_subscription",
    "GET" "/api/v4/namespaces/{id}/gitlab_subscription",
    "POST" "/api/v4/namespaces/{id}/minutes",
    "PATCH" "/api/v4/namespaces/{id}/minutes/move/{target_id}",
    "GET" "/api/v4/namespaces/{id}/subscription_add_on_purchase/{add_on_name}",
    "POST" "/api/v4/namespaces/{id}/subscription_add_on_purchase/{add_on_name}",
    "PUT" "/api/v4/namespaces/{id}/subscription_add_on_purchase/{add_on_name}",
    "DELETE" "/api/v4/internal/upcoming_reconciliations",
    "POST" "/api/v4/internal/gitlab_subscriptions/namespaces/{id}/gitlab_subscription",
    "PUT" "/api/v4/internal/gitlab_subscriptions/namespaces/{id}/gitlab_subscription",
    "GET" "/api/v4/internal/gitlab_subscriptions/namespaces/{id}/gitlab_subscription",
    "POST" "/api/v4/internal/gitlab_subscriptions/namespaces/{id}/minutes",
    "PATCH" "/api/v4/internal/gitlab_subscriptions/namespaces/{id}/minutes/move/{target_id}",
    "PUT" "/api/v4/internal/gitlab_subscriptions/namespaces/{namespace_id}/upcoming_reconciliations",
    "DELETE" "/api/v4/internal/gitlab_subscriptions/namespaces/{namespace_id}/upcoming_reconciliations",
    "PUT" "/api/v4/internal/gitlab_subscriptions/{namespace_id}/upcoming_reconciliations",
    "DELETE" "/api/v4/internal/gitlab_subscriptions/{namespace_id}/upcoming_reconciliations",
    "GET" "/api/v4/internal/gitlab_subscriptions/namespaces/{id}",
    "PUT" "/api/v4/internal/gitlab_subscriptions/namespaces/{id}",
    "GET" "/api/v4/internal/gitlab_subscriptions/namespaces/{id}/owners",
    "POST" "/api/v4/internal/gitlab_subscriptions/namespaces/{id}/provision",
    "GET" "/api/v4/internal/gitlab_subscriptions/namespaces/{namespace_id}/user_permissions/{user_id}",
    "GET" "/api/v4/internal/gitlab_subscriptions/users/{id}",
    "POST" "/api/v4/internal/gitlab_subscriptions/namespaces/{id}/subscription_add_on_purchases",
    "GET" "/api/v4/internal/gitlab_subscriptions/namespaces/{id}/subscription_add_on_purchases/{add_on_name}",
];

pub const INFO: ServiceInfo = ServiceInfo {
    name: "billing-api",
    consumer: "billing",
    version: env!("CARGO_PKG_VERSION"),
    port: 8085,
    monitoring_port: 9085,
    endpoints: ENDPOINTS,
    body_budget: 16 * MIB,
    structures: &[],
};

/// The state that every handler may use.
#[derive(Debug)]
pub struct App {
    pub core: Arc<Core>,
    pub key_base: Arc<SecretFile<KeyBase>>,
    pub portal: Arc<Portal>,
    pub options: BillingOptions,
}

/// Every route of this service.
pub fn routes(config: &mut ServiceConfig) {
    const NAMESPACE: &str = "/api/v4/namespaces/{id}";
    const CURRENT: &str = "/api/v4/internal/gitlab_subscriptions";
    let legacy = |name: &str| format!("{NAMESPACE}/{name}");
    let current = |name: &str| format!("{CURRENT}/namespaces/{{id}}/{name}");

    config
        .service(resource(&legacy("gitlab_subscription"), subscription(subscriptions::show::for_owners)))
        .service(resource(&current("gitlab_subscription"), subscription(subscriptions::show::handler)));
    for path in [legacy, current] {
        config
            .service(resource(&path("minutes"), vec![(Method::POST, to(minutes::create::handler))]))
            .service(resource(
                &path("minutes/move/{target_id}"),
                vec![(Method::PATCH, to(minutes::move_all::handler))],
            ));
    }
    config.service(resource(
        "/api/v4/internal/upcoming_reconciliations",
        vec![
            (Method::PUT, to(reconciliations::put_many::handler)),
            (Method::DELETE, to(reconciliations::delete::by_parameter)),
        ],
    ));
    // The curl example in GitLab's documentation lacks the segment `namespaces`.
    for path in [current("upcoming_reconciliations"), format!("{CURRENT}/{{id}}/upcoming_reconciliations")] {
        config.service(resource(
            &path,
            vec![
                (Method::PUT, to(reconciliations::put_one::handler)),
                (Method::DELETE, to(reconciliations::delete::handler)),
            ],
        ));
    }
    config
        .service(resource(
            &legacy("subscription_add_on_purchase/{add_on_name}"),
            vec![
                (Method::GET, to(add_ons::show::handler)),
                (Method::POST, to(add_ons::legacy::create)),
                (Method::PUT, to(add_ons::legacy::update)),
            ],
        ))
        .service(resource(
            &current("subscription_add_on_purchases"),
            vec![(Method::POST, to(add_ons::create::handler))],
        ))
        .service(resource(
            &current("subscription_add_on_purchases/{add_on_name}"),
            vec![(Method::GET, to(add_ons::show::handler))],
        ))
        .service(resource(
            &format!("{CURRENT}/namespaces/{{id}}"),
            vec![
                (Method::GET, to(namespaces::show::handler)),
                (Method::PUT, to(namespaces::update::handler)),
            ],
        ))
        .service(resource(&current("owners"), vec![(Method::GET, to(namespaces::owners::handler))]))
        .service(resource(&current("provision"), vec![(Method::POST, to(namespaces::provision::handler))]))
        .service(resource(
            &current("user_permissions/{user_id}"),
            vec![(Method::GET, to(namespaces::user_permissions::handler))],
        ))
        .service(resource(&format!("{CURRENT}/users/{{id}}"), vec![(Method::GET, to(users::show::handler))]))
        .service(resource(
            &format!("{CURRENT}/users/{{user_id}}/credit_card_validation"),
            vec![(Method::PUT, to(users::credit_card_validation::handler))],
        ));
}

/// Both generations differ in who may read.
fn subscription<F, Args>(show: F) -> Vec<(Method, Route)>
where
    F: Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    vec![
        (Method::POST, to(subscriptions::create::handler)),
        (Method::PUT, to(subscriptions::update::handler)),
        (Method::GET, to(show)),
    ]
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

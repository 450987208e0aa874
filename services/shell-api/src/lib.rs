//! The internal API for GitLab Shell and Gitaly: find keys, check access, process pushes.
//!
//! Each endpoint has a file under [`internal`](self), named after its path, with its parameters, response
//! and handler.
mod actor;
mod client_context;
mod error;
mod geo;
mod hashing;
mod identity;
mod internal;
mod jobs;
mod keys;
mod options;
mod shell_reply;
mod urls;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::Route;
use actix_web::dev::Server;
use actix_web::http::Method;
use actix_web::web::{Data, ServiceConfig, to};
use endpoint::{Core, Endpoint, MIB, ServiceInfo, SettingsCache, or_not_allowed, resource};
use repository::Storages;
use server::SecretFile;

pub use geo::Geo;
pub use hashing::Hashing;
pub use identity::{ErrorTracker, Shell, ShellOrWorkhorse};
pub use internal::MergeRequestOptionsSink;
pub use jobs::JobSink;
pub use keys::{KeyOptions, Keys};
pub use options::{Options, ShellOptions};

const ROOT: &str = "/api/v4/internal";

/// Every endpoint, for tests, metrics and limits.
pub const ENDPOINTS: &[Endpoint] = &[
    // The handler's own deadline of 50 s expires first and reports the step.
    Endpoint::new("POST", "/api/v4/internal/allowed", "source_code_management")
        .timeout(Duration::from_secs(55))
        .max_body(20 * MIB),
    Endpoint::new("GET", "/api/v4/internal/authorized_keys", "source_code_management"),
    Endpoint::new("GET", "/api/v4/internal/discover", "system_access"),
    Endpoint::new("GET", "/api/v4/internal/check", "not_owned"),
    Endpoint::new("POST", "/api/v4/internal/pre_receive", "source_code_management"),
    Endpoint::new("POST", "/api/v4/internal/post_receive", "source_code_management").max_body(20 * MIB),
    Endpoint::new("POST", "/api/v4/internal/lfs_authenticate", "source_code_management"),
    Endpoint::new("GET", "/api/v4/internal/lfs", "source_code_management"),
    Endpoint::new("GET", "/api/v4/internal/authorized_certs", "source_code_management"),
    Endpoint::new("POST", "/api/v4/internal/two_factor_recovery_codes", "system_access"),
    Endpoint::new("GET", "/api/v4/internal/two_factor_recovery_codes", "system_access"),
    Endpoint::new("POST", "/api/v4/internal/two_factor_config", "system_access"),
    Endpoint::new("POST", "/api/v4/internal/two_factor_manual_otp_check", "system_access"),
    Endpoint::new("POST", "/api/v4/internal/two_factor_push_otp_check", "system_access"),
    Endpoint::new("POST", "/api/v4/internal/personal_access_token", "system_access"),
    Endpoint::new("POST", "/api/v4/internal/error_tracking/allowed", "observability"),
    Endpoint::new("POST", "/api/v4/internal/shellhorse/git_audit_event", "source_code_management"),
    Endpoint::new("GET", "/api/v4/internal/gitaly/object_pool_members", "gitaly"),
];

pub const INFO: ServiceInfo = ServiceInfo {
    name: "shell-api",
    consumer: "shell",
    version: env!("CARGO_PKG_VERSION"),
    port: 8081,
    monitoring_port: 9081,
    endpoints: ENDPOINTS,
    body_budget: 64 * MIB,
    structures: &["storages", "geo"],
};

/// The state that all handlers share.
#[derive(Debug)]
pub struct App {
    pub core: Arc<Core>,
    pub secret: Arc<SecretFile>,
    pub keys: Keys,
    pub hashing: Hashing,
    pub settings: SettingsCache,
    pub storages: Storages,
    pub geo: Geo,
    pub options: ShellOptions,
}

/// Every route of this service.
pub fn routes(config: &mut ServiceConfig) {
    use internal::{
        allowed, authorized_certs, authorized_keys, check, discover, error_tracking, gitaly, lfs,
    };
    use internal::{lfs_authenticate, personal_access_token, post_receive, pre_receive, shellhorse};
    use internal::{two_factor_config, two_factor_otp_check, two_factor_recovery_codes};
    let path = |name: &str| format!("{ROOT}/{name}");
    let get = |name: &str, route: Route| resource(&path(name), vec![(Method::GET, route)]);
    let post = |name: &str, route: Route| resource(&path(name), vec![(Method::POST, route)]);
    config
        .service(post("allowed", to(allowed::handler)))
        .service(get("authorized_keys", to(authorized_keys::handler)))
        .service(get("discover", to(discover::handler)))
        .service(get("check", to(check::handler)))
        .service(post("pre_receive", to(pre_receive::handler)))
        .service(post("post_receive", to(post_receive::handler)))
        .service(post("lfs_authenticate", to(lfs_authenticate::handler)))
        .service(get("lfs", to(lfs::handler)))
        .service(get("authorized_certs", to(authorized_certs::handler)))
        // Both methods create codes. HEAD is not routed to GET, because it would discard them.
        .service(or_not_allowed(
            actix_web::web::resource(path("two_factor_recovery_codes"))
                .route(to(two_factor_recovery_codes::handler).method(Method::POST))
                .route(to(two_factor_recovery_codes::handler).method(Method::GET)),
            "POST, GET".to_owned(),
        ))
        .service(post("two_factor_config", to(two_factor_config::handler)))
        .service(post("two_factor_manual_otp_check", to(two_factor_otp_check::manual)))
        .service(post("two_factor_push_otp_check", to(two_factor_otp_check::push)))
        .service(post("personal_access_token", to(personal_access_token::handler)))
        .service(post("error_tracking/allowed", to(error_tracking::allowed::handler)))
        .service(post("shellhorse/git_audit_event", to(shellhorse::git_audit_event::handler)))
        .service(get("gitaly/object_pool_members", to(gitaly::object_pool_members::handler)));
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

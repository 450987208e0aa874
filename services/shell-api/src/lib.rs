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
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::{Data, ServiceConfig};
use endpoint::{Core, Endpoint, EndpointTable, MIB, ServiceInfo, SettingsCache, add_routes};
use repository::Storages;
use server::SecretFile;

pub use geo::Geo;
pub use hashing::Hashing;
pub use identity::{ErrorTracker, Shell, ShellOrWorkhorse};
pub use internal::MergeRequestOptionsSink;
pub use jobs::JobSink;
pub use keys::{KeyOptions, Keys};
pub use options::{Options, ShellOptions};

const GIT: &str = "source_code_management";
const SIGN_IN: &str = "system_access";

// The log fields that say what a request is about.
const DECISION: &[&str] = &[
    "action",
    "protocol",
    "decision",
    "decision_row",
    "decision_name",
    "gl_project_id",
    "gl_project_path",
    "gl_namespace_id",
    "gl_repository",
];
const PUSH: &[&str] = &[
    "gl_repository",
    "gl_project_id",
    "gl_project_path",
    "gl_namespace_id",
    "gl_user_id",
    "gl_user_name",
    "changes_count",
    "reference_counter_decreased",
];
const ACCOUNT: &[&str] = &["gl_user_id", "gl_user_name", "success"];
const TOKEN: &[&str] =
    &["gl_user_id", "gl_user_name", "success", "token_id", "token_scopes", "token_expires_on"];

/// Every endpoint: its route, category and limits.
pub static ENDPOINTS: EndpointTable = LazyLock::new(|| {
    use internal::{
        allowed, authorized_certs, authorized_keys, check, discover, error_tracking, gitaly, lfs,
    };
    use internal::{lfs_authenticate, personal_access_token, post_receive, pre_receive, shellhorse};
    use internal::{two_factor_config, two_factor_otp_check, two_factor_recovery_codes};
    let path = |name: &str| format!("/api/v4/internal/{name}");
    vec![
        // The handler's own deadline of 50 s expires first and reports the step.
        Endpoint::post(path("allowed"))
            .category(GIT)
            .timeout(Duration::from_secs(55))
            .max_body(20 * MIB)
            .subject(DECISION)
            .to(allowed::handler),
        Endpoint::get(path("authorized_keys"))
            .category(GIT)
            .subject(&["gl_key_type", "gl_key_id", "gl_user_id"])
            .to(authorized_keys::handler),
        Endpoint::get(path("discover"))
            .category(SIGN_IN)
            .subject(&["gl_user_id", "gl_user_name"])
            .to(discover::handler),
        Endpoint::get(path("check")).to(check::handler),
        Endpoint::post(path("pre_receive"))
            .category(GIT)
            .subject(&["gl_repository", "gl_project_id", "reference_counter_increased"])
            .to(pre_receive::handler),
        Endpoint::post(path("post_receive"))
            .category(GIT)
            .max_body(20 * MIB)
            .subject(PUSH)
            .to(post_receive::handler),
        Endpoint::post(path("lfs_authenticate"))
            .category(GIT)
            .subject(&["gl_project_id", "gl_user_id", "operation"])
            .to(lfs_authenticate::handler),
        Endpoint::get(path("lfs"))
            .category(GIT)
            .subject(&["gl_project_id", "gl_repository", "lfs_oid"])
            .to(lfs::handler),
        Endpoint::get(path("authorized_certs"))
            .category(GIT)
            .subject(&["gl_namespace_id", "gl_user_id", "gl_user_name"])
            .to(authorized_certs::handler),
        // Both methods create codes. HEAD would discard them.
        Endpoint::post(path("two_factor_recovery_codes"))
            .category(SIGN_IN)
            .subject(ACCOUNT)
            .to(two_factor_recovery_codes::handler),
        Endpoint::get(path("two_factor_recovery_codes"))
            .category(SIGN_IN)
            .without_head()
            .subject(ACCOUNT)
            .to(two_factor_recovery_codes::handler),
        Endpoint::post(path("two_factor_config"))
            .category(SIGN_IN)
            .subject(ACCOUNT)
            .to(two_factor_config::handler),
        Endpoint::post(path("two_factor_manual_otp_check"))
            .category(SIGN_IN)
            .subject(ACCOUNT)
            .to(two_factor_otp_check::manual),
        Endpoint::post(path("two_factor_push_otp_check"))
            .category(SIGN_IN)
            .subject(&["success"])
            .to(two_factor_otp_check::push),
        Endpoint::post(path("personal_access_token"))
            .category(SIGN_IN)
            .subject(TOKEN)
            .to(personal_access_token::handler),
        Endpoint::post(path("error_tracking/allowed"))
            .category("observability")
            .subject(&["gl_project_id", "success"])
            .to(error_tracking::allowed::handler),
        Endpoint::post(path("shellhorse/git_audit_event"))
            .category(GIT)
            .subject(&["action", "protocol", "gl_user_id", "gl_user_name", "gl_project_id"])
            .to(shellhorse::git_audit_event::handler),
        Endpoint::get(path("gitaly/object_pool_members"))
            .category("gitaly")
            .subject(&["disk_paths_count", "results"])
            .to(gitaly::object_pool_members::handler),
    ]
});

pub static INFO: ServiceInfo = ServiceInfo {
    name: "shell-api",
    consumer: "shell",
    version: env!("CARGO_PKG_VERSION"),
    port: 8081,
    monitoring_port: 9081,
    endpoints: &ENDPOINTS,
    body_budget: 64 * MIB,
    structures: &["storages", "geo"],
    interrupted: endpoint::interrupted,
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

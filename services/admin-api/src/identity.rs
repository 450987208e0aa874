//! Authenticates administrators with personal access tokens.
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use auth::Rejection;
use database::admin::audit::Actor;
use database::admin::users;
use database::token_holders::FoundToken;
use domain::messages;
use domain::tokens::token_holder::{Insufficient, TokenHolder};
use endpoint::access_token::{self, header, personal_access_token, query};
use endpoint::{Context, log_user};

use crate::App;
use crate::error::AdminError;

/// An authenticated administrator. A token with scope `read_api` is sufficient for requests that only read.
#[derive(Debug, Clone)]
pub struct Admin(pub Actor);

impl FromRequest for Admin {
    type Error = AdminError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, AdminError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let missing = AdminError::Unauthorized(Rejection::Missing);
            let app = request.app_data::<Data<App>>().ok_or(missing)?;
            let actor = identify(app, &request).await;
            app.core.slow_guessing(&request, actor).await.map(Self)
        })
    }
}

async fn identify(app: &App, request: &HttpRequest) -> Result<Actor, AdminError> {
    let token = personal_access_token(request).or_else(|| query(request.query_string(), "access_token"));
    let token = token.ok_or_else(|| unauthorized(app, Rejection::Missing))?;
    let found = find_token(app, &token).await?.ok_or_else(|| unauthorized(app, Rejection::UnknownToken))?;
    app.core.limit_rate(request, Some(&token))?;
    let only_reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let scopes: &[&str] = if only_reads { &["api", "read_api"] } else { &["api"] };
    authorize(app, &found.holder, scopes)?;
    access_token::record_use(&app.core, &found).await;
    let actor = new_actor(request, found.holder.user_id, &found.holder.username);
    let sudo = header(request, "sudo").or_else(|| query(request.query_string(), "sudo"));
    let actor = match sudo {
        Some(target) => impersonate(app, &found.holder, actor, target).await?,
        None => actor,
    };
    log_user(actor.user_id, &actor.username);
    Ok(actor)
}

/// The user as the author of the changes that this request makes.
pub(crate) fn new_actor(request: &HttpRequest, user_id: i64, username: &str) -> Actor {
    Actor {
        user_id,
        username: username.to_owned(),
        ip_address: client_address(request),
        impersonated_by: None,
        correlation_id: Context::of(request).map(|context| context.correlation_id.to_string()),
    }
}

/// Finds a token and its holder.
pub(crate) async fn find_token(app: &App, token: &str) -> Result<Option<FoundToken>, AdminError> {
    Ok(access_token::find(&app.core, app.key_base.get().digests(token)).await?)
}

/// Checks that the holder may act as an administrator, with a token that has one of these scopes.
pub(crate) fn authorize(app: &App, holder: &TokenHolder, scopes: &[&str]) -> Result<(), AdminError> {
    let today = app.core.clock.now().date();
    holder.administers(scopes, today).map_err(|insufficient| {
        let error = match insufficient {
            Insufficient::Expired => AdminError::Unauthorized(Rejection::Expired),
            Insufficient::Revoked => AdminError::Unauthorized(Rejection::Revoked),
            Insufficient::Scope if scopes.len() > 1 => AdminError::InsufficientScope("api read_api"),
            Insufficient::Scope => AdminError::InsufficientScope("api"),
            Insufficient::Blocked => AdminError::InactiveAccount(messages::BLOCKED.to_owned()),
            Insufficient::Deactivated => {
                AdminError::InactiveAccount(messages::deactivated(&app.core.external_url))
            }
            Insufficient::NotAdministrator | Insufficient::AdminMode => AdminError::Forbidden,
        };
        rejected(app, insufficient.reason(), error)
    })
}

/// Lets an administrator act as another administrator (`Sudo`), with a token that has the scope `sudo`.
async fn impersonate(
    app: &App,
    holder: &TokenHolder,
    admin: Actor,
    target: String,
) -> Result<Actor, AdminError> {
    if !holder.token.has_scope("sudo") {
        return Err(rejected(app, Insufficient::Scope.reason(), AdminError::InsufficientScope("sudo")));
    }
    // The databases cannot store NUL.
    if target.contains('\0') {
        return Err(AdminError::Forbidden);
    }
    let user = app.core.pool.read(move |conn| users::find(conn, &target)).await?;
    let user = user.filter(users::UserSummary::is_active_administrator).ok_or(AdminError::Forbidden)?;
    let username = user.username.unwrap_or_default();
    Ok(Actor { user_id: user.id, username, impersonated_by: Some(admin.username), ..admin })
}

/// The address of the client, as trusted proxies report it.
pub(crate) fn client_address(request: &HttpRequest) -> Option<IpAddr> {
    Context::of(request).and_then(|context| context.remote_ip)
}

/// Counts a rejected token and returns the error.
pub(crate) fn unauthorized(app: &App, rejection: Rejection) -> AdminError {
    rejected(app, rejection.reason(), AdminError::Unauthorized(rejection))
}

/// Counts and logs a rejected credential, and returns the error.
fn rejected(app: &App, reason: &'static str, error: AdminError) -> AdminError {
    app.core.reject_credential("personal_access_token", reason);
    error
}

//! Authenticates administrators with personal access tokens.
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use auth::Rejection;
use chrono::NaiveDate;
use database::admin::audit::Actor;
use database::admin::users;
use database::token_holders::{self, Found};
use domain::tokens::token_holder::{Insufficient, TokenHolder};
use domain::user::State;
use endpoint::Context;
use endpoint::access_token::{header, personal_access_token, query};

use crate::error::AdminError;
use crate::{App, INFO};

const EXPIRED: &str = "Token is expired. You can either do re-authorization or token refresh.";
const REVOKED: &str = "Token was revoked. You have to re-authorize from the user.";
const BLOCKED: &str = "Your account has been blocked.";

/// An authenticated administrator. A token with scope `read_api` is sufficient for requests that only read.
#[derive(Debug, Clone)]
pub struct Admin(pub Actor);

impl FromRequest for Admin {
    type Error = AdminError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, AdminError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let app = request.app_data::<Data<App>>().ok_or(AdminError::Unauthorized)?;
            let actor = identify(app, &request).await;
            app.core.slow_guessing(&request, actor).await.map(Self)
        })
    }
}

async fn identify(app: &App, request: &HttpRequest) -> Result<Actor, AdminError> {
    let token = personal_access_token(request).or_else(|| query(request.query_string(), "access_token"));
    let Some(token) = token else {
        return Err(unauthorized(app, Rejection::Missing));
    };
    let Some(found) = find(app, &token).await? else {
        return Err(unauthorized(app, Rejection::UnknownToken));
    };
    app.core.limit_rate(request, Some(&token))?;
    let only_reads = matches!(*request.method(), Method::GET | Method::HEAD);
    judge(app, &found.holder, only_reads)?;
    touch(app, &found).await;
    let actor = Actor {
        user_id: found.holder.user_id,
        username: found.holder.username.clone(),
        ip_address: address(request),
        impersonator: None,
    };
    let sudo = header(request, "sudo").or_else(|| query(request.query_string(), "sudo"));
    let actor = match sudo {
        Some(target) => stand_in(app, &found.holder, actor, target).await?,
        None => actor,
    };
    if let Some(context) = Context::of(request) {
        context.note_user(actor.user_id, &actor.username);
    }
    Ok(actor)
}

/// Finds a token and its holder.
pub(crate) async fn find(app: &App, token: &str) -> Result<Option<Found>, AdminError> {
    let (digests, now) = (app.key_base.get().digests(token), app.core.clock.now());
    Ok(app.core.pool.read(move |conn| token_holders::find(conn, &digests, now)).await?)
}

/// Updates the last-used timestamp of the token if it is out of date. A failure does not fail the request.
pub(crate) async fn touch(app: &App, found: &Found) {
    let Some(token_id) = found.to_touch else { return };
    let now = app.core.clock.now();
    if let Err(error) = app.core.pool.run(move |conn| token_holders::touch(conn, token_id, now)).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the use of a token could not be noted");
    }
}

/// Checks whether the token lets its holder act as an administrator. Returns the first reason if not.
pub(crate) fn judge(app: &App, holder: &TokenHolder, only_reads: bool) -> Result<(), AdminError> {
    let today: NaiveDate = app.core.clock.now().date();
    let (scopes, names): (&[&str], _) =
        if only_reads { (&["api", "read_api"], "api read_api") } else { (&["api"], "api") };
    holder.has_scope(scopes, today).map_err(|insufficient| match insufficient {
        Insufficient::Expired => rejected(app, Rejection::Expired, AdminError::InvalidToken(EXPIRED)),
        Insufficient::Revoked => rejected(app, Rejection::Revoked, AdminError::InvalidToken(REVOKED)),
        Insufficient::Scope => AdminError::InsufficientScope(names),
        Insufficient::Person => AdminError::Forbidden,
    })?;
    match holder.state {
        State::Active => {}
        State::Deactivated => {
            let url = &app.core.external_url;
            return Err(AdminError::Account(format!(
                "Your account has been deactivated by your administrator. \
                 Please log back in from a web browser to reactivate your account at {url}"
            )));
        }
        State::Blocked | State::PendingApproval => return Err(AdminError::Account(BLOCKED.to_owned())),
    }
    let in_mode = !holder.admin_mode || holder.token.has_scope("admin_mode");
    if holder.admin && in_mode { Ok(()) } else { Err(AdminError::Forbidden) }
}

/// Lets an administrator act as another administrator (`sudo`).
async fn stand_in(
    app: &App,
    holder: &TokenHolder,
    admin: Actor,
    target: String,
) -> Result<Actor, AdminError> {
    if !holder.token.has_scope("sudo") {
        return Err(AdminError::InsufficientScope("sudo"));
    }
    // The databases cannot store NUL.
    if target.contains('\0') {
        return Err(AdminError::Forbidden);
    }
    let target = app.core.pool.read(move |conn| {
        let Some(person) = users::find(conn, &target)? else { return Ok(None) };
        Ok(users::administers(conn, person.id)?.then_some(person))
    });
    let person = target.await?.ok_or(AdminError::Forbidden)?;
    let username = person.username.unwrap_or_default();
    Ok(Actor { user_id: person.id, username, impersonator: Some(admin.username), ..admin })
}

pub(crate) fn address(request: &HttpRequest) -> Option<std::net::IpAddr> {
    Context::of(request).and_then(|context| context.remote_ip)
}

pub(crate) fn unauthorized(app: &App, rejection: Rejection) -> AdminError {
    rejected(app, rejection, AdminError::Unauthorized)
}

/// Counts a rejected credential and returns the error.
fn rejected(app: &App, rejection: Rejection, error: AdminError) -> AdminError {
    app.core.metrics.auth_failure(INFO.consumer, "personal_access_token", rejection.reason());
    error
}

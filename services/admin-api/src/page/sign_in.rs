//! `GET /admin/session/new`, `GET` and `POST /admin/session`, `DELETE /admin/session`
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, SET_COOKIE};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use auth::Rejection;
use minijinja::context;

use super::error::PageError;
use super::form::{Form, is_ours};
use super::render;
use super::session::{Session, SignedIn, no_cookie};
use crate::App;
use crate::identity::{address, find, judge, touch, unauthorized};

const INSUFFICIENT: &str = "Invalid or insufficient token";
const WINDOW_S: i64 = 60;
/// The number of attempts per minute from one address, as in GitLab's default.
const ATTEMPTS: i64 = 10;

/// Shows the sign-in form.
pub async fn form(app: Data<App>) -> HttpResponse {
    shown(&app, StatusCode::OK, "")
}

fn shown(app: &App, status: StatusCode, problem: &str) -> HttpResponse {
    let root = &app.core.relative_url_root;
    render::page(status, "sign_in.html", context! { root, problem })
}

/// Redirects to the sign-in form when the user reloads the page of a failed sign-in.
pub async fn again(app: Data<App>) -> HttpResponse {
    render::redirect(StatusCode::FOUND, &format!("{}/admin/session/new", app.core.relative_url_root))
}

/// Starts a session, or ends one for browsers whose forms do not support DELETE.
pub async fn begin(app: Data<App>, request: HttpRequest, form: Form) -> Result<HttpResponse, PageError> {
    if form.text("_method")?.eq_ignore_ascii_case("delete") {
        let signed_in = SignedIn::of(&request).await?;
        signed_in.must_have_sent(&app, &request, &form)?;
        return ended(&app, &request, &signed_in).await;
    }
    if !is_ours(&request, &app.core) {
        return Err(PageError::Forged);
    }
    if let Some(wait_s) = exhausted(&app, &request).await? {
        let mut answer =
            shown(&app, StatusCode::TOO_MANY_REQUESTS, "Too many attempts. Try again in a minute.");
        answer.headers_mut().insert(RETRY_AFTER, wait_s.into());
        return Ok(answer);
    }
    let token = form.word("token")?;
    let found = if token.is_empty() { Err(Rejection::Missing) } else { Ok(find(&app, &token).await?) };
    let found = found.and_then(|found| found.ok_or(Rejection::UnknownToken));
    let found = found.map_err(|rejection| unauthorized(&app, rejection));
    let Ok(found) = found.and_then(|found| judge(&app, &found.holder, false).map(|()| found)) else {
        return Ok(shown(&app, StatusCode::UNAUTHORIZED, INSUFFICIENT));
    };
    touch(&app, &found).await;
    let holder = &found.holder;
    tracing::info!(actor_id = holder.user_id, actor = holder.username, action = "sign_in", "audit");
    let session = Session::begin(&app, found.token_id);
    let to = format!("{}/admin/namespace_limits", app.core.relative_url_root);
    let mut answer = render::redirect(StatusCode::SEE_OTHER, &to);
    if let Ok(cookie) = session.cookie(&app, &request).parse() {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(answer)
}

/// Ends the session.
pub async fn end(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
) -> Result<HttpResponse, PageError> {
    let token = request.headers().get("x-csrf-token").and_then(|value| value.to_str().ok());
    signed_in.must_have_signed(&app, &request, token.unwrap_or_default())?;
    ended(&app, &request, &signed_in).await
}

async fn ended(app: &App, request: &HttpRequest, signed_in: &SignedIn) -> Result<HttpResponse, PageError> {
    signed_in.session().end(app).await?;
    let actor = &signed_in.actor;
    tracing::info!(actor_id = actor.user_id, actor = actor.username, action = "sign_out", "audit");
    let to = format!("{}/admin/session/new", app.core.relative_url_root);
    let mut answer = render::redirect(StatusCode::SEE_OTHER, &to);
    if let Ok(cookie) = no_cookie(app, request).parse() {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(answer)
}

/// Counts an attempt. Returns the number of seconds to wait if there were too many. If counting fails, the
/// attempt is refused.
async fn exhausted(app: &App, request: &HttpRequest) -> Result<Option<u32>, PageError> {
    let now = app.core.clock.unix();
    let wait_s = WINDOW_S - now.rem_euclid(WINDOW_S);
    let from = address(request).map(|ip| ip.to_string()).unwrap_or_default();
    let key = format!("internal_api:admin_sign_in:{from}:{}", now.div_euclid(WINDOW_S));
    let lifetime = Duration::from_secs(wait_s.unsigned_abs() + 1);
    let counts = app.core.counters.count(&[key], lifetime).await;
    let count = counts.map_err(|error| PageError::Uncounted(error.into()))?.into_iter().max().unwrap_or(0);
    if count <= ATTEMPTS {
        return Ok(None);
    }
    app.core.metrics.throttled(crate::INFO.consumer, "admin_sign_in");
    Ok(Some(u32::try_from(wait_s).unwrap_or(60)))
}

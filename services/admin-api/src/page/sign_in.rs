//! `GET /admin/session/new`, `GET` and `POST /admin/session`, `DELETE /admin/session`
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER, SET_COOKIE};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use auth::Rejection;
use database::token_holders::FoundToken;
use endpoint::{access_token, log_field, log_user};
use minijinja::context;

use super::draft::{self, KeptForm};
use super::error::PageError;
use super::form::{Form, is_same_origin};
use super::render;
use super::return_to::ReturnTo;
use super::session::{SCOPES, Session, SignedIn, has_ended_session, remove_cookie};
use crate::identity::{authorize, client_address, find_token, new_actor, unauthorized};
use crate::{App, audit};

const INSUFFICIENT_TOKEN: &str = "Invalid or insufficient token";
const TOO_MANY_ATTEMPTS: &str = "Too many attempts. Try again in a minute.";
const ENDED: &str = "Your session has ended. Sign in to continue.";
const ATTEMPT_WINDOW_S: i64 = 60;
/// The number of attempts per minute from one address, as in GitLab's default.
const MAX_ATTEMPTS: i64 = 10;

/// Shows the sign-in form.
pub async fn form(app: Data<App>, request: HttpRequest, form: Form) -> Result<HttpResponse, PageError> {
    let sent_form = KeptForm::read(&app, &request).is_some_and(|kept| kept.had_session);
    let had_session = sent_form || has_ended_session(&app, &request).await?;
    let note = if had_session { ENDED } else { "" };
    Ok(page(&app, StatusCode::OK, &return_to(&form), note, ""))
}

/// Returns the target of the sign-in as it was sent, because only a successful sign-in parses it. An
/// unreadable value counts as absent.
fn return_to(form: &Form) -> String {
    form.text("return_to").unwrap_or_default()
}

/// Renders the sign-in page.
fn page(app: &App, status: StatusCode, return_to: &str, note: &str, problem: &str) -> HttpResponse {
    let root = &app.core.relative_url_root;
    render::page(status, "sign_in.html", context! { root, return_to, note, problem })
}

/// Redirects to the sign-in form when the user reloads the page of a failed sign-in.
pub async fn again(app: Data<App>) -> HttpResponse {
    render::redirect(StatusCode::FOUND, &format!("{}/admin/session/new", app.core.relative_url_root))
}

/// Starts a session, or ends one for browsers, whose forms do not support DELETE.
pub async fn create(app: Data<App>, request: HttpRequest, form: Form) -> Result<HttpResponse, PageError> {
    if form.text("_method")?.eq_ignore_ascii_case("delete") {
        let Some(signed_in) = SignedIn::find(&app, &request).await? else {
            return Err(PageError::sign_in(&app, &request, None));
        };
        signed_in.check_form(&app, &request, &form)?;
        return end_session(&app, &request, &signed_in).await;
    }
    if !is_same_origin(&request, &app.core) {
        return Err(PageError::ForeignForm);
    }
    let return_to = return_to(&form);
    if let Some(wait_s) = count_attempt(&app, &request).await? {
        let status = StatusCode::TOO_MANY_REQUESTS;
        let mut response = page(&app, status, &return_to, "", TOO_MANY_ATTEMPTS);
        response.headers_mut().insert(RETRY_AFTER, wait_s.into());
        return Ok(response);
    }
    let Some(found) = find_administrator(&app, &form.trimmed("token")?).await? else {
        return Ok(page(&app, StatusCode::UNAUTHORIZED, &return_to, "", INSUFFICIENT_TOKEN));
    };
    access_token::record_use(&app.core, &found).await;
    let actor = new_actor(&request, found.holder.user_id, &found.holder.username);
    log_user(actor.user_id, &actor.username);
    audit::session_started(&actor);
    let root = &app.core.relative_url_root;
    let path = ReturnTo::parse(&return_to, root).map(|target| target.path());
    let location = format!("{root}{}", path.as_deref().unwrap_or("/admin/namespace_limits"));
    let mut response = render::redirect(StatusCode::SEE_OTHER, &location);
    let cookie = Session::start(&app, found.id).set_cookie(&app, &request);
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Finds the administrator of a token. `None` if the token is not sufficient, for any reason.
async fn find_administrator(app: &App, token: &str) -> Result<Option<FoundToken>, PageError> {
    if token.is_empty() {
        unauthorized(app, Rejection::Missing);
        return Ok(None);
    }
    let Some(found) = find_token(app, token).await? else {
        unauthorized(app, Rejection::UnknownToken);
        return Ok(None);
    };
    Ok(authorize(app, &found.holder, SCOPES).is_ok().then_some(found))
}

/// `DELETE /admin/session`: ends the session.
pub async fn delete(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
) -> Result<HttpResponse, PageError> {
    let token = request.headers().get("x-csrf-token").and_then(|value| value.to_str().ok());
    signed_in.check_csrf_token(&app, &request, token.unwrap_or_default())?;
    end_session(&app, &request, &signed_in).await
}

async fn end_session(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
) -> Result<HttpResponse, PageError> {
    signed_in.session().end(app).await?;
    audit::session_ended(&signed_in.actor);
    let location = format!("{}/admin/session/new", app.core.relative_url_root);
    let mut response = render::redirect(StatusCode::SEE_OTHER, &location);
    if let Ok(cookie) = HeaderValue::from_str(&remove_cookie(app, request)) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    draft::clear(app, request, response.headers_mut());
    Ok(response)
}

/// Counts an attempt. Returns the number of seconds to wait if there were too many. If counting fails, the
/// attempt is refused.
async fn count_attempt(app: &App, request: &HttpRequest) -> Result<Option<u32>, PageError> {
    let now = app.core.clock.unix();
    let wait_s = ATTEMPT_WINDOW_S - now.rem_euclid(ATTEMPT_WINDOW_S);
    let address = endpoint::rate_limit::network(client_address(request));
    let key = format!("internal_api:admin_sign_in:{address}:{}", now.div_euclid(ATTEMPT_WINDOW_S));
    let lifetime = Duration::from_secs(wait_s.unsigned_abs() + 1);
    let counts = app.core.counters.count(&[key], lifetime).await;
    let counts = counts.map_err(|error| PageError::SharedState(error.into()))?;
    if counts.into_iter().max().unwrap_or(0) <= MAX_ATTEMPTS {
        return Ok(None);
    }
    app.core.metrics.throttled(crate::INFO.consumer, "admin_sign_in");
    log_field("rate_limit_key", "admin_sign_in");
    Ok(Some(u32::try_from(wait_s).unwrap_or(60)))
}

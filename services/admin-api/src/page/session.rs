//! Sessions: a signed cookie with the id of the token that the user signed in with. Every request checks
//! that the token still gives administrator access.
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderValue, SET_COOKIE};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use auth::Rejection;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use database::admin::audit::Actor;
use database::token_holders::{self, FoundToken};
use endpoint::{access_token, log_user};
use minijinja::{Value, context};
use serde::{Deserialize, Serialize};

use super::error::{PageError, is_by_script};
use super::form::{Form, is_same_origin};
use super::return_to::ReturnTo;
use super::{cookies, render};
use crate::App;
use crate::identity::new_actor;

/// The scheme of this credential, in logs and metrics.
pub const SCHEME: &str = "session";
const COOKIE: &str = "admin_session";
const PURPOSE: &str = "admin-api session";
const CSRF_PURPOSE: &str = "admin-api form";
/// A session needs a token with one of these scopes.
pub const SCOPES: &[&str] = &["api"];
const IDLE_TIMEOUT_S: i64 = 30 * 60;
/// The maximum lifetime, regardless of activity. The cookie is kept as long, so that an idle session can be
/// recognised as ended.
const MAX_LIFETIME_S: i64 = 12 * 60 * 60;

/// The result of the last form, shown by the next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    Excluded,
    Removed,
    Gone,
}

impl Notice {
    fn sentence(self) -> &'static str {
        match self {
            Self::Excluded => "The namespace is now excluded from the storage limit.",
            Self::Removed => "The exclusion was removed. The storage limit applies to the namespace again.",
            Self::Gone => "The exclusion was already gone.",
        }
    }
}

/// The content of the cookie. Times are Unix timestamps in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    id: String,
    token_id: i64,
    began: i64,
    seen: i64,
    notice: Option<Notice>,
}

impl Session {
    /// Starts a session with a random id.
    pub fn start(app: &App, token_id: i64) -> Self {
        let now = app.core.clock.unix();
        let id = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 18]>());
        Self { id, token_id, began: now, seen: now, notice: None }
    }

    /// The header that sets the cookie.
    pub fn set_cookie(&self, app: &App, request: &HttpRequest) -> String {
        let remaining_s = self.began + MAX_LIFETIME_S - app.core.clock.unix();
        cookies::set(app, request, COOKIE, &cookies::sign(app, PURPOSE, self), remaining_s.max(0))
    }

    /// The session of the request's cookie, whether it is active or not.
    fn from_cookie(app: &App, request: &HttpRequest) -> Option<Self> {
        cookies::values(request, COOKIE).find_map(|value| cookies::verify(app, PURPOSE, value))
    }

    /// Whether the session is neither idle for too long nor too old.
    fn is_active(&self, app: &App) -> bool {
        let now = app.core.clock.unix();
        // Without Redis a process does not know which sessions were ended before it started.
        let is_known = app.core.counters.is_redis() || self.began >= app.started;
        is_known && now - self.seen < IDLE_TIMEOUT_S && now - self.began < MAX_LIFETIME_S
    }

    fn ended_key(&self) -> String {
        format!("internal_api:admin_session_ended:{}", self.id)
    }

    async fn was_ended(&self, app: &App) -> Result<bool, PageError> {
        let ended = app.core.counters.exists(&self.ended_key()).await;
        ended.map_err(|error| PageError::SharedState(error.into()))
    }

    /// The token of an active session. The token may have lost its administrator access.
    async fn find_token(&self, app: &App) -> Result<Option<FoundToken>, PageError> {
        if !self.is_active(app) || self.was_ended(app).await? {
            return Ok(None);
        }
        let (token_id, now) = (self.token_id, app.core.clock.now());
        Ok(app.core.pool.read(move |conn| token_holders::find_by_id(conn, token_id, now)).await?)
    }

    /// Ends the session, so that a copy of the cookie is useless.
    pub async fn end(&self, app: &App) -> Result<(), PageError> {
        let lifetime = Duration::from_secs(MAX_LIFETIME_S.unsigned_abs());
        let stored = app.core.counters.set_with_ttl(&self.ended_key(), "1", lifetime).await;
        stored.map_err(|error| PageError::SharedState(error.into()))
    }
}

/// The header that removes the cookie.
pub fn remove_cookie(app: &App, request: &HttpRequest) -> String {
    cookies::set(app, request, COOKIE, "", 0)
}

/// Whether the request has the cookie of a session that has ended.
pub async fn has_ended_session(app: &App, request: &HttpRequest) -> Result<bool, PageError> {
    let Some(session) = Session::from_cookie(app, request) else { return Ok(false) };
    let (found, today) = (session.find_token(app).await?, app.core.clock.now().date());
    Ok(found.is_none_or(|found| found.holder.administers(SCOPES, today).is_err()))
}

/// An administrator with an active session.
#[derive(Debug)]
pub struct SignedIn {
    pub actor: Actor,
    session: Session,
    csrf: String,
}

impl FromRequest for SignedIn {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let app = request.app_data::<Data<App>>().ok_or(PageError::ForeignForm)?;
            let is_link = matches!(*request.method(), Method::GET | Method::HEAD);
            let return_to = || ReturnTo::from_request(app, &request).filter(|_| is_link);
            let signed_in = Self::find(app, &request).await?;
            signed_in.ok_or_else(|| PageError::sign_in(app, &request, return_to().as_ref()))
        })
    }
}

impl SignedIn {
    /// The administrator of the request's session; `None` without an active session. A script's request without
    /// one is refused, so the reason is counted and logged.
    pub async fn find(app: &App, request: &HttpRequest) -> Result<Option<Self>, PageError> {
        let identified = Self::identify(app, request).await?;
        if let Err(reason) = identified
            && is_by_script(request)
        {
            app.core.reject_credential(SCHEME, reason);
        }
        Ok(identified.ok())
    }

    /// The administrator, or the reason why the session is not valid.
    async fn identify(app: &App, request: &HttpRequest) -> Result<Result<Self, &'static str>, PageError> {
        let Some(session) = Session::from_cookie(app, request) else {
            let is_missing = cookies::values(request, COOKIE).next().is_none();
            return Ok(Err(if is_missing { Rejection::Missing } else { Rejection::Signature }.reason()));
        };
        let Some(found) = session.find_token(app).await? else {
            return Ok(Err(Rejection::Expired.reason()));
        };
        if let Err(insufficient) = found.holder.administers(SCOPES, app.core.clock.now().date()) {
            return Ok(Err(insufficient.reason()));
        }
        access_token::record_use(&app.core, &found).await;
        let holder = &found.holder;
        log_user(holder.user_id, &holder.username);
        let actor = new_actor(request, holder.user_id, &holder.username);
        let csrf = app.key_base.get().sign(CSRF_PURPOSE, &session.id);
        Ok(Ok(Self { actor, session, csrf }))
    }

    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Checks that a page of this session sent the form.
    pub fn check_form(&self, app: &App, request: &HttpRequest, form: &Form) -> Result<(), PageError> {
        self.check_csrf_token(app, request, &form.text("authenticity_token")?)
    }

    pub fn check_csrf_token(&self, app: &App, request: &HttpRequest, token: &str) -> Result<(), PageError> {
        if !is_same_origin(request, &app.core) {
            Err(PageError::ForeignForm)
        } else if !app.key_base.get().has_signed(CSRF_PURPOSE, &self.session.id, token) {
            Err(PageError::OutdatedForm)
        } else {
            Ok(())
        }
    }

    /// A page for this administrator. It renews the session.
    pub fn page(
        &self,
        app: &App,
        request: &HttpRequest,
        status: StatusCode,
        template: &str,
        values: Value,
    ) -> HttpResponse {
        let common = context! {
            root => app.core.relative_url_root.clone(),
            csrf => self.csrf.clone(),
            user => self.actor.username.clone(),
            notice => self.session.notice.map(Notice::sentence),
            ..values
        };
        self.with_cookie(render::page(status, template, common), app, request, None)
    }

    /// A redirect to a page that shows the notice.
    pub fn redirect(&self, app: &App, request: &HttpRequest, path: &str, notice: Notice) -> HttpResponse {
        let location = format!("{}{path}", app.core.relative_url_root);
        self.with_cookie(render::redirect(StatusCode::SEE_OTHER, &location), app, request, Some(notice))
    }

    fn with_cookie(
        &self,
        mut response: HttpResponse,
        app: &App,
        request: &HttpRequest,
        notice: Option<Notice>,
    ) -> HttpResponse {
        let session = Session { seen: app.core.clock.unix(), notice, ..self.session.clone() };
        if let Ok(value) = HeaderValue::from_str(&session.set_cookie(app, request)) {
            response.headers_mut().append(SET_COOKIE, value);
        }
        response
    }
}

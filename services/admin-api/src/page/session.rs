//! Sessions: a signed cookie with the id of the token that the user signed in with. Every request checks
//! that the token still gives administrator access.
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{COOKIE, SET_COOKIE};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use database::admin::audit::Actor;
use database::token_holders;
use endpoint::Context;
use minijinja::{Value, context};
use serde::{Deserialize, Serialize};

use super::error::{AskedBy, PageError};
use super::form::{Form, is_ours};
use super::render;
use crate::App;
use crate::identity::{address, judge, touch};

const NAME: &str = "admin_session";
const PURPOSE: &str = "admin-api session";
const CSRF_PURPOSE: &str = "admin-api form";
const IDLE_S: i64 = 30 * 60;
/// The maximum lifetime in seconds, regardless of activity.
const LONGEST_S: i64 = 12 * 60 * 60;

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
            Self::Removed => "The exclusion was removed. The storage limit counts for the namespace again.",
            Self::Gone => "The exclusion was already gone.",
        }
    }
}

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
    pub fn begin(app: &App, token_id: i64) -> Self {
        let now = app.core.clock.unix();
        let id = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 18]>());
        Self { id, token_id, began: now, seen: now, notice: None }
    }

    /// The cookie that stores the session.
    pub fn cookie(&self, app: &App, request: &HttpRequest) -> String {
        let text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default());
        let signature = app.key_base.get().sign(PURPOSE, &text);
        set_cookie(app, request, &format!("{text}.{signature}"), IDLE_S)
    }

    /// Reads the valid session from the request's cookies, if there is one.
    fn read(app: &App, request: &HttpRequest) -> Option<Self> {
        let keys = app.key_base.get();
        let cookies = request.headers().get_all(COOKIE).filter_map(|value| value.to_str().ok());
        let mut values = cookies
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().strip_prefix(NAME)?.strip_prefix('='));
        let session: Self = values.find_map(|value| {
            let (text, signature) = value.split_once('.')?;
            keys.has_signed(PURPOSE, text, signature).then_some(())?;
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
        })?;
        let now = app.core.clock.unix();
        // Without Redis, ended sessions are forgotten when the process restarts, so older sessions are not
        // valid.
        let is_known = app.core.counters.is_redis() || session.began >= app.started;
        (is_known && now - session.seen < IDLE_S && now - session.began < LONGEST_S).then_some(session)
    }

    fn ended_key(&self) -> String {
        format!("internal_api:admin_session_ended:{}", self.id)
    }

    /// Ends the session. A copy of the cookie is no longer valid.
    pub async fn end(&self, app: &App) -> Result<(), PageError> {
        let lifetime = Duration::from_secs(LONGEST_S.unsigned_abs());
        let kept = app.core.counters.keep(&self.ended_key(), "1", lifetime).await;
        kept.map_err(|error| PageError::Uncounted(error.into()))
    }
}

/// A cookie that deletes the session.
pub fn no_cookie(app: &App, request: &HttpRequest) -> String {
    set_cookie(app, request, "", 0)
}

fn set_cookie(app: &App, request: &HttpRequest, value: &str, max_age_s: i64) -> String {
    let secure = if endpoint::origin(request, &app.core).starts_with("https://") { "; Secure" } else { "" };
    let root = &app.core.relative_url_root;
    format!("{NAME}={value}; Path={root}/admin; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}")
}

/// A signed-in administrator.
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
        Box::pin(async move { Self::of(&request).await })
    }
}

impl SignedIn {
    pub async fn of(request: &HttpRequest) -> Result<Self, PageError> {
        let app = request.app_data::<Data<App>>().ok_or(PageError::Forged)?;
        let nobody = || PageError::SignIn {
            to: format!("{}/admin/session/new", app.core.relative_url_root),
            asked_by: match *request.method() {
                _ if request.headers().contains_key("hx-request") => AskedBy::Script,
                Method::GET | Method::HEAD => AskedBy::Link,
                _ => AskedBy::Form,
            },
        };
        let session = Session::read(app, request).ok_or_else(nobody)?;
        let ended = app.core.counters.keeps(&session.ended_key()).await;
        if ended.map_err(|error| PageError::Uncounted(error.into()))? {
            return Err(nobody());
        }
        let (token_id, now) = (session.token_id, app.core.clock.now());
        let found = app.core.pool.read(move |conn| token_holders::find_again(conn, token_id, now)).await?;
        let found = found.ok_or_else(nobody)?;
        judge(app, &found.holder, false).map_err(|_| nobody())?;
        touch(app, &found).await;
        let holder = found.holder;
        if let Some(context) = Context::of(request) {
            context.note_user(holder.user_id, &holder.username);
        }
        let actor = Actor {
            user_id: holder.user_id,
            username: holder.username,
            ip_address: address(request),
            impersonator: None,
        };
        let csrf = app.key_base.get().sign(CSRF_PURPOSE, &session.id);
        Ok(Self { actor, session, csrf })
    }

    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Checks that the form was sent by a page of this session.
    pub fn must_have_sent(&self, app: &App, request: &HttpRequest, form: &Form) -> Result<(), PageError> {
        self.must_have_signed(app, request, &form.text("authenticity_token")?)
    }

    pub fn must_have_signed(&self, app: &App, request: &HttpRequest, token: &str) -> Result<(), PageError> {
        let signed = app.key_base.get().has_signed(CSRF_PURPOSE, &self.session.id, token);
        if signed && is_ours(request, &app.core) { Ok(()) } else { Err(PageError::Forged) }
    }

    /// Renders a page for this administrator and renews the session's idle timeout of half an hour.
    pub fn page(
        &self,
        app: &App,
        request: &HttpRequest,
        status: StatusCode,
        name: &str,
        values: Value,
    ) -> HttpResponse {
        let common = context! {
            root => app.core.relative_url_root.clone(),
            csrf => self.csrf.clone(),
            user => self.actor.username.clone(),
            notice => self.session.notice.map(Notice::sentence),
            ..values
        };
        let answer = render::page(status, name, common);
        self.with_cookie(answer, app, request, None)
    }

    /// Redirects to a page that shows the notice.
    pub fn redirect(&self, app: &App, request: &HttpRequest, path: &str, notice: Notice) -> HttpResponse {
        let to = format!("{}{path}", app.core.relative_url_root);
        self.with_cookie(render::redirect(StatusCode::SEE_OTHER, &to), app, request, Some(notice))
    }

    fn with_cookie(
        &self,
        mut answer: HttpResponse,
        app: &App,
        request: &HttpRequest,
        notice: Option<Notice>,
    ) -> HttpResponse {
        let session = Session { seen: app.core.clock.unix(), notice, ..self.session.clone() };
        if let Ok(value) = session.cookie(app, request).parse() {
            answer.headers_mut().insert(SET_COOKIE, value);
        }
        answer
    }
}

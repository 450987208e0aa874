//! The draft of the exclude form, which the browser keeps while the user signs in again.
//!
//! It is stored in signed cookies for ten minutes. A cookie has at most 4096 bytes, so a long draft is split.
use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use serde::{Deserialize, Serialize};

use super::cookies;
use super::error::PageError;
use super::form::Form;
use crate::App;

const COOKIES: [&str; 3] = ["admin_draft", "admin_draft_2", "admin_draft_3"];
const PURPOSE: &str = "admin-api draft";
const LIFETIME_S: i64 = 10 * 60;
const MAX_COOKIE_BYTES: usize = 3800;
/// Longer than a valid reason, so that the user can shorten one that is too long.
const MAX_REASON_CHARACTERS: usize = 1000;

/// The fields of the exclude form.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    pub namespace_search: String,
    pub namespace_id: Option<i64>,
    pub reason: String,
}

impl Draft {
    pub fn read(form: &Form) -> Result<Self, PageError> {
        Ok(Self {
            namespace_search: form.search("namespace_search")?,
            namespace_id: form.number("namespace_id")?,
            // Browsers send a line break as CR LF.
            reason: form.text("reason")?.replace("\r\n", "\n"),
        })
    }
}

/// What the browser keeps of a form that was sent without a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptForm {
    /// `None` for a form that is not restored.
    pub draft: Option<Draft>,
    /// Whether the form has a CSRF token, which means that there was a session.
    pub had_session: bool,
    kept_at: i64,
}

impl KeptForm {
    pub fn new(app: &App, form: &Form, draft: Option<Draft>) -> Self {
        let had_session = form.text("authenticity_token").is_ok_and(|token| !token.is_empty());
        let draft = draft.map(|mut draft| {
            draft.reason = draft.reason.chars().take(MAX_REASON_CHARACTERS).collect();
            draft
        });
        Self { draft, had_session, kept_at: app.core.clock.unix() }
    }

    /// Reads the form that the browser keeps, if it has not expired.
    pub fn read(app: &App, request: &HttpRequest) -> Option<Self> {
        let parts = COOKIES.map(|name| cookies::values(request, name).next().unwrap_or_default());
        let kept: Self = cookies::verify(app, PURPOSE, &parts.concat())?;
        let age_s = app.core.clock.unix() - kept.kept_at;
        (0..LIFETIME_S).contains(&age_s).then_some(kept)
    }

    /// The `Set-Cookie` headers that store the form.
    pub fn cookies(&self, app: &App, request: &HttpRequest) -> Vec<String> {
        let mut rest = cookies::sign(app, PURPOSE, self);
        let mut headers = Vec::new();
        for name in COOKIES {
            let after = rest.split_off(rest.len().min(MAX_COOKIE_BYTES));
            let max_age_s = if rest.is_empty() { 0 } else { LIFETIME_S };
            // An unused part is deleted only if an older draft has left it.
            if max_age_s > 0 || cookies::values(request, name).next().is_some() {
                headers.push(cookies::set(app, request, name, &rest, max_age_s));
            }
            rest = after;
        }
        headers
    }
}

/// Deletes the draft from a browser that has one.
pub fn clear(app: &App, request: &HttpRequest, headers: &mut HeaderMap) {
    for name in COOKIES.into_iter().filter(|name| cookies::values(request, name).next().is_some()) {
        if let Ok(value) = HeaderValue::from_str(&cookies::set(app, request, name, "", 0)) {
            headers.append(SET_COOKIE, value);
        }
    }
}

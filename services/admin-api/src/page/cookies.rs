//! Signed cookies.
use actix_web::HttpRequest;
use actix_web::http::header::COOKIE;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::App;

/// Builds the value of a cookie: the content as base64 of JSON, and a signature for this purpose.
pub fn sign<T: Serialize>(app: &App, purpose: &str, content: &T) -> String {
    let text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(content).unwrap_or_default());
    let signature = app.key_base.get().sign(purpose, &text);
    format!("{text}.{signature}")
}

/// Returns the content of a value that [`sign`] has signed.
pub fn verify<T: DeserializeOwned>(app: &App, purpose: &str, value: &str) -> Option<T> {
    let (text, signature) = value.split_once('.')?;
    app.key_base.get().has_signed(purpose, text, signature).then_some(())?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// The values of the request's cookies with this name.
pub fn values<'a>(request: &'a HttpRequest, name: &'a str) -> impl Iterator<Item = &'a str> {
    let headers = request.headers().get_all(COOKIE).filter_map(|value| value.to_str().ok());
    headers
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(move |cookie| cookie.trim().strip_prefix(name)?.strip_prefix('='))
}

/// A `Set-Cookie` header for the pages. Scripts cannot read the cookie, and other sites cannot send it.
pub fn set(app: &App, request: &HttpRequest, name: &str, value: &str, max_age_s: i64) -> String {
    let is_secure = endpoint::origin(request, &app.core).is_none_or(|origin| origin.starts_with("https://"));
    let secure = if is_secure { "; Secure" } else { "" };
    let root = &app.core.relative_url_root;
    format!("{name}={value}; Path={root}/admin; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}")
}

//! Authentication of requests that use the secret of GitLab Shell.
mod error_tracker;
mod workhorse;

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use auth::Rejection;
use endpoint::{MIB, Params, RestError, body};

use crate::App;

pub use error_tracker::ErrorTracker;
pub use workhorse::ShellOrWorkhorse;

const SHELL_HEADER: &str = "gitlab-shell-api-request";

/// An authenticated request of GitLab Shell or Gitaly.
#[derive(Debug, Clone, Copy)]
pub struct Shell;

impl FromRequest for Shell {
    type Error = RestError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, RestError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let Some(app) = request.app_data::<Data<App>>().cloned() else {
            return Box::pin(std::future::ready(Err(RestError::Unauthorized)));
        };
        let token = header(request, SHELL_HEADER);
        if token.is_some() || !app.options.legacy_shared_secret {
            return Box::pin(std::future::ready(answer(&app, "jwt", by_token(&app, token))));
        }
        if let Some(given) = header(request, "gitlab-shared-secret") {
            return Box::pin(std::future::ready(answer(&app, "shared_secret", by_secret(&app, given))));
        }
        let parameters = parameter(request, payload, "secret_token");
        Box::pin(async move {
            let checked = match parameters.await {
                Some(given) => by_secret(&app, &given),
                None => Err(Rejection::Missing),
            };
            answer(&app, "shared_secret", checked)
        })
    }
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    // A value that is not text counts as invalid, not as missing.
    request.headers().get(name).map(|value| value.to_str().unwrap_or_default())
}

fn by_token(app: &App, token: Option<&str>) -> Result<(), Rejection> {
    let token = token.ok_or(Rejection::Missing)?;
    auth::shell::verify(&app.secret.get(), token, app.core.clock.unix(), app.options.require_exp)
}

fn by_secret(app: &App, given: &str) -> Result<(), Rejection> {
    if app.secret.get().match_base64(given) { Ok(()) } else { Err(Rejection::Signature) }
}

fn answer(app: &App, scheme: &'static str, checked: Result<(), Rejection>) -> Result<Shell, RestError> {
    checked.map(|()| Shell).map_err(|rejection| refuse(app, scheme, rejection))
}

fn refuse(app: &App, scheme: &'static str, rejection: Rejection) -> RestError {
    app.core.reject_credential(scheme, rejection.reason());
    RestError::Unauthorized
}

/// Reads a credential from the parameters. Reads at most 1 MiB, because the caller is not authenticated yet.
fn parameter(
    request: &HttpRequest,
    payload: &mut Payload,
    name: &'static str,
) -> Pin<Box<dyn Future<Output = Option<String>>>> {
    let length =
        request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let body = length.is_some_and(|length| length <= MIB).then(|| body::read(request, payload));
    let request = request.clone();
    Box::pin(async move {
        let body = match body {
            Some(body) => body.await.ok()?,
            None => actix_web::web::Bytes::new(),
        };
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let params =
            Params::decode(request.query_string(), content_type.unwrap_or_default(), body).await.ok()?;
        params.text(name).ok()?
    })
}

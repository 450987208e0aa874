//! Authentication of reports about transfers: from GitLab Shell over SSH, from Workhorse over HTTP.
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use auth::Rejection;
use endpoint::RestError;

use super::{SHELL_HEADER, Shell, header, refuse};
use crate::App;

/// An authenticated request of GitLab Shell, or of Workhorse if GitLab Shell's header is missing.
#[derive(Debug, Clone, Copy)]
pub struct ShellOrWorkhorse;

impl FromRequest for ShellOrWorkhorse {
    type Error = RestError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, RestError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let token = header(request, "gitlab-workhorse-api-request");
        match (request.app_data::<Data<App>>(), token) {
            (Some(app), Some(token)) if header(request, SHELL_HEADER).is_none() => {
                let verified = verify(app, token).map(|()| Self);
                let answer = verified.map_err(|rejection| refuse(app, "workhorse_jwt", rejection));
                Box::pin(std::future::ready(answer))
            }
            _ => {
                let shell = Shell::from_request(request, payload);
                Box::pin(async move { shell.await.map(|Shell| Self) })
            }
        }
    }
}

fn verify(app: &App, token: &str) -> Result<(), Rejection> {
    // If no secret is configured, no token is valid.
    let secret = app.keys.workhorse.as_ref().ok_or(Rejection::Signature)?;
    auth::workhorse::verify(&secret.get(), token, app.core.clock.unix())
}

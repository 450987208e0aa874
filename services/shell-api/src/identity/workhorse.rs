//! Whoever tells of a transfer: GitLab Shell of one over SSH, Workhorse of one over HTTP.
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use auth::Rejection;
use endpoint::RestError;

use super::{SHELL_HEADER, Shell, header, refuse};
use crate::App;

/// A request of GitLab Shell, or of Workhorse where the header of GitLab Shell is missing.
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
                let answer = verified.map_err(|rejection| refuse(app, "jwt", rejection));
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
    // Without a secret nobody is Workhorse.
    let secret = app.keys.workhorse.as_ref().ok_or(Rejection::Signature)?;
    auth::workhorse::verify(&secret.get(), token, app.core.clock.unix())
}

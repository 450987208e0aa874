//! Authentication of the error tracking service: with the instance's token for it, or as GitLab Shell.
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use auth::Rejection;
use endpoint::{Params, RestError};

use super::{SHELL_HEADER, Shell, header, parameter, refuse};
use crate::App;

/// An authenticated request of the error tracking service, with its parameters. Looking up the token takes
/// time, in which another extractor could fail first. Therefore the parameters are read here, after
/// authentication.
#[derive(Debug)]
pub struct ErrorTracker(pub Params);

impl FromRequest for ErrorTracker {
    type Error = RestError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, RestError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let Some(app) = request.app_data::<Data<App>>().cloned() else {
            return Box::pin(std::future::ready(Err(RestError::Unauthorized)));
        };
        let token = header(request, "gitlab-error-tracking-token").map(ToOwned::to_owned);
        let names_itself = token.is_some() || header(request, SHELL_HEADER).is_some();
        let parameter = (!names_itself).then(|| parameter(request, payload, "error_tracking_token"));
        let shell = Shell::from_request(request, payload);
        let params = Params::from_request(request, payload);
        Box::pin(async move {
            let token = match parameter {
                Some(parameter) => parameter.await,
                None => token,
            };
            let Shell = match token {
                None => shell.await?,
                Some(token) if is_valid(&app, &token).await? => Shell,
                Some(_) => shell.await.map_err(|_| refuse(&app, "shared_secret", Rejection::Signature))?,
            };
            params.await.map(Self)
        })
    }
}

/// Whether this is the token that an administrator has configured. If none is configured, no token is valid.
async fn is_valid(app: &App, token: &str) -> Result<bool, RestError> {
    let stored = app.core.pool.read(database::error_tracking::encrypted_access_token).await?;
    Ok(stored.is_some_and(|stored| app.keys.db_key_base.get().encrypts_to(token, &stored)))
}

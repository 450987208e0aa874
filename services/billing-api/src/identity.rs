//! Who may ask at all: CustomersDot, or an administrator of the installation.
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use auth::Rejection;
use database::token_holders;
use domain::tokens::token_holder::{Insufficient, TokenHolder};
use endpoint::Context;
use endpoint::access_token::{header, personal_access_token};

use crate::error::BillingError;
use crate::portal::Refused;
use crate::{App, INFO};

const PORTAL_TOKEN: &str = "x-customers-dot-internal-token";
/// The scheme of people, in metrics.
const PAT: &str = "personal_access_token";
const EXPIRED: &str = "Token is expired. You can either do re-authorization or token refresh.";
const REVOKED: &str = "Token was revoked. You have to re-authorize from the user.";

/// Whoever may do everything here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    CustomersDot,
    Admin(i64),
}

/// Whoever may read what they own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    Caller,
    User(i64),
}

impl std::fmt::Display for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CustomersDot => f.write_str("customers_dot"),
            Self::Admin(user_id) => write!(f, "user-{user_id}"),
        }
    }
}

type Identified<T> = Pin<Box<dyn Future<Output = Result<T, BillingError>>>>;

impl FromRequest for Caller {
    type Error = BillingError;
    type Future = Identified<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let app = app(&request)?;
            let caller = identify_caller(app, &request).await;
            app.core.slow_guessing(&request, caller).await
        })
    }
}

impl FromRequest for Reader {
    type Error = BillingError;
    type Future = Identified<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let app = app(&request)?;
            let reader = identify_reader(app, &request).await;
            app.core.slow_guessing(&request, reader).await
        })
    }
}

async fn identify_caller(app: &App, request: &HttpRequest) -> Result<Caller, BillingError> {
    match identify(app, request).await? {
        Identity::CustomersDot => Ok(Caller::CustomersDot),
        Identity::Holder(holder) => {
            let administers = holder.administers(app.core.clock.now().date());
            administers.map_err(|insufficient| refusal(app, insufficient))?;
            Ok(Caller::Admin(holder.user_id))
        }
    }
}

async fn identify_reader(app: &App, request: &HttpRequest) -> Result<Reader, BillingError> {
    let today = app.core.clock.now().date();
    match identify(app, request).await? {
        Identity::Holder(holder) if holder.administers(today).is_err() => {
            let reads = holder.has_scope(&["api", "read_api"], today);
            reads.map_err(|insufficient| refusal(app, insufficient))?;
            Ok(Reader::User(holder.user_id))
        }
        Identity::Holder(_) | Identity::CustomersDot => Ok(Reader::Caller),
    }
}

enum Identity {
    CustomersDot,
    Holder(TokenHolder),
}

fn app(request: &HttpRequest) -> Result<&Data<App>, BillingError> {
    request.app_data::<Data<App>>().ok_or(BillingError::Unauthorized)
}

/// Who sends the portal's token is judged by it alone.
async fn identify(app: &App, request: &HttpRequest) -> Result<Identity, BillingError> {
    if let Some(token) = request.headers().get(PORTAL_TOKEN) {
        let now = app.core.clock.unix();
        return match app.portal.verify(token.to_str().unwrap_or_default(), now).await {
            Ok(()) => {
                app.core.limit_rate(request, None)?;
                Ok(Identity::CustomersDot)
            }
            Err(Refused::NoKeys) => Err(BillingError::NoKeys),
            Err(Refused::Rejected(rejection)) => Err(unauthorized(app, "jwt", rejection)),
        };
    }
    let Some(token) = personal_access_token(request).or_else(|| header(request, "token")) else {
        return Err(unauthorized(app, PAT, Rejection::Missing));
    };
    let (digests, now) = (app.key_base.get().digests(&token), app.core.clock.now());
    let found = app.core.pool.read(move |conn| token_holders::find(conn, &digests, now)).await?;
    let Some(found) = found else {
        return Err(unauthorized(app, PAT, Rejection::UnknownToken));
    };
    app.core.limit_rate(request, Some(&token))?;
    // A token that has ended is not used any more.
    let is_alive = found.holder.has_scope(&["api", "read_api"], now.date()).is_ok();
    if let Some(token_id) = found.to_touch.filter(|_| is_alive) {
        // That fails no request.
        if let Err(error) = app.core.pool.run(move |conn| token_holders::touch(conn, token_id, now)).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the use of a token could not be noted");
        }
    }
    if let Some(context) = Context::of(request) {
        let mut fields = context.fields.borrow_mut();
        fields.user_id = Some(found.holder.user_id);
        fields.user_name = Some(found.holder.username.clone());
    }
    Ok(Identity::Holder(found.holder))
}

fn unauthorized(app: &App, scheme: &str, rejection: Rejection) -> BillingError {
    app.core.metrics.auth_failure(INFO.consumer, scheme, rejection.reason());
    BillingError::Unauthorized
}

fn refusal(app: &App, insufficient: Insufficient) -> BillingError {
    let rejected = |rejection, why| {
        unauthorized(app, PAT, rejection);
        BillingError::InvalidToken(why)
    };
    match insufficient {
        Insufficient::Expired => rejected(Rejection::Expired, EXPIRED),
        Insufficient::Revoked => rejected(Rejection::Revoked, REVOKED),
        Insufficient::Scope => BillingError::InsufficientScope,
        Insufficient::Person => BillingError::Forbidden,
    }
}

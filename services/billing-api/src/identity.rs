//! The callers: CustomersDot, or an administrator of the instance.
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use auth::Rejection;
use domain::tokens::token_holder::{Insufficient, TokenHolder};
use endpoint::access_token::{self, TOKEN_EXPIRED, TOKEN_REVOKED, header, personal_access_token};
use endpoint::audit::Author;
use endpoint::{log_field, log_user};

use crate::App;
use crate::error::BillingError;
use crate::portal::VerifyError;

const PORTAL_TOKEN: &str = "x-customers-dot-internal-token";
/// The authentication scheme of users, in logs and metrics.
const PAT: &str = "personal_access_token";

/// A caller who may use every endpoint.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The author of the changes that this request makes.
    pub author: Author,
}

/// A caller who may read a subscription.
#[derive(Debug, Clone)]
pub enum Reader {
    Caller(Caller),
    /// A user who may read the namespaces that they own.
    User(i64),
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
    let identity = identify(app, request).await?;
    if let Identity::Holder(holder) = &identity {
        let administers = holder.administers(&["api"], app.core.clock.now().date());
        administers.map_err(|insufficient| refusal(app, insufficient))?;
    }
    Ok(identity.into_caller())
}

async fn identify_reader(app: &App, request: &HttpRequest) -> Result<Reader, BillingError> {
    let today = app.core.clock.now().date();
    match identify(app, request).await? {
        Identity::Holder(holder) if holder.administers(&["api"], today).is_err() => {
            let reads = holder.has_scope(&["api", "read_api"], today);
            reads.map_err(|insufficient| refusal(app, insufficient))?;
            Ok(Reader::User(holder.user_id))
        }
        identity => Ok(Reader::Caller(identity.into_caller())),
    }
}

enum Identity {
    CustomersDot,
    Holder(TokenHolder),
}

impl Identity {
    fn into_caller(self) -> Caller {
        let author = match self {
            Self::CustomersDot => Author::service("customers_dot", "CustomersDot"),
            Self::Holder(holder) => Author::user(holder.user_id, holder.username),
        };
        Caller { author }
    }
}

fn app(request: &HttpRequest) -> Result<&Data<App>, BillingError> {
    request.app_data::<Data<App>>().ok_or(BillingError::Unauthorized("missing"))
}

/// Identifies the caller. A request with a token of the portal is judged by that token alone.
async fn identify(app: &App, request: &HttpRequest) -> Result<Identity, BillingError> {
    if let Some(token) = request.headers().get(PORTAL_TOKEN) {
        let now = app.core.clock.unix();
        return match app.portal.verify(token.to_str().unwrap_or_default(), now).await {
            Ok(()) => {
                app.core.limit_rate(request, None)?;
                log_field("caller_client", "customers_dot");
                Ok(Identity::CustomersDot)
            }
            Err(VerifyError::NoKeys) => {
                app.core.reject_credential("jwt", "no_keys");
                Err(BillingError::NoKeys)
            }
            Err(VerifyError::Rejected(rejection)) => Err(unauthorized(app, "jwt", rejection)),
        };
    }
    let Some(token) = personal_access_token(request).or_else(|| header(request, "token")) else {
        return Err(unauthorized(app, PAT, Rejection::Missing));
    };
    let digests = app.key_base.get().digests(&token);
    let Some(found) = access_token::find(&app.core, digests).await? else {
        return Err(unauthorized(app, PAT, Rejection::UnknownToken));
    };
    app.core.limit_rate(request, Some(&token))?;
    // The last use of an expired or revoked token stays as it is.
    let today = app.core.clock.now().date();
    if found.holder.has_scope(&["api", "read_api"], today).is_ok() {
        access_token::record_use(&app.core, &found).await;
    }
    log_user(found.holder.user_id, &found.holder.username);
    Ok(Identity::Holder(found.holder))
}

fn unauthorized(app: &App, scheme: &'static str, rejection: Rejection) -> BillingError {
    app.core.reject_credential(scheme, rejection.reason());
    BillingError::Unauthorized(rejection.reason())
}

fn refusal(app: &App, insufficient: Insufficient) -> BillingError {
    app.core.reject_credential(PAT, insufficient.reason());
    match insufficient {
        Insufficient::Expired => BillingError::InvalidToken(TOKEN_EXPIRED),
        Insufficient::Revoked => BillingError::InvalidToken(TOKEN_REVOKED),
        Insufficient::Scope => BillingError::InsufficientScope,
        Insufficient::Blocked
        | Insufficient::Deactivated
        | Insufficient::NotAdministrator
        | Insufficient::AdminMode => BillingError::Forbidden,
    }
}

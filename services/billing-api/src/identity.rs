//! The callers: CustomersDot, or an administrator of the instance.
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use auth::Rejection;
use domain::tokens::token_holder::{Insufficient, TokenHolder};
use endpoint::Context;
use endpoint::access_token::{self, TOKEN_EXPIRED, TOKEN_REVOKED, header, personal_access_token};
use endpoint::audit::Author;

use crate::error::BillingError;
use crate::portal::VerifyError;
use crate::{App, INFO};

const PORTAL_TOKEN: &str = "x-customers-dot-internal-token";
/// The authentication scheme of users, in logs and metrics.
const PAT: &str = "personal_access_token";

/// A caller who may use every endpoint.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The author of the changes that this request makes.
    pub author: Author,
    pub context: Option<Context>,
}

/// A caller who may read a subscription.
#[derive(Debug, Clone)]
pub enum Reader {
    Caller(Caller),
    /// A user who may read the namespaces that they own.
    User(i64, Option<Context>),
}

impl Caller {
    /// Logs the namespace that the request is about.
    pub fn log_namespace(&self, id: i64) {
        log_namespace(self.context.as_ref(), id);
    }

    /// Logs the user that the request is about.
    pub fn log_target_user(&self, id: i64) {
        if let Some(context) = &self.context {
            context.log("target_user_id", id);
        }
    }
}

impl Reader {
    /// Logs the namespace that the request is about.
    pub fn log_namespace(&self, id: i64) {
        match self {
            Self::Caller(caller) => caller.log_namespace(id),
            Self::User(_, context) => log_namespace(context.as_ref(), id),
        }
    }
}

fn log_namespace(context: Option<&Context>, id: i64) {
    if let Some(context) = context {
        context.fields.borrow_mut().namespace_id = Some(id);
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
    let identity = identify(app, request).await?;
    if let Identity::Holder(holder) = &identity {
        let administers = holder.administers(&["api"], app.core.clock.now().date());
        administers.map_err(|insufficient| refusal(app, request, insufficient))?;
    }
    Ok(identity.into_caller(request))
}

async fn identify_reader(app: &App, request: &HttpRequest) -> Result<Reader, BillingError> {
    let today = app.core.clock.now().date();
    match identify(app, request).await? {
        Identity::Holder(holder) if holder.administers(&["api"], today).is_err() => {
            let reads = holder.has_scope(&["api", "read_api"], today);
            reads.map_err(|insufficient| refusal(app, request, insufficient))?;
            Ok(Reader::User(holder.user_id, Context::of(request)))
        }
        identity => Ok(Reader::Caller(identity.into_caller(request))),
    }
}

enum Identity {
    CustomersDot,
    Holder(TokenHolder),
}

impl Identity {
    fn into_caller(self, request: &HttpRequest) -> Caller {
        let author = match self {
            Self::CustomersDot => Author::service("customers_dot", "CustomersDot"),
            Self::Holder(holder) => Author::user(holder.user_id, holder.username),
        };
        Caller { author, context: Context::of(request) }
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
                if let Some(context) = Context::of(request) {
                    context.log("caller_client", "customers_dot");
                }
                Ok(Identity::CustomersDot)
            }
            Err(VerifyError::NoKeys) => Err(BillingError::NoKeys),
            Err(VerifyError::Rejected(rejection)) => Err(unauthorized(app, request, "jwt", rejection)),
        };
    }
    let Some(token) = personal_access_token(request).or_else(|| header(request, "token")) else {
        return Err(unauthorized(app, request, PAT, Rejection::Missing));
    };
    let digests = app.key_base.get().digests(&token);
    let Some(found) = access_token::find(&app.core, digests).await? else {
        return Err(unauthorized(app, request, PAT, Rejection::UnknownToken));
    };
    app.core.limit_rate(request, Some(&token))?;
    // The last use of an expired or revoked token stays as it is.
    let today = app.core.clock.now().date();
    if found.holder.has_scope(&["api", "read_api"], today).is_ok() {
        access_token::record_use(&app.core, &found).await;
    }
    if let Some(context) = Context::of(request) {
        let mut fields = context.fields.borrow_mut();
        fields.user_id = Some(found.holder.user_id);
        fields.user_name = Some(found.holder.username.clone());
    }
    Ok(Identity::Holder(found.holder))
}

fn unauthorized(
    app: &App,
    request: &HttpRequest,
    scheme: &'static str,
    rejection: Rejection,
) -> BillingError {
    log_failure(app, request, scheme, rejection);
    BillingError::Unauthorized(rejection.reason())
}

fn log_failure(app: &App, request: &HttpRequest, scheme: &'static str, rejection: Rejection) {
    app.core.metrics.auth_failure(INFO.consumer, scheme, rejection.reason());
    if let Some(context) = Context::of(request) {
        context.log("auth_scheme", scheme);
        context.log("auth_failure_reason", rejection.reason());
    }
}

fn refusal(app: &App, request: &HttpRequest, insufficient: Insufficient) -> BillingError {
    let rejected = |rejection, description| {
        log_failure(app, request, PAT, rejection);
        BillingError::InvalidToken(description)
    };
    match insufficient {
        Insufficient::Expired => rejected(Rejection::Expired, TOKEN_EXPIRED),
        Insufficient::Revoked => rejected(Rejection::Revoked, TOKEN_REVOKED),
        Insufficient::Scope => BillingError::InsufficientScope,
        Insufficient::Blocked | Insufficient::Deactivated | Insufficient::NotAdministrator => {
            BillingError::Forbidden
        }
    }
}

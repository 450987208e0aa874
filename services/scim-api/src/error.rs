//! Errors in the SCIM format: `{"schemas": […], "scimType": …, "detail": …, "status": "404"}`.
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use database::scim::Refusal;
use endpoint::RestError;

use crate::answer;

#[derive(Debug, thiserror::Error)]
pub enum ScimError {
    #[error("The SCIM token is missing or not valid")]
    Unauthorized,
    #[error(transparent)]
    Refused(#[from] scim::Error),
    /// The allowed methods.
    #[error("The method is not allowed; allowed: {0}")]
    MethodNotAllowed(String),
    /// An error while reading the request or using the database.
    #[error(transparent)]
    Rest(#[from] RestError),
}

/// The status and keyword of each refusal (RFC 7644 §3.12).
impl From<Refusal> for ScimError {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        Self::Refused(match refusal {
            Refusal::Request(error) => error,
            Refusal::UserTaken | Refusal::EmailTaken | Refusal::GroupTaken => scim::Error::uniqueness(detail),
            Refusal::NoGroupLink(_) => scim::Error::invalid_value(detail),
            Refusal::UserNotFound | Refusal::GroupNotFound => scim::Error::new(404, detail),
            Refusal::EmailDomain | Refusal::NotLinked => scim::Error::new(412, detail),
            Refusal::AdministratorsState
            | Refusal::LastOwner
            | Refusal::LastAdministrator
            | Refusal::InternalAccount => scim::Error::new(403, detail),
        })
    }
}

impl From<database::Error> for ScimError {
    fn from(error: database::Error) -> Self {
        Self::Rest(error.into())
    }
}

impl ScimError {
    pub(crate) fn not_found(detail: &str) -> Self {
        scim::Error::new(404, detail).into()
    }
}

impl ResponseError for ScimError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Refused(refusal) => {
                StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Rest(error) => error.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let message = match self {
            Self::Refused(refusal) => refusal.message(),
            _ if status.is_server_error() => {
                tracing::error!(error = self as &dyn std::error::Error, "request failed");
                return interrupted(status);
            }
            Self::Rest(RestError::BadRequest(reason)) => scim::Error::invalid_syntax(reason).message(),
            _ => scim::Error::new(status.as_u16(), self.to_string()).message(),
        };
        let mut answer = HttpResponse::build(status);
        match self {
            Self::Unauthorized => drop(answer.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"SCIM\""))),
            Self::MethodNotAllowed(allow) => drop(answer.insert_header((ALLOW, allow.as_str()))),
            // The rest of the body is not read.
            Self::Rest(RestError::BodyTimeout | RestError::TooLarge) => drop(answer.force_close()),
            Self::Rest(RestError::Throttled(throttled)) => throttled.add_headers(&mut answer),
            _ => {}
        }
        answer::body(&mut answer, &message)
    }
}

/// The response to a request that could not be completed. It does not say why.
pub(crate) fn interrupted(status: StatusCode) -> HttpResponse {
    let error = scim::Error::new(status.as_u16(), status.canonical_reason().unwrap_or_default());
    answer::body(&mut HttpResponse::build(status), &error.message())
}

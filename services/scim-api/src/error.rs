//! Errors in the SCIM format: `{"schemas": […], "scimType": …, "detail": …, "status": "404"}`.
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use endpoint::RestError;
use scim::Error as Refusal;

use crate::answer;

#[derive(Debug, thiserror::Error)]
pub enum ScimError {
    #[error("The SCIM token is missing or not valid")]
    Unauthorized,
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The allowed methods.
    #[error("The method is not allowed; allowed: {0}")]
    MethodNotAllowed(String),
    /// An error while reading the request or using the database.
    #[error(transparent)]
    Rest(#[from] RestError),
}

impl From<database::Error> for ScimError {
    fn from(error: database::Error) -> Self {
        Self::Rest(error.into())
    }
}

impl ScimError {
    pub(crate) fn not_found(detail: &str) -> Self {
        Refusal::new(404, detail).into()
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
                Refusal::new(status.as_u16(), status.canonical_reason().unwrap_or_default()).message()
            }
            Self::Rest(RestError::BadRequest(reason)) => Refusal::invalid_syntax(reason).message(),
            _ => Refusal::new(status.as_u16(), self.to_string()).message(),
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

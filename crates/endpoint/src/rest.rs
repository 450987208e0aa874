//! Errors in the format of GitLab's internal API: `{"message": "404 Key Not Found"}`.
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::Throttled;

#[derive(Debug, thiserror::Error)]
pub enum RestError {
    #[error("Unauthorized")]
    Unauthorized,
    /// The message is repeated under `error`, as in GitLab; GitLab Shell shows `message`.
    #[error("Bad request - {0}")]
    BadRequest(String),
    #[error("{0}")]
    NotFound(&'static str),
    /// A parameter is missing or blank, and GitLab does not name it.
    #[error("Unprocessable Entity")]
    Unprocessable,
    #[error("Request Timeout")]
    BodyTimeout,
    #[error("Request Entity Too Large")]
    TooLarge,
    #[error(transparent)]
    Throttled(Throttled),
    #[error("The provided content-type '{0}' is not supported.")]
    UnsupportedMediaType(String),
    #[error(transparent)]
    Storage(#[from] database::Error),
    /// A dependency of the request is unavailable.
    #[error("unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A bug or an invalid configuration.
    #[error("internal error: {0}")]
    Internal(String),
}

impl RestError {
    pub fn missing(name: &str) -> Self {
        Self::BadRequest(format!("{name} is missing"))
    }

    pub fn invalid(name: &str) -> Self {
        Self::BadRequest(format!("{name} is invalid"))
    }
}

impl From<domain::Error> for RestError {
    fn from(error: domain::Error) -> Self {
        match error {
            domain::Error::Invalid(reason) => Self::BadRequest(reason),
            other => Self::Storage(other.into()),
        }
    }
}

/// The default HTTP status of a database error.
pub fn status(error: &database::Error) -> StatusCode {
    use database::Error as S;
    use domain::Error as D;
    match error {
        S::Domain(D::NotFound(_)) => StatusCode::NOT_FOUND,
        S::Domain(D::Invalid(_) | D::Fields(_)) => StatusCode::BAD_REQUEST,
        S::Domain(D::Taken(_)) | S::Collision(_) => StatusCode::CONFLICT,
        S::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        S::Unsupported(_) => StatusCode::NOT_IMPLEMENTED,
        S::Configuration(_) | S::Database(_) | S::Misfit(_) | S::Schema(_) | S::Url(_) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

impl ResponseError for RestError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Storage(error) => status(error),
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let code = status.as_u16();
        let body = if status.is_server_error() {
            tracing::error!(error = self as &dyn std::error::Error, "request failed");
            json!({ "message": format!("{code} {}", status.canonical_reason().unwrap_or_default()) })
        } else if let Self::BadRequest(reason) = self {
            json!({ "message": format!("{code} {self}"), "error": reason })
        } else if let Self::Throttled(throttled) = self {
            json!({ "status": false, "message": throttled.to_string() })
        } else {
            json!({ "message": format!("{code} {self}") })
        };
        let mut answer = HttpResponse::build(status);
        if matches!(self, Self::BodyTimeout | Self::TooLarge) {
            // The rest of the body is not read.
            answer.force_close();
        }
        if let Self::Throttled(throttled) = self {
            throttled.add_headers(&mut answer);
        }
        answer.json(body)
    }
}

/// The response to a request that was interrupted: `{"message": "503 Service Unavailable"}`.
pub fn interrupted(status: StatusCode) -> HttpResponse {
    let message = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
    HttpResponse::build(status).json(json!({ "message": message }))
}

//! Errors in the dialect of GitLab's API for kas, which reads `message` as a string.
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use endpoint::{NestedParamsError, RestError};
use serde_json::json;

#[derive(Debug, thiserror::Error)]
pub enum KasError {
    /// The caller is not kas. The log line names the reason; the response does not.
    #[error("KAS JWT authentication invalid ({0})")]
    NotKas(&'static str),
    /// The agent token is not valid. The log line names the reason; the response does not.
    #[error("Unauthorized ({0})")]
    UnknownAgent(&'static str),
    /// The session does not identify a user who may use the agent.
    #[error("Unauthorized - {0}")]
    Unauthorized(&'static str),
    /// Missing, invalid and empty parameters, in the order in which they are declared.
    #[error("{0}")]
    Parameters(String),
    #[error("Bad request - {0}")]
    BadRequest(String),
    #[error("Forbidden")]
    Forbidden,
    /// A record with this id does not exist.
    #[error("Not found")]
    NoRecord,
    /// The project does not exist, or the agent may not see it. The response is the same.
    #[error("Not Found")]
    Hidden,
    #[error("Project Not Found")]
    NoProject,
    /// An expired or revoked personal access token.
    #[error("{0}")]
    InvalidToken(&'static str),
    #[error("The request requires higher privileges than provided by the access token.")]
    InsufficientScope(&'static str),
    #[error("{0}")]
    UnsupportedMediaType(NestedParamsError),
    /// A valid request that cannot be stored.
    #[error("{0}")]
    Unprocessable(String),
    #[error(transparent)]
    Rest(#[from] RestError),
}

impl From<database::Error> for KasError {
    fn from(error: database::Error) -> Self {
        match error {
            database::Error::Domain(error) => Self::Unprocessable(error.to_string()),
            error => Self::Rest(error.into()),
        }
    }
}

impl From<shared_state::RedisError> for KasError {
    fn from(error: shared_state::RedisError) -> Self {
        Self::Rest(RestError::Unavailable(error.into()))
    }
}

impl From<repository::Error> for KasError {
    fn from(error: repository::Error) -> Self {
        Self::Rest(RestError::Unavailable(error.into()))
    }
}

impl From<NestedParamsError> for KasError {
    fn from(error: NestedParamsError) -> Self {
        match error {
            NestedParamsError::Unreadable(_) | NestedParamsError::Invalid(_) => {
                Self::Parameters(error.to_string())
            }
            NestedParamsError::UnsupportedMediaType(_) => Self::UnsupportedMediaType(error),
            NestedParamsError::TooMany => RestError::TooLarge.into(),
        }
    }
}

impl ResponseError for KasError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotKas(_) | Self::UnknownAgent(_) | Self::Unauthorized(_) | Self::InvalidToken(_) => {
                StatusCode::UNAUTHORIZED
            }
            Self::Parameters(_) | Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Forbidden | Self::InsufficientScope(_) => StatusCode::FORBIDDEN,
            Self::NoRecord | Self::Hidden | Self::NoProject => StatusCode::NOT_FOUND,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Rest(error) => error.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let body = match self {
            Self::Rest(error) => return error.error_response(),
            Self::NotKas(_) => json!({ "message": "KAS JWT authentication invalid" }),
            Self::UnknownAgent(_) => json!({ "message": "401 Unauthorized" }),
            Self::Unprocessable(_) => json!({ "message": self.to_string() }),
            Self::Parameters(_) | Self::UnsupportedMediaType(_) => json!({ "error": self.to_string() }),
            Self::InvalidToken(_) => {
                json!({ "error": "invalid_token", "error_description": self.to_string() })
            }
            Self::InsufficientScope(scope) => {
                json!({ "error": "insufficient_scope", "error_description": self.to_string(), "scope": scope })
            }
            _ => json!({ "message": format!("{} {self}", status.as_u16()) }),
        };
        HttpResponse::build(status).json(body)
    }
}

//! Errors in the format of GitLab's REST API.
use actix_web::http::StatusCode;
use actix_web::http::header::WWW_AUTHENTICATE;
use actix_web::{HttpResponse, ResponseError};
use auth::Rejection;
use domain::{Error as DomainError, Violations};
use endpoint::access_token::{TOKEN_EXPIRED, TOKEN_REVOKED};
use endpoint::{NestedParamsError, RestError};
use serde_json::{Map, Value, json};

const INSUFFICIENT_SCOPE: &str = "The request requires higher privileges than provided by the access token.";

#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The request has no valid token. The log line names the reason.
    #[error("Unauthorized ({})", .0.reason())]
    Unauthorized(Rejection),
    /// The token has none of these scopes.
    #[error("the token has none of the scopes {0}")]
    InsufficientScope(&'static str),
    #[error("Forbidden")]
    Forbidden,
    /// The account is not active; the string gives the reason.
    #[error("Forbidden - {0}")]
    InactiveAccount(String),
    /// An invalid parameter: its name and the error.
    #[error("{0} {1}")]
    Parameter(&'static str, &'static str),
    /// The parameters could not be decoded.
    #[error("{0}")]
    Unreadable(NestedParamsError),
    #[error("{0}")]
    UnsupportedMediaType(NestedParamsError),
    /// This kind of pagination cannot reach the requested part of the list.
    #[error("{0}")]
    Pagination(String),
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error(transparent)]
    Database(#[from] database::Error),
}

/// GitLab's message about a token that is no longer valid.
fn description(rejection: Rejection) -> Option<&'static str> {
    match rejection {
        Rejection::Expired => Some(TOKEN_EXPIRED),
        Rejection::Revoked => Some(TOKEN_REVOKED),
        _ => None,
    }
}

impl From<DomainError> for AdminError {
    fn from(error: DomainError) -> Self {
        Self::Database(error.into())
    }
}

impl From<NestedParamsError> for AdminError {
    fn from(error: NestedParamsError) -> Self {
        match error {
            NestedParamsError::Unreadable(_) | NestedParamsError::Invalid(_) => Self::Unreadable(error),
            NestedParamsError::UnsupportedMediaType(_) => Self::UnsupportedMediaType(error),
            NestedParamsError::TooMany => RestError::TooLarge.into(),
        }
    }
}

impl ResponseError for AdminError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope(_) | Self::Forbidden | Self::InactiveAccount(_) => StatusCode::FORBIDDEN,
            Self::Parameter(..) | Self::Unreadable(_) => StatusCode::BAD_REQUEST,
            Self::Pagination(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Rest(error) => error.status_code(),
            // GitLab itself has inserted the row first, and the index is unique.
            Self::Database(database::Error::Domain(DomainError::Taken(_))) => StatusCode::BAD_REQUEST,
            Self::Database(error) => endpoint::status(error),
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        match self {
            Self::Rest(RestError::Throttled(throttled)) => {
                throttled.add_headers(&mut response);
                return response.json(json!({ "message": { "error": throttled.to_string() } }));
            }
            Self::Rest(error) => return error.error_response(),
            Self::Unauthorized(rejection) if description(*rejection).is_some() => {
                response
                    .insert_header((WWW_AUTHENTICATE, r#"Bearer realm="The API", error="invalid_token""#));
            }
            _ if status.is_server_error() => {
                tracing::error!(error = self as &dyn std::error::Error, "request failed");
            }
            _ => {}
        }
        response.json(self.body(status))
    }
}

impl AdminError {
    fn body(&self, status: StatusCode) -> Value {
        match self {
            Self::Unauthorized(rejection) => match description(*rejection) {
                Some(text) => json!({ "error": "invalid_token", "error_description": text }),
                None => json!({ "message": self.sentence(status) }),
            },
            Self::InsufficientScope(scope) => {
                json!({ "error": "insufficient_scope", "error_description": INSUFFICIENT_SCOPE, "scope": scope })
            }
            Self::Parameter(..)
            | Self::Unreadable(_)
            | Self::UnsupportedMediaType(_)
            | Self::Pagination(_) => json!({ "error": self.to_string() }),
            Self::Database(database::Error::Domain(DomainError::Fields(violations))) => {
                json!({ "message": by_field(violations) })
            }
            _ => json!({ "message": self.sentence(status) }),
        }
    }

    /// The error as a sentence, which the page shows too: `400 Bad request - already excluded`.
    pub fn sentence(&self, status: StatusCode) -> String {
        let code = status.as_u16();
        match self {
            Self::InactiveAccount(_) => format!("{code} {self}"),
            Self::Parameter(..) => format!("{code} Bad request - {self}"),
            Self::Database(database::Error::Domain(DomainError::Invalid(problem))) => {
                format!("{code} Bad request - {problem}")
            }
            Self::Database(database::Error::Domain(DomainError::Taken(_))) => {
                format!("{code} Bad request - already excluded")
            }
            Self::Database(database::Error::Domain(DomainError::NotFound(kind))) => {
                format!("{code} {kind} Not Found")
            }
            _ => format!("{code} {}", status.canonical_reason().unwrap_or_default()),
        }
    }
}

fn by_field(violations: &Violations) -> Map<String, Value> {
    let mut map = Map::new();
    for (field, text) in violations.iter() {
        let texts = map.entry(field).or_insert_with(|| json!([]));
        if let Value::Array(texts) = texts {
            texts.push(json!(text));
        }
    }
    map
}

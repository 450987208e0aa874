//! Errors in the format of GitLab's REST API.
use actix_web::http::StatusCode;
use actix_web::http::header::WWW_AUTHENTICATE;
use actix_web::{HttpResponse, ResponseError};
use domain::{Error as Refusal, Violations};
use endpoint::{NestedParamsError, RestError};
use serde_json::{Map, Value, json};

const SCOPE: &str = "The request requires higher privileges than provided by the access token.";

#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error("Unauthorized")]
    Unauthorized,
    /// The token is expired or revoked.
    #[error("{0}")]
    InvalidToken(&'static str),
    /// The scopes that would be sufficient.
    #[error("the scope is too small, it takes {0}")]
    InsufficientScope(&'static str),
    #[error("Forbidden")]
    Forbidden,
    /// The account is not active; the string gives the reason.
    #[error("Forbidden - {0}")]
    Account(String),
    /// An invalid parameter: its name and the error.
    #[error("{0} {1}")]
    Parameter(&'static str, &'static str),
    /// The parameters could not be decoded.
    #[error("{0}")]
    Unreadable(NestedParamsError),
    /// The requested page of a list is not available with this kind of pagination.
    #[error("{0}")]
    Paging(String),
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error(transparent)]
    Storage(#[from] database::Error),
}

impl From<Refusal> for AdminError {
    fn from(error: Refusal) -> Self {
        Self::Storage(error.into())
    }
}

impl From<NestedParamsError> for AdminError {
    fn from(error: NestedParamsError) -> Self {
        match error {
            NestedParamsError::Unreadable(_) | NestedParamsError::Invalid(_) => Self::Unreadable(error),
            NestedParamsError::UnsupportedMediaType(kind) => RestError::UnsupportedMediaType(kind).into(),
            NestedParamsError::TooMany => RestError::TooLarge.into(),
        }
    }
}

impl ResponseError for AdminError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Unauthorized | Self::InvalidToken(_) => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope(_) | Self::Forbidden | Self::Account(_) => StatusCode::FORBIDDEN,
            Self::Parameter(..) | Self::Unreadable(_) => StatusCode::BAD_REQUEST,
            Self::Paging(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Rest(error) => error.status_code(),
            // GitLab itself has inserted the row first, and the index is unique.
            Self::Storage(database::Error::Domain(Refusal::Taken(_))) => StatusCode::BAD_REQUEST,
            Self::Storage(error) => endpoint::status(error),
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let mut answer = HttpResponse::build(status);
        match self {
            Self::Rest(RestError::Throttled(throttled)) => {
                throttled.add_headers(&mut answer);
                return answer.json(json!({ "message": { "error": throttled.to_string() } }));
            }
            Self::Rest(error) => return error.error_response(),
            _ => {}
        }
        if status.is_server_error() {
            tracing::error!(error = self as &dyn std::error::Error, "request failed");
        }
        if matches!(self, Self::InvalidToken(_)) {
            answer.insert_header((WWW_AUTHENTICATE, r#"Bearer realm="The API", error="invalid_token""#));
        }
        answer.json(self.body(status))
    }
}

impl AdminError {
    fn body(&self, status: StatusCode) -> Value {
        match self {
            Self::InvalidToken(why) => json!({ "error": "invalid_token", "error_description": why }),
            Self::InsufficientScope(scope) => {
                json!({ "error": "insufficient_scope", "error_description": SCOPE, "scope": scope })
            }
            Self::Parameter(..) | Self::Unreadable(_) | Self::Paging(_) => {
                json!({ "error": self.to_string() })
            }
            Self::Storage(database::Error::Domain(Refusal::Fields(violations))) => {
                json!({ "message": by_field(violations) })
            }
            _ => json!({ "message": self.sentence(status) }),
        }
    }

    /// The error as a sentence, which the page shows too: `400 Bad request - already excluded`.
    pub fn sentence(&self, status: StatusCode) -> String {
        let code = status.as_u16();
        match self {
            Self::Account(_) => format!("{code} {self}"),
            Self::Parameter(..) => format!("{code} Bad request - {self}"),
            Self::Storage(database::Error::Domain(Refusal::Invalid(why))) => {
                format!("{code} Bad request - {why}")
            }
            Self::Storage(database::Error::Domain(Refusal::Taken(_))) => {
                format!("{code} Bad request - already excluded")
            }
            Self::Storage(database::Error::Domain(Refusal::NotFound(what))) => {
                format!("{code} {what} Not Found")
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

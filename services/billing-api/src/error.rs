//! Errors in the dialect of GitLab's API for CustomersDot: the messages of Grape and Rails.
use actix_web::http::StatusCode;
use actix_web::http::header::WWW_AUTHENTICATE;
use actix_web::{HttpResponse, ResponseError};
use domain::Violations;
use endpoint::{NestedParamsError, RestError};
use serde_json::{Map, Value, json};

#[derive(Debug, thiserror::Error)]
pub enum BillingError {
    /// The log line names the reason; the response does not.
    #[error("Unauthorized ({0})")]
    Unauthorized(&'static str),
    /// An expired or revoked token.
    #[error("{0}")]
    InvalidToken(&'static str),
    #[error("The request requires higher privileges than provided by the access token.")]
    InsufficientScope,
    #[error("Forbidden")]
    Forbidden,
    /// Missing and invalid parameters.
    #[error("{0}")]
    Parameters(String),
    #[error("{0}")]
    UnsupportedMediaType(NestedParamsError),
    /// Namespaces that were skipped, while the others were stored.
    #[error("some namespaces were skipped")]
    Skipped(Vec<(i64, &'static str)>),
    #[error("{0}")]
    NotFound(&'static str),
    #[error("{0}")]
    Unprocessable(Violations),
    /// Parts of a provision that failed, while the others were stored.
    #[error("{0}")]
    Failed(String),
    #[error("the keys of the portal are not available (no_keys)")]
    NoKeys,
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error(transparent)]
    Storage(#[from] database::Error),
}

impl From<NestedParamsError> for BillingError {
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

impl ResponseError for BillingError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Unauthorized(_) | Self::InvalidToken(_) => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Parameters(_) | Self::Skipped(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unprocessable(_) | Self::Failed(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoKeys => StatusCode::SERVICE_UNAVAILABLE,
            Self::Rest(error) => error.status_code(),
            // A duplicate is a mistake in the request here, not a conflict.
            Self::Storage(database::Error::Domain(domain::Error::Taken(_))) => StatusCode::BAD_REQUEST,
            Self::Storage(error) => endpoint::status(error),
        }
    }

    fn error_response(&self) -> HttpResponse {
        if let Self::Rest(error) = self {
            return error.error_response();
        }
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        if status.is_server_error() {
            tracing::error!(error = self as &dyn std::error::Error, "request failed");
        }
        if matches!(self, Self::InvalidToken(_)) {
            response.insert_header((WWW_AUTHENTICATE, r#"Bearer realm="The API", error="invalid_token""#));
        }
        response.json(self.body(status))
    }
}

impl BillingError {
    fn body(&self, status: StatusCode) -> Value {
        use domain::Error::{Fields, Invalid, NotFound, Taken};
        match self {
            Self::InvalidToken(description) => {
                json!({ "error": "invalid_token", "error_description": description })
            }
            Self::InsufficientScope => {
                json!({ "error": "insufficient_scope", "error_description": self.to_string(), "scope": "api" })
            }
            Self::Parameters(_) | Self::UnsupportedMediaType(_) => json!({ "error": self.to_string() }),
            Self::Skipped(namespaces) => {
                let each = |(id, reason): &(i64, &str)| (id.to_string(), json!([reason]));
                json!({ "message": { "error": namespaces.iter().map(each).collect::<Map<_, _>>() } })
            }
            Self::Unprocessable(violations) | Self::Storage(database::Error::Domain(Fields(violations))) => {
                json!({ "message": by_field(violations) })
            }
            Self::Failed(parts) => json!({ "message": parts }),
            Self::Storage(database::Error::Domain(Taken(field))) => {
                json!({ "message": { *field: ["has already been taken"] } })
            }
            Self::Storage(database::Error::Domain(Invalid(reason))) => {
                json!({ "message": format!("400 Bad request - {reason}") })
            }
            Self::Storage(database::Error::Domain(NotFound(record))) => {
                json!({ "message": format!("404 {record} Not Found") })
            }
            Self::NotFound(message) => json!({ "message": format!("404 {message}") }),
            _ => {
                let reason = status.canonical_reason().unwrap_or_default();
                json!({ "message": format!("{} {reason}", status.as_u16()) })
            }
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

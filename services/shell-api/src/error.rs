//! Errors in the format of `/allowed`: `{"status": false, "message": "…"}`. GitLab Shell shows the message
//! to the user.
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use domain::access::{Denial, Refusal, Rule};
use endpoint::RestError;
use serde_json::json;

#[derive(Debug, thiserror::Error)]
pub enum AllowedError {
    /// Forbidden is 401, as in GitLab, not 403.
    #[error(transparent)]
    Denied(#[from] Refusal),
    /// The push contains what the checks cannot inspect. No rule of its own refuses it.
    #[error("{0}")]
    NotInspected(&'static str),
    #[error("This endpoint has been requested too many times. Try again later.")]
    Throttled { limit: i64, observed: i64, reset_s: i64 },
    /// The action of an audit event is unknown.
    #[error("No valid action specified")]
    NoAction,
    /// Why a push cannot create its project.
    #[error("Could not create project: {0}")]
    NotCreated(String),
    /// The message lists the steps and their durations.
    #[error("{0}")]
    TimedOut(String),
    #[error(transparent)]
    Rest(#[from] RestError),
}

impl From<database::Error> for AllowedError {
    fn from(error: database::Error) -> Self {
        Self::Rest(error.into())
    }
}

impl From<git_access::Error> for AllowedError {
    fn from(error: git_access::Error) -> Self {
        match error {
            git_access::Error::Refused(refusal) => Self::Denied(refusal),
            git_access::Error::NotInspected(message) => Self::NotInspected(message),
            git_access::Error::Quarantine(error) => Self::Rest(invalid_quarantine(error)),
            git_access::Error::NotCreated(reason) => Self::NotCreated(reason),
            git_access::Error::Database(error) => error.into(),
            git_access::Error::Repository(error) => Self::Rest(RestError::Unavailable(error.into())),
            error @ (git_access::Error::UnknownStorage(_) | git_access::Error::Panicked(_)) => {
                Self::Rest(RestError::Internal(error.to_string()))
            }
        }
    }
}

/// The error for an invalid quarantine, with the name of the parameter.
pub(crate) fn invalid_quarantine(error: repository::InvalidQuarantine) -> RestError {
    RestError::invalid(match error {
        repository::InvalidQuarantine::Env => "env",
        repository::InvalidQuarantine::RelativePath => "relative_path",
    })
}

impl AllowedError {
    /// The rule that refuses the request, if one does.
    pub(crate) fn rule(&self) -> Option<Rule> {
        match self {
            Self::Denied(refusal) => Some(refusal.rule),
            Self::Throttled { .. } => Some(Rule::RateLimit),
            Self::NotCreated(_) => Some(Rule::PushToCreate),
            Self::TimedOut(_) => Some(Rule::Timeout),
            Self::NotInspected(_) | Self::NoAction | Self::Rest(_) => None,
        }
    }
}

impl ResponseError for AllowedError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Denied(Refusal { denial: Denial::Forbidden(_), .. }) | Self::NotInspected(_) => {
                StatusCode::UNAUTHORIZED
            }
            Self::Denied(Refusal { denial: Denial::NotFound(_), .. }) => StatusCode::NOT_FOUND,
            Self::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::NoAction => StatusCode::BAD_REQUEST,
            Self::NotCreated(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TimedOut(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Rest(error) => error.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        if let Self::Rest(error) = self {
            return error.error_response();
        }
        let mut answer = HttpResponse::build(self.status_code());
        if let Self::Throttled { limit, observed, reset_s } = self {
            // No `Retry-After` header: GitLab Shell would wait that long, without an upper limit.
            answer
                .insert_header(("RateLimit-Name", "gitlab_shell_operation"))
                .insert_header(("RateLimit-Limit", limit.to_string()))
                .insert_header(("RateLimit-Observed", observed.to_string()))
                .insert_header(("RateLimit-Remaining", "0"))
                .insert_header(("RateLimit-Reset", reset_s.to_string()));
        }
        answer.json(json!({ "status": false, "message": self.to_string() }))
    }
}

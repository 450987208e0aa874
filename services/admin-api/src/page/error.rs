//! Errors of the pages.
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use super::render;
use crate::error::AdminError;

#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The user is not signed in. `to` is the URL of the sign-in page.
    #[error("nobody is signed in")]
    SignIn { to: String, asked_by: AskedBy },
    /// The form was sent from another site, or its session has ended.
    #[error("the form does not belong to this session")]
    Forged,
    #[error("{0}")]
    NotFound(&'static str),
    #[error("what counts sign-ins cannot be reached")]
    Uncounted(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Admin(#[from] AdminError),
}

/// The element of a page that sent the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedBy {
    Link,
    Form,
    Script,
}

impl From<database::Error> for PageError {
    fn from(error: database::Error) -> Self {
        Self::Admin(error.into())
    }
}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignIn { asked_by: AskedBy::Link, .. } => StatusCode::FOUND,
            Self::SignIn { asked_by: AskedBy::Form, .. } => StatusCode::SEE_OTHER,
            Self::SignIn { asked_by: AskedBy::Script, .. } => StatusCode::OK,
            Self::Forged => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Uncounted(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Admin(error) => error.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        if self.status_code().is_server_error() {
            tracing::error!(error = self as &dyn std::error::Error, "request failed");
        }
        self.page("")
    }
}

impl PageError {
    /// Renders the error as a page. `root` is the prefix of its links.
    pub fn page(&self, root: &str) -> HttpResponse {
        let status = self.status_code();
        let error = |title: &str, text: &str| render::error(status, root, title, text);
        match self {
            Self::SignIn { to, asked_by: AskedBy::Script } => render::redirect_script(to),
            Self::SignIn { to, .. } => render::redirect(status, to),
            Self::Forged => error(
                "This form has expired",
                "It does not belong to your session. Nothing was changed: go back, load the page again, and repeat it.",
            ),
            Self::NotFound(what) => error("Nothing is here", what),
            Self::Admin(AdminError::Parameter(_, "is too long")) => {
                error("This cannot be done", "The search is too long (at most 1024 characters).")
            }
            Self::Admin(error) if status.is_client_error() => {
                render::error(status, root, "This cannot be done", &error.sentence(status))
            }
            Self::Uncounted(_) | Self::Admin(_) => {
                error("Something went wrong", "Nothing was changed. Try again in a moment.")
            }
        }
    }
}

//! Errors of the pages: an HTML page, or plain text for a request by script.
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use endpoint::RestError;

use super::draft::KeptForm;
use super::form::is_same_origin;
use super::render;
use super::return_to::{ReturnTo, sign_in_location};
use crate::App;
use crate::error::AdminError;
use crate::params::{MAX_SEARCH_CHARACTERS, TOO_LONG};

/// Shown with a form whose CSRF token is of another session.
pub const FORM_OUT_OF_DATE: &str = "This form was out of date. Check it and send it again.";
pub const SESSION_ENDED: &str = "Your session has ended.";

#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error("there is no valid session")]
    SignIn(SignIn),
    #[error("the form comes from another site")]
    ForeignForm,
    /// The form is from this site, but of another session.
    #[error("the form belongs to another session")]
    OutdatedForm,
    #[error("{0}")]
    NotFound(&'static str),
    #[error("the store of sessions and sign-in attempts is unavailable")]
    SharedState(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Admin(#[from] AdminError),
}

/// A response that leads to the sign-in page, and the cookies that the browser keeps until then.
#[derive(Debug)]
pub struct SignIn {
    location: String,
    requested_by: RequestedBy,
    cookies: Vec<String>,
}

/// The part of a page that sent the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestedBy {
    Link,
    Form,
    Script,
}

/// Whether a script of the page sent the request: htmx adds this header.
pub fn is_by_script(request: &HttpRequest) -> bool {
    request.headers().contains_key("hx-request")
}

impl PageError {
    /// The error for a link without a valid session.
    pub fn sign_in(app: &App, request: &HttpRequest, return_to: Option<&ReturnTo>) -> Self {
        let requested_by = if is_by_script(request) {
            RequestedBy::Script
        } else if request.method().is_safe() {
            RequestedBy::Link
        } else {
            RequestedBy::Form
        };
        let location = sign_in_location(&app.core.relative_url_root, return_to);
        Self::SignIn(SignIn { location, requested_by, cookies: Vec::new() })
    }

    /// The error for a form without a valid session. The browser keeps the form, unless another site sent it.
    pub fn sign_in_with_form(
        app: &App,
        request: &HttpRequest,
        return_to: Option<&ReturnTo>,
        kept: &KeptForm,
    ) -> Self {
        let mut error = Self::sign_in(app, request, return_to);
        if let Self::SignIn(sign_in) = &mut error
            && is_same_origin(request, &app.core)
        {
            sign_in.cookies = kept.cookies(app, request);
        }
        error
    }
}

impl From<database::Error> for PageError {
    fn from(error: database::Error) -> Self {
        Self::Admin(error.into())
    }
}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignIn(sign_in) => match sign_in.requested_by {
                RequestedBy::Link => StatusCode::FOUND,
                RequestedBy::Form => StatusCode::SEE_OTHER,
                RequestedBy::Script => StatusCode::UNAUTHORIZED,
            },
            Self::ForeignForm | Self::OutdatedForm => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::SharedState(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Admin(error) => error.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        if self.status_code().is_server_error() {
            tracing::error!(error = self as &dyn std::error::Error, "request failed");
        }
        self.html("")
    }
}

impl PageError {
    /// The page about this error, with links below the relative URL root.
    pub fn html(&self, root: &str) -> HttpResponse {
        let status = self.status_code();
        if let Self::SignIn(sign_in) = self
            && sign_in.requested_by != RequestedBy::Script
        {
            let mut response = render::redirect(status, &sign_in.location);
            for cookie in sign_in.cookies.iter().filter_map(|cookie| HeaderValue::from_str(cookie).ok()) {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            return response;
        }
        render::error(status, root, self.title(), &self.sentence())
    }

    /// The same for a script, which puts the sentence into the page.
    pub fn plain_text(&self) -> HttpResponse {
        HttpResponse::build(self.status_code())
            .content_type("text/plain; charset=utf-8")
            .body(self.sentence())
    }

    fn title(&self) -> &'static str {
        match self {
            Self::SignIn(_) => "Sign in",
            Self::ForeignForm | Self::OutdatedForm => "This form cannot be used",
            Self::NotFound(_) => "Page not found",
            Self::Admin(_) if self.status_code().is_client_error() => "Invalid request",
            Self::SharedState(_) | Self::Admin(_) => "Something went wrong",
        }
    }

    fn sentence(&self) -> String {
        let status = self.status_code();
        match self {
            Self::SignIn(_) => SESSION_ENDED.to_owned(),
            Self::ForeignForm => "It comes from another site. Nothing was changed.".to_owned(),
            Self::OutdatedForm => FORM_OUT_OF_DATE.to_owned(),
            Self::NotFound(sentence) => (*sentence).to_owned(),
            Self::Admin(AdminError::Parameter(_, TOO_LONG)) => {
                format!("The search is too long (at most {MAX_SEARCH_CHARACTERS} characters).")
            }
            Self::Admin(AdminError::Rest(RestError::TooLarge)) => "The request is too large.".to_owned(),
            Self::Admin(AdminError::Rest(RestError::Throttled(_))) => {
                "Too many requests. Try again in a moment.".to_owned()
            }
            Self::Admin(error) if status.is_client_error() => error.sentence(status),
            Self::SharedState(_) | Self::Admin(_) => "Nothing was changed. Try again in a moment.".to_owned(),
        }
    }
}

//! Refusals with status 200, whose message GitLab Shell prints to the user.
use actix_web::HttpResponse;
use endpoint::{RestError, log_field};
use serde::Serialize;

#[derive(Serialize)]
struct Entity {
    success: bool,
    message: String,
}

/// Why a request failed: a message for the user, or an error.
#[derive(Debug)]
pub(crate) enum ShellReply {
    Message(String),
    Error(RestError),
}

impl From<&str> for ShellReply {
    fn from(message: &str) -> Self {
        Self::Message(message.to_owned())
    }
}

impl From<String> for ShellReply {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

impl From<RestError> for ShellReply {
    fn from(error: RestError) -> Self {
        Self::Error(error)
    }
}

impl From<database::Error> for ShellReply {
    fn from(error: database::Error) -> Self {
        Self::Error(error.into())
    }
}

/// Builds the response. A message for the user has status 200 too.
pub(crate) fn answer(result: Result<impl Serialize, ShellReply>) -> Result<HttpResponse, RestError> {
    match &result {
        Ok(_) => log_field("success", true),
        Err(ShellReply::Message(_)) => log_field("success", false),
        Err(ShellReply::Error(_)) => {}
    }
    match result {
        Ok(entity) => Ok(HttpResponse::Ok().json(entity)),
        Err(ShellReply::Message(message)) => Ok(HttpResponse::Ok().json(Entity { success: false, message })),
        Err(ShellReply::Error(error)) => Err(error),
    }
}

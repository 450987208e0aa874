//! What a person asks for and does not get: GitLab Shell prints the message of an answer that is no error.
use actix_web::HttpResponse;
use endpoint::RestError;
use serde::Serialize;

#[derive(Serialize)]
struct Entity {
    success: bool,
    message: String,
}

/// No: in words for the person, or because something is wrong.
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

/// The answer, or the refusal as one: its status is 200.
pub(crate) fn answer(result: Result<impl Serialize, ShellReply>) -> Result<HttpResponse, RestError> {
    match result {
        Ok(entity) => Ok(HttpResponse::Ok().json(entity)),
        Err(ShellReply::Message(message)) => Ok(HttpResponse::Ok().json(Entity { success: false, message })),
        Err(ShellReply::Error(error)) => Err(error),
    }
}

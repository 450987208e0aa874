//! What a person asks for and does not get: GitLab Shell prints the message of an answer that is no error.
use actix_web::HttpResponse;
use serde::Serialize;
use web::RestError;

#[derive(Serialize)]
struct Entity {
    success: bool,
    message: String,
}

/// No: in words for the person, or because something is wrong.
#[derive(Debug)]
pub(crate) enum Refusal {
    Said(String),
    Failed(RestError),
}

impl From<&str> for Refusal {
    fn from(message: &str) -> Self {
        Self::Said(message.to_owned())
    }
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self::Said(message)
    }
}

impl From<RestError> for Refusal {
    fn from(error: RestError) -> Self {
        Self::Failed(error)
    }
}

impl From<storage::Error> for Refusal {
    fn from(error: storage::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// The answer, or the refusal as one: its status is 200.
pub(crate) fn answer(result: Result<impl Serialize, Refusal>) -> Result<HttpResponse, RestError> {
    match result {
        Ok(entity) => Ok(HttpResponse::Ok().json(entity)),
        Err(Refusal::Said(message)) => Ok(HttpResponse::Ok().json(Entity { success: false, message })),
        Err(Refusal::Failed(error)) => Err(error),
    }
}

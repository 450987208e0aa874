//! `POST /api/v4/internal/post_receive`
mod merge_request_options;
mod messages;

use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use domain::push_options::PushOptions;
use serde::Serialize;
use serde_json::json;
use web::{Context, Params, RestError};

use self::messages::Message;
use crate::{App, Shell};

/// How long a message waits for the push that it belongs to.
pub(crate) const MESSAGES_LIVE: Duration = Duration::from_mins(5);

/// A push that has landed, as the caller tells of it.
struct Push {
    gl_repository: String,
    identifier: String,
    changes: String,
    /// Push options as they were typed.
    given: Vec<String>,
    options: PushOptions,
    correlation_id: std::rc::Rc<str>,
}

#[derive(Serialize)]
struct Entity {
    messages: Vec<Message>,
    reference_counter_decreased: bool,
}

/// A push has arrived: the work after it is handed over, and the pusher hears what there is to say.
pub async fn handler(
    app: Data<App>,
    request: HttpRequest,
    _: Shell,
    params: Params,
) -> Result<HttpResponse, RestError> {
    let gl_repository = params.required_text("gl_repository")?;
    let identifier = params.required_text("identifier")?;
    let changes = params.text("changes")?.unwrap_or_default();
    let given = params.list("push_options")?;
    let push_options = PushOptions::parse(given.iter().map(String::as_str));
    let correlation_id = Context::of(&request).map(|context| context.correlation_id).unwrap_or_default();

    let decreased = app.core.counters.decrease_references(&gl_repository).await;
    if let Err(error) = &decreased {
        tracing::error!(error = error as &dyn std::error::Error, "a push could not be counted");
    }
    let args = json!([gl_repository, identifier, changes, push_options.to_json()]);
    let enqueued = app.enqueue_post_receive(args, &correlation_id).await;
    if let Err(error) = &enqueued {
        tracing::error!(
            error = error as &dyn std::error::Error,
            "the work after a push could not be handed over"
        );
    }
    let push = Push { gl_repository, identifier, changes, given, options: push_options, correlation_id };
    // The push has landed: a message that cannot be said fails nothing.
    let messages = messages::collect(&app, &push).await.unwrap_or_else(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the pusher hears less than there is to say"
        );
        Vec::new()
    });
    Ok(HttpResponse::Ok().json(Entity {
        messages,
        // Gitaly tells the pusher that something went wrong.
        reference_counter_decreased: decreased.is_ok() && enqueued.is_ok(),
    }))
}

/// Where the message is kept that a project has moved.
pub(crate) fn moved_key(user_id: i64, gl_repository: &str) -> String {
    format!("redirect_namespace:{user_id}:{}", counters::bounded(gl_repository))
}

/// Where the message is kept that a push has created its project.
pub(crate) fn created_key(user_id: i64, gl_repository: &str) -> String {
    format!("project_created:{user_id}:{}", counters::bounded(gl_repository))
}

//! `POST /api/v4/internal/post_receive`
mod landed_push;
mod merge_request_options;
mod messages;

use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use domain::git::push_options::{PushOptions, refusals};
use domain::messages::push_options_failed;
use endpoint::{Context, Params, RestError};
use serde::Serialize;
use serde_json::{Value, json};

use self::landed_push::LandedPush;
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
    let push = Push { gl_repository, identifier, changes, given, options: push_options, correlation_id };
    // First of all, so that nothing that takes long loses it.
    let handed_over = app.hand_over(&push.args(), &push.correlation_id).await;
    // The push has landed: what cannot be found out or said fails nothing else.
    let seen = LandedPush::look(&app, &push).await;
    let asked = merge_request_options::ask(&app, &push, &seen).await;
    let mut reasons = asked.reasons;
    if let Some(work) = asked.work
        && !app.hand_over_options(&work, &push.correlation_id).await
    {
        reasons.push(refusals::NOT_NOW.to_owned());
    }
    let mut warnings = push.warning(&reasons);
    // Where the push could not be counted, Gitaly tells the pusher that something went wrong.
    if !handed_over && decreased.is_ok() {
        warnings.insert(0, domain::messages::WORK_NOT_HANDED_OVER.to_owned());
    }
    Ok(HttpResponse::Ok().json(Entity {
        messages: messages::collect(&app, &push, &seen, warnings).await,
        reference_counter_decreased: decreased.is_ok(),
    }))
}

impl Push {
    /// Of the job.
    fn args(&self) -> Value {
        json!([self.gl_repository, self.identifier, self.changes, self.options.to_json()])
    }

    /// What keeps push options from being carried out, if anything does.
    fn warning(&self, reasons: &[String]) -> Vec<String> {
        let given = self.given.iter().map(String::as_str);
        if reasons.is_empty() { Vec::new() } else { vec![push_options_failed(given, reasons)] }
    }
}

/// Where the message is kept that a project has moved.
pub(crate) fn moved_key(user_id: i64, gl_repository: &str) -> String {
    format!("redirect_namespace:{user_id}:{}", shared_state::bounded(gl_repository))
}

/// Where the message is kept that a push has created its project.
pub(crate) fn created_key(user_id: i64, gl_repository: &str) -> String {
    format!("project_created:{user_id}:{}", shared_state::bounded(gl_repository))
}

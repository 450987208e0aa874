//! `POST /api/v4/internal/post_receive`
mod landed_push;
mod merge_request_options;
mod messages;

use std::rc::Rc;
use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use database::git_access::ActorId;
use database::users;
use domain::git::push_options::{PushOptions, refusals};
use domain::messages::push_options_failed;
use endpoint::{Context, Params, RestError, log_field};
use serde::Serialize;
use serde_json::{Value, json};
use shared_state::sidekiq::Job;

use self::landed_push::LandedPush;
pub use self::merge_request_options::MergeRequestOptionsSink;
use self::messages::Message;
use crate::client_context::ClientContext;
use crate::{App, Shell};

/// The lifetime of a message that `/allowed` stores for the end of the push.
pub(crate) const MESSAGE_TTL: Duration = Duration::from_mins(5);

/// GitLab's worker class, unless `--post-receive-worker` names another.
const POST_RECEIVE: &str = "PostReceive";

/// The parameters of a push that has been written.
struct Push {
    gl_repository: String,
    identifier: String,
    changes: String,
    options: PushOptions,
    context: Option<ClientContext>,
    correlation_id: Rc<str>,
    /// All parameters, for the push options as the user typed them.
    params: Params,
}

#[derive(Serialize)]
struct Entity {
    messages: Vec<Message>,
    reference_counter_decreased: bool,
}

/// Enqueues the job after a push and returns the messages for the pusher.
pub async fn handler(
    app: Data<App>,
    request: HttpRequest,
    _: Shell,
    params: Params,
) -> Result<HttpResponse, RestError> {
    let gl_repository = params.required_text("gl_repository")?;
    let identifier = params.required_text("identifier")?;
    let changes = params.text("changes")?.unwrap_or_default();
    let options = PushOptions::parse(params.strings("push_options")?);
    let client_context = ClientContext::from_params(&params)?;
    let request_context = Context::of(&request);
    let correlation_id =
        request_context.as_ref().map(|context| Rc::clone(&context.correlation_id)).unwrap_or_default();

    log_field("gl_repository", gl_repository.clone());
    log_field("changes_count", changes.lines().filter(|line| !line.trim().is_empty()).count());
    if let ActorId::Key(id) = git_access::actor_from_identifier(&identifier) {
        log_field("gl_key_id", id);
    }
    let decreased = app.core.counters.decrease_references(&gl_repository).await;
    if let Err(error) = &decreased {
        tracing::error!(error = error as &dyn std::error::Error, "failed to decrease the reference counter");
    }
    log_field("reference_counter_decreased", decreased.is_ok());
    let push =
        Push { gl_repository, identifier, changes, options, context: client_context, correlation_id, params };
    // The job is enqueued before anything slow, so that a timeout does not lose it.
    let is_enqueued = app.enqueue_post_receive(push.job(&app, request_context.as_ref()).await).await;
    // The push has been written, so a message that cannot be loaded must not fail the request.
    let landed = LandedPush::load(&app, &push).await;
    let outcome = merge_request_options::check(&app, &push, &landed).await;
    let mut reasons = outcome.reasons;
    if let Some(work) = outcome.work
        && !app.enqueue_merge_request_options(&work, &push.correlation_id).await
    {
        reasons.push(refusals::NOT_NOW.to_owned());
    }
    let mut warnings = push.warning(&reasons)?;
    // If the counter failed, Gitaly itself reports an error to the pusher, so no warning is added.
    if !is_enqueued && decreased.is_ok() {
        warnings.insert(0, domain::messages::JOB_NOT_ENQUEUED.to_owned());
    }
    Ok(HttpResponse::Ok().json(Entity {
        messages: messages::collect(&app, &push, &landed, warnings).await,
        reference_counter_decreased: decreased.is_ok(),
    }))
}

impl Push {
    /// The job after the push.
    async fn job(&self, app: &App, request: Option<&Context>) -> Job<'_> {
        let mut args = vec![
            json!(self.gl_repository),
            json!(self.identifier),
            json!(self.changes),
            self.options.to_json(),
        ];
        // Workers of releases whose Gitaly sends no context accept four arguments only.
        let Some(context) = &self.context else {
            return Job::new(POST_RECEIVE, args, &self.correlation_id);
        };
        args.push(json!({ "gitaly_context": context.as_json() }));
        let mut job = Job::new(POST_RECEIVE, args, &self.correlation_id);
        job.meta = request.map(request_meta).unwrap_or_default();
        if let Some(scoped_user_id) = context.scoped_user_id()
            && let Some(pusher) = self.pusher(app).await
        {
            job.composite_identity = Some((pusher.id, scoped_user_id));
            job.meta.extend(pusher.username.map(|username| ("user", json!(username))));
            job.meta.push(("client_id", json!(format!("user/{}", pusher.id))));
        }
        job
    }

    /// Loads the pusher. `None` if the pusher is unknown or cannot be loaded.
    async fn pusher(&self, app: &App) -> Option<users::UserIdentity> {
        let actor = git_access::actor_from_identifier(&self.identifier);
        let pusher = app.core.pool.read(move |conn| users::find(conn, &actor)).await;
        pusher.unwrap_or_else(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "failed to load the pusher");
            None
        })
    }

    /// The warning about push options that were not applied. It quotes them as the user typed them.
    fn warning(&self, reasons: &[String]) -> Result<Vec<String>, RestError> {
        if reasons.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![push_options_failed(self.params.strings("push_options")?, reasons)])
    }
}

/// The context of this request for GitLab's log.
fn request_meta(request: &Context) -> Vec<(&'static str, Value)> {
    let mut meta = vec![("caller_id", json!("POST /api/:version/internal/post_receive"))];
    meta.extend(request.endpoint.map(|endpoint| ("feature_category", json!(endpoint.feature_category))));
    meta.extend(request.remote_ip.map(|ip| ("remote_ip", json!(ip))));
    meta
}

/// The key of the stored message that a project has moved.
pub(crate) fn moved_key(user_id: i64, gl_repository: &str) -> String {
    format!("redirect_namespace:{user_id}:{}", shared_state::bounded(gl_repository))
}

/// The key of the stored message that a push has created its project.
pub(crate) fn created_key(user_id: i64, gl_repository: &str) -> String {
    format!("project_created:{user_id}:{}", shared_state::bounded(gl_repository))
}

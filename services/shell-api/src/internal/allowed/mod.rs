//! `POST /api/v4/internal/allowed`
mod decision;
mod facts;
mod input;
mod lookup;
mod push;
mod push_to_create;
mod rate_limit;
mod response;
mod side_effects;
mod timing;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use database::settings::Settings;
use domain::access::{self, Action, Rule, Target, Verdict};
use domain::git::changes::Changes;
use domain::messages;
use endpoint::{Context, Params};

pub(crate) use self::facts::AccessContext;
use self::input::Input;
pub(crate) use self::input::{RepositoryParam, named};
use self::timing::StepTimer;
use crate::error::AllowedError;
use crate::{App, Shell};

/// Decides whether the actor may do this to the repository. The rules are in `domain::access`.
pub async fn handler(
    app: Data<App>,
    request: HttpRequest,
    _: Shell,
    params: Params,
) -> Result<HttpResponse, AllowedError> {
    let context = Context::of(&request);
    let input = Input::read(&params, context.as_ref())?;
    // The body may have 20 MiB, and the input has copied what it needs.
    drop(params);
    input.log();
    let steps = StepTimer::new();
    let decide = decide(&app, context.as_ref(), &input, &steps);
    let in_time = tokio::time::timeout(app.options.allowed_timeout.0, decide).await;
    let decided = in_time.unwrap_or_else(|_| Err(AllowedError::TimedOut(steps.timed_out())));
    decision::report(&app, &input, &decided);
    decided
}

/// Repeats the decision after the transfer, without rate limit and side effects. Returns the facts.
pub(crate) async fn check(
    app: &App,
    request: &HttpRequest,
    params: &Params,
) -> Result<AccessContext, AllowedError> {
    let context = Context::of(request);
    let (input, steps) = (Input::read(params, context.as_ref())?, StepTimer::new());
    input.log();
    let decide = async {
        let settings = app.settings.get(&app.core.pool).await?;
        let looked_up = facts::look_up(app, &input).await?;
        let gathered = facts::gather(app, &input, &settings, looked_up).await?;
        gathered.log(&input);
        match judge(app, &input, &gathered, &settings, &steps).await? {
            // The project does not exist, so nothing can have been transferred.
            Verdict::CreateProject => Err(Rule::ProjectMissing.not_found(messages::PROJECT_NOT_FOUND).into()),
            Verdict::CreateRepository => {
                Err(Rule::RepositoryMissing.not_found(messages::NO_PROJECT_REPOSITORY).into())
            }
            Verdict::Allowed | Verdict::ForwardToPrimary => Ok(gathered),
        }
    };
    let in_time = tokio::time::timeout(app.options.allowed_timeout.0, decide).await;
    in_time.unwrap_or_else(|_| Err(AllowedError::TimedOut(steps.timed_out())))
}

async fn decide(
    app: &App,
    context: Option<&Context>,
    input: &Input,
    steps: &StepTimer,
) -> Result<HttpResponse, AllowedError> {
    let settings = app.settings.get(&app.core.pool).await?;
    let needs_person = rate_limit::needs_person(&input.actor);
    if !needs_person {
        rate_limit::check(app, context, input, &settings, None).await?;
    }
    let looked_up = facts::look_up(app, input).await?;
    if needs_person {
        rate_limit::check(app, context, input, &settings, looked_up.found.actor.user()).await?;
    }
    let mut gathered = facts::gather(app, input, &settings, looked_up).await?;
    gathered.log(input);
    let decided = judge(app, input, &gathered, &settings, steps).await;
    gathered.touch(app, input, decided.is_ok()).await;
    match decided? {
        Verdict::Allowed => {}
        Verdict::ForwardToPrimary => return response::geo::forward(app, input, &gathered),
        verdict @ (Verdict::CreateProject | Verdict::CreateRepository) => {
            gathered = push_to_create::complete(app, input, gathered, &settings, verdict).await?;
            gathered.log(input);
        }
    }
    gathered.note_move(app, input, &settings).await;
    response::allowed::response(app, &settings, &gathered)
}

async fn judge(
    app: &App,
    input: &Input,
    gathered: &AccessContext,
    settings: &Settings,
    steps: &StepTimer,
) -> Result<Verdict, AllowedError> {
    let verdict = access::decide(&input.request, &gathered.facts)?;
    if let (Changes::List(changes), Action::Push) = (&input.request.changes, input.request.action) {
        match &gathered.facts.target {
            Target::Project(project) => {
                push::refs::check(app, input, gathered, project, changes, settings, steps).await?;
            }
            Target::Snippet { .. } => {
                push::snippet::check(app, input, gathered, changes, settings, steps).await?;
            }
            _ => {}
        }
    }
    Ok(verdict)
}

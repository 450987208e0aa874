//! `POST /api/v4/internal/allowed`
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
use domain::access::{self, Action, Denial, Target, Verdict};
use domain::git::changes::Changes;
use domain::messages;
use endpoint::{Context, Params};

use self::facts::AccessContext;
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
    let steps = StepTimer::new();
    match tokio::time::timeout(app.options.allowed_timeout.0, decide(&app, context.as_ref(), &input, &steps))
        .await
    {
        Ok(decided) => decided,
        Err(_) => Err(AllowedError::TimedOut(steps.timed_out())),
    }
}

/// Repeats the decision after the transfer, without rate limit and side effects.
pub(crate) async fn check(app: &App, request: &HttpRequest, params: &Params) -> Result<(), AllowedError> {
    let context = Context::of(request);
    let (input, steps) = (Input::read(params, context.as_ref())?, StepTimer::new());
    let decide = async {
        let settings = app.settings.get(&app.core.pool).await?;
        let looked_up = facts::look_up(app, &input).await?;
        let gathered = facts::gather(app, &input, &settings, looked_up).await?;
        if let Some(context) = &context {
            gathered.log(context);
        }
        match judge(app, &input, &gathered, &settings, &steps).await? {
            // The project does not exist, so nothing can have been transferred.
            Verdict::CreateProject => Err(Denial::NotFound(messages::PROJECT_NOT_FOUND).into()),
            Verdict::CreateRepository => Err(Denial::NotFound(messages::NO_PROJECT_REPOSITORY).into()),
            Verdict::Allowed | Verdict::ForwardToPrimary => Ok(()),
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
    if let Some(context) = context {
        gathered.log(context);
    }
    let decided = judge(app, input, &gathered, &settings, steps).await;
    gathered.touch(app, input, decided.is_ok()).await;
    match decided? {
        Verdict::Allowed => {}
        Verdict::ForwardToPrimary => return response::geo::forward(app, input, &gathered),
        verdict @ (Verdict::CreateProject | Verdict::CreateRepository) => {
            gathered = push_to_create::complete(app, input, gathered, &settings, verdict).await?;
            if let Some(context) = context {
                gathered.log(context);
            }
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

impl AccessContext {
    fn log(&self, context: &Context) {
        let mut fields = context.fields.borrow_mut();
        if let Some(user) = self.facts.actor.responsible_user() {
            fields.user_id = Some(user.id);
            fields.user_name = Some(user.username.clone());
        }
        fields.project_id = self.facts.target.project().map(|facts| facts.project.id);
        fields.namespace_id = self.facts.target.root().map(|root| root.id);
    }
}

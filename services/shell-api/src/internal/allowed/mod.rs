//! `POST /api/v4/internal/allowed`
mod decision;
mod input;
mod push_to_create;
mod rate_limit;
mod response;
mod side_effects;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use domain::access::{Rule, Verdict};
use domain::messages;
use endpoint::{Context, Params};
use git_access::{AccessContext, Sources, StepTimer, facts, judge};

use self::input::Input;
pub(crate) use self::input::named;
use crate::error::AllowedError;
use crate::{App, Shell};

/// Decides whether the actor may do this to the repository. The rules are in `domain::access`, and what loads
/// their facts is in `git_access`.
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
    let steps = StepTimer::default();
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
    let (input, steps) = (Input::read(params, context.as_ref())?, StepTimer::default());
    input.log();
    let decide = async {
        let settings = app.settings.get(&app.core.pool).await?;
        let looked_up = facts::look_up(app.sources(), &input.query).await?;
        let gathered = facts::gather(app.sources(), &input.query, &settings, looked_up).await?;
        decision::log(&gathered, &input);
        match judge(app.sources(), &input.query, &gathered, &settings, &steps, &mut ()).await? {
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
    let needs_person = rate_limit::needs_person(&input.query.actor);
    if !needs_person {
        rate_limit::check(app, context, input, &settings, None).await?;
    }
    let looked_up = facts::look_up(app.sources(), &input.query).await?;
    if needs_person {
        rate_limit::check(app, context, input, &settings, looked_up.found.actor.user()).await?;
    }
    let mut gathered = facts::gather(app.sources(), &input.query, &settings, looked_up).await?;
    decision::log(&gathered, input);
    let decided = judge(app.sources(), &input.query, &gathered, &settings, steps, &mut ()).await;
    side_effects::touch(&gathered, app, input, decided.is_ok()).await;
    match decided? {
        Verdict::Allowed => {}
        Verdict::ForwardToPrimary => return response::geo::forward(app, input, &gathered),
        verdict @ (Verdict::CreateProject | Verdict::CreateRepository) => {
            gathered = push_to_create::complete(app, input, gathered, &settings, verdict).await?;
            decision::log(&gathered, input);
        }
    }
    side_effects::note_move(&gathered, app, input, &settings).await;
    response::allowed::response(app, &settings, &gathered)
}

impl App {
    /// What an access check reads from.
    pub(crate) fn sources(&self) -> Sources<'_> {
        Sources {
            pool: &self.core.pool,
            storages: &self.storages,
            options: &self.options.access,
            external_url: &self.core.external_url,
            is_geo_secondary: self.geo.is_secondary(),
            now: self.core.clock.now(),
        }
    }
}

//! Push options that create or change merge requests. They are checked here and carried out by the
//! operator's worker, if there is one.
use database::git_access::{self, ActorId, FoundProject, ProjectId};
use database::merge_requests;
use domain::GlRepository;
use domain::git::push_options::refusals;
use domain::user::User;
use endpoint::RestError;
use serde_json::{Value, json};

use super::Push;
use super::landed_push::{self, LandedPush};
use crate::App;

const NOT_PROCESSED: &str = "Merge request push options are not processed by this server";

/// What happens to the options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum MergeRequestOptionsSink {
    /// Tell the pusher that they are not processed
    Refuse,
    /// The table `outbox_messages`, for a worker of the operator's own
    Outbox,
}

/// The result of the check.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Why options were refused.
    pub reasons: Vec<String>,
    /// The work for the operator's worker.
    pub work: Option<Value>,
}

impl Outcome {
    fn refused(reasons: Vec<String>) -> Self {
        Self { reasons, work: None }
    }
}

/// Checks the merge-request options of a push, if there are any.
pub(super) async fn check(app: &App, push: &Push, landed: &LandedPush) -> Outcome {
    let Some(options) = push.options.get("merge_request") else { return Outcome::default() };
    if !matches!(landed.repository, Some(GlRepository::Project(_))) {
        let is_known = landed.repository.is_some();
        return if is_known {
            Outcome::refused(vec![refusals::ONLY_PROJECTS.to_owned()])
        } else {
            Outcome::default()
        };
    }
    let Some(project) = &landed.project else { return Outcome::default() };
    let text = |name: &str| options.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let requested = MergeRequestOptions {
        target: text("target"),
        target_project: text("target_project"),
        create: options.get("create").is_some(),
    };
    let Some(user) = &landed.user else { return Outcome::refused(vec![refusals::USER.to_owned()]) };
    check_options(app, push, &requested, (project, user), landed.other_branches()).await.unwrap_or_else(
        |error| {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "failed to check merge-request push options");
            Outcome::refused(vec![refusals::NOT_NOW.to_owned()])
        },
    )
}

struct MergeRequestOptions<'a> {
    target: Option<&'a str>,
    target_project: Option<&'a str>,
    create: bool,
}

/// Checks the options. `branches` can become merge requests; `None` if the default branch is unknown.
async fn check_options(
    app: &App,
    push: &Push,
    requested: &MergeRequestOptions<'_>,
    (project, user): (&FoundProject, &User),
    branches: Option<Vec<String>>,
) -> Result<Outcome, RestError> {
    let target = match requested.target_project.filter(|path| *path != project.project.full_path) {
        Some(path) => find_target(app, path, user.id).await?,
        None => Some(project.clone()),
    };
    let mut reasons = Vec::new();
    let target_id = target.as_ref().map(|target| target.project.id);
    let takes_merge_requests = match target_id {
        Some(id) => app.core.pool.read(move |conn| merge_requests::are_enabled(conn, id)).await?,
        None => false,
    };
    if !takes_merge_requests {
        let path = requested.target_project.unwrap_or(&project.project.full_path);
        reasons.push(refusals::not_enabled(path));
    }
    // One of the branches may be the default branch, which gets no merge request.
    let Some(branches) = branches else {
        reasons.push(refusals::NOT_NOW.to_owned());
        return Ok(Outcome::refused(reasons));
    };
    reasons.extend(refusals::too_many(branches.len()));
    if let (Some(branch), Some(target)) = (requested.target, &target)
        && has_branch(app, target, branch).await? == Some(false)
    {
        reasons.push(refusals::no_target(&target.project.full_path, branch));
    }
    if !reasons.is_empty() {
        return Ok(Outcome::refused(reasons));
    }

    let (project_id, names) = (project.project.id, branches.clone());
    let open = app.core.pool.read(move |conn| merge_requests::open_from(conn, project_id, &names)).await?;
    let (known, new): (Vec<_>, Vec<_>) = branches.iter().partition(|branch| open.contains_key(*branch));
    if !requested.create {
        reasons.extend(new.iter().map(|branch| refusals::create_is_missing(branch)));
    }
    if known.is_empty() && (new.is_empty() || !requested.create) {
        return Ok(Outcome::refused(reasons));
    }
    if app.options.merge_request_push_options == MergeRequestOptionsSink::Refuse {
        reasons.push(NOT_PROCESSED.to_owned());
        return Ok(Outcome::refused(reasons));
    }
    let work = json!({
        "project_id": project_id,
        "user_id": user.id,
        "changes": push.changes,
        "options": push.options.get("merge_request"),
    });
    Ok(Outcome { reasons, work: Some(work) })
}

/// The target project of the options, if the user can see it.
async fn find_target(app: &App, path: &str, user_id: i64) -> Result<Option<FoundProject>, RestError> {
    let requested = ProjectId::Path(path.to_owned());
    let found =
        app.core.pool.read(move |conn| git_access::find(conn, &ActorId::User(user_id), &requested)).await?;
    Ok(found.project.filter(|target| target.project.may_read(&found.actor, target.actor_access)))
}

async fn has_branch(app: &App, target: &FoundProject, branch: &str) -> Result<Option<bool>, RestError> {
    let Some(repository) = landed_push::repository(app, target) else { return Ok(None) };
    let answer = tokio::time::timeout(landed_push::INSPECT_TIMEOUT, repository.has_branch(branch)).await;
    let answer = answer.map_err(|elapsed| RestError::Unavailable(elapsed.into()))?;
    answer.map_err(|error| RestError::Unavailable(error.into()))
}

//! Push options that make or change merge requests: looked at here, carried out by a worker of the outbox.
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

/// What becomes of the options.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Why not, of what is not carried out.
    pub reasons: Vec<String>,
    /// What a worker is to do.
    pub work: Option<Value>,
}

impl Answer {
    fn no(reasons: Vec<String>) -> Self {
        Self { reasons, work: None }
    }
}

/// What is asked of merge requests, if anything is, and whether it can be done.
pub(super) async fn ask(app: &App, push: &Push, seen: &LandedPush) -> Answer {
    let Some(options) = push.options.get("merge_request") else { return Answer::default() };
    if !matches!(seen.repository, Some(GlRepository::Project(_))) {
        let is_known = seen.repository.is_some();
        return if is_known {
            Answer::no(vec![refusals::ONLY_PROJECTS.to_owned()])
        } else {
            Answer::default()
        };
    }
    let Some(project) = &seen.project else { return Answer::default() };
    let text = |name: &str| options.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let asked = MergeRequestOptions {
        target: text("target"),
        target_project: text("target_project"),
        create: options.get("create").is_some(),
    };
    let Some(user) = &seen.user else { return Answer::no(vec![refusals::USER.to_owned()]) };
    judge(app, push, &asked, (project, user), seen.other_branches()).await.unwrap_or_else(|error| {
        let error = &error as &dyn std::error::Error;
        tracing::error!(error, "push options of merge requests could not be looked at");
        Answer::no(vec![refusals::NOT_NOW.to_owned()])
    })
}

struct MergeRequestOptions<'a> {
    target: Option<&'a str>,
    target_project: Option<&'a str>,
    create: bool,
}

/// `branches` are those that may become merge requests; `None` where nobody knows which these are.
async fn judge(
    app: &App,
    push: &Push,
    asked: &MergeRequestOptions<'_>,
    (project, user): (&FoundProject, &User),
    branches: Option<Vec<String>>,
) -> Result<Answer, RestError> {
    let target = match asked.target_project.filter(|path| *path != project.project.full_path) {
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
        let path = asked.target_project.unwrap_or(&project.project.full_path);
        reasons.push(refusals::not_enabled(path));
    }
    // One of them may be the default branch, of which nobody wants a merge request.
    let Some(branches) = branches else {
        reasons.push(refusals::NOT_NOW.to_owned());
        return Ok(Answer::no(reasons));
    };
    reasons.extend(refusals::too_many(branches.len()));
    if let (Some(branch), Some(target)) = (asked.target, &target)
        && has_branch(app, target, branch).await? == Some(false)
    {
        reasons.push(refusals::no_target(&target.project.full_path, branch));
    }
    if !reasons.is_empty() {
        return Ok(Answer::no(reasons));
    }

    let (project_id, names) = (project.project.id, branches.clone());
    let open = app.core.pool.read(move |conn| merge_requests::open_from(conn, project_id, &names)).await?;
    let (known, new): (Vec<_>, Vec<_>) = branches.iter().partition(|branch| open.contains_key(*branch));
    if !asked.create {
        reasons.extend(new.iter().map(|branch| refusals::create_is_missing(branch)));
    }
    if known.is_empty() && (new.is_empty() || !asked.create) {
        return Ok(Answer::no(reasons));
    }
    if !app.hands_over() {
        reasons.push(NOT_PROCESSED.to_owned());
        return Ok(Answer::no(reasons));
    }
    let work = json!({
        "project_id": project_id,
        "user_id": user.id,
        "changes": push.changes,
        "options": push.options.get("merge_request"),
    });
    Ok(Answer { reasons, work: Some(work) })
}

/// The project that merge requests are to go to, where the person sees it.
async fn find_target(app: &App, path: &str, user_id: i64) -> Result<Option<FoundProject>, RestError> {
    let asked = ProjectId::Path(path.to_owned());
    let found =
        app.core.pool.read(move |conn| git_access::find(conn, &ActorId::User(user_id), &asked)).await?;
    Ok(found.project.filter(|target| target.project.may_read(&found.actor, target.standing)))
}

async fn has_branch(app: &App, target: &FoundProject, branch: &str) -> Result<Option<bool>, RestError> {
    let Some(repository) = landed_push::repository(app, target) else { return Ok(None) };
    let answer = tokio::time::timeout(landed_push::LOOK, repository.has_branch(branch)).await;
    let answer = answer.map_err(|elapsed| RestError::Unavailable(elapsed.into()))?;
    answer.map_err(|error| RestError::Unavailable(error.into()))
}

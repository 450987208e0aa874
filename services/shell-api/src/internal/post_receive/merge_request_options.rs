//! Push options that make or change merge requests: looked at here, carried out by a worker of the outbox.
use domain::GlRepository;
use domain::messages::push_options_failed;
use domain::push_options::refusals;
use domain::user::User;
use serde_json::{Value, json};
use storage::git_access::{self, ActorId, FoundProject, ProjectId};
use storage::merge_requests;
use web::RestError;

use super::Push;
use super::messages::{default_branch, pushed_branches};
use crate::App;

const NOT_PROCESSED: &str = "Merge request push options are not processed by this server";

/// Hands the options over; what keeps them from being carried out is a warning.
pub(super) async fn process(
    app: &App,
    push: &Push,
    repository: GlRepository,
    project: Option<&FoundProject>,
    user: Option<&User>,
) -> Result<Option<String>, RestError> {
    let Some(options) = push.options.get("merge_request") else { return Ok(None) };
    let reasons = if !matches!(repository, GlRepository::Project(_)) {
        vec![refusals::ONLY_PROJECTS.to_owned()]
    } else if let Some(project) = project {
        let text = |name: &str| options.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let asked = Asked {
            target: text("target"),
            target_project: text("target_project"),
            create: options.get("create").is_some(),
        };
        carry_out(app, push, &asked, project, user).await?
    } else {
        return Ok(None);
    };
    let given = push.given.iter().map(String::as_str);
    Ok((!reasons.is_empty()).then(|| push_options_failed(given, &reasons)))
}

struct Asked<'a> {
    target: Option<&'a str>,
    target_project: Option<&'a str>,
    create: bool,
}

/// The reasons why not, none when all was handed over.
async fn carry_out(
    app: &App,
    push: &Push,
    asked: &Asked<'_>,
    project: &FoundProject,
    user: Option<&User>,
) -> Result<Vec<String>, RestError> {
    let Some(user) = user else { return Ok(vec![refusals::USER.to_owned()]) };
    let target = match asked.target_project.filter(|path| *path != project.project.full_path) {
        Some(path) => find_target(app, path, user.id).await?,
        None => Some(project.clone()),
    };
    let mut branches = pushed_branches(&push.changes);
    let default = default_branch(app, project).await;
    branches.retain(|branch| Some(branch) != default.as_ref());

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
    reasons.extend(refusals::too_many(branches.len()));
    if let (Some(branch), Some(target)) = (asked.target, &target)
        && has_branch(app, target, branch).await? == Some(false)
    {
        reasons.push(refusals::no_target(&target.project.full_path, branch));
    }
    if !reasons.is_empty() {
        return Ok(reasons);
    }

    let (project_id, names) = (project.project.id, branches.clone());
    let open = app.core.pool.read(move |conn| merge_requests::open_from(conn, project_id, &names)).await?;
    let (known, new): (Vec<_>, Vec<_>) = branches.iter().partition(|branch| open.contains_key(*branch));
    if !asked.create {
        reasons.extend(new.iter().map(|branch| refusals::create_is_missing(branch)));
    }
    if !known.is_empty() || (asked.create && !new.is_empty()) {
        let payload = json!({
            "project_id": project_id,
            "user_id": user.id,
            "changes": push.changes,
            "options": push.options.get("merge_request"),
        });
        if !app.enqueue_merge_request_options(payload, &push.correlation_id).await? {
            reasons.push(NOT_PROCESSED.to_owned());
        }
    }
    Ok(reasons)
}

/// The project that merge requests are to go to, where the person sees it.
async fn find_target(app: &App, path: &str, user_id: i64) -> Result<Option<FoundProject>, RestError> {
    let asked = ProjectId::Path(path.to_owned());
    let found =
        app.core.pool.read(move |conn| git_access::find(conn, &ActorId::User(user_id), &asked)).await?;
    Ok(found.project.filter(|target| target.project.may_read(&found.actor, target.standing)))
}

async fn has_branch(app: &App, target: &FoundProject, branch: &str) -> Result<Option<bool>, RestError> {
    let Some(repository) = super::messages::repository(app, target) else { return Ok(None) };
    let answer = repository.has_branch(branch).await;
    answer.map_err(|error| RestError::Unavailable(error.into()))
}

//! What a pusher hears: first what an administrator tells everybody, then links, then what has been kept for them.
use std::collections::HashSet;

use domain::access::push::Bearing;
use domain::changes::{self, Kind};
use domain::messages as text;
use domain::{GlRepository, Role};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use repository::{Place, Quarantine, Repository};
use serde::Serialize;
use storage::git_access::{self, Found, FoundProject, ProjectId};
use storage::{broadcast_messages, merge_requests};
use web::RestError;

use super::{Push, created_key, merge_request_options, moved_key};
use crate::{App, actor};

/// In a query, as browsers and GitLab write it.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');
/// Branches asked for in one statement.
const AT_ONCE: usize = 500;

#[derive(Debug, Serialize)]
pub(super) struct Message {
    message: String,
    r#type: &'static str,
}

impl Message {
    fn alert(message: String) -> Self {
        Self { message, r#type: "alert" }
    }

    fn basic(message: String) -> Self {
        Self { message, r#type: "basic" }
    }
}

/// Collects what is to be said. Whoever is not known, or pushes to what is not known, hears less.
pub(super) async fn collect(app: &App, push: &Push) -> Result<Vec<Message>, RestError> {
    let Push { gl_repository, identifier, changes: pushed, .. } = push;
    let repository: Option<GlRepository> = gl_repository.parse().ok();
    let project_id = match repository {
        Some(GlRepository::Project(id) | GlRepository::Wiki(id) | GlRepository::Design(id)) => id,
        _ => -1,
    };
    let (actor, now) = (actor::from_identifier(identifier), app.core.clock.now());
    let found = app.core.pool.read(move |conn| {
        let found = git_access::find(conn, &actor, &ProjectId::Id(project_id))?;
        let banners = broadcast_messages::for_terminal(conn, now)?;
        Ok((found, banners))
    });
    let (Found { actor, project, .. }, banners) = found.await?;
    let mut messages = Vec::new();

    let user = actor.named_user();
    let warning = match repository {
        Some(repository) => {
            merge_request_options::process(app, push, repository, project.as_ref(), user).await?
        }
        None => None,
    };
    let Some(user) = user else { return Ok(warning.map(Message::alert).into_iter().collect()) };
    let full_path = project.as_ref().map(|found| found.project.full_path.as_str());
    let role = project.as_ref().map_or(Role::NONE, |found| found.standing.role);
    if let (Some(banner), Some(_)) = (text::choose_banner(&banners, full_path, role), repository) {
        messages.push(Message::alert(banner.message.clone()));
    }
    messages.extend(warning.map(Message::alert));
    if let (Some(found), Some(GlRepository::Project(_))) = (&project, repository) {
        messages.extend(links(app, found, pushed).await?);
    }
    let keys = [moved_key(user.id, gl_repository), created_key(user.id, gl_repository)];
    match app.core.counters.take(&keys).await {
        Ok(kept) => messages.extend(kept.into_iter().flatten().map(Message::basic)),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "kept messages could not be read");
        }
    }
    Ok(messages)
}

/// A link for each branch, in the order of the push: to its merge request, or to making one.
async fn links(app: &App, found: &FoundProject, pushed: &str) -> Result<Vec<Message>, RestError> {
    let mut branches = pushed_branches(pushed);
    if branches.is_empty() {
        return Ok(Vec::new());
    }
    let Some(default_branch) = default_branch(app, found).await else { return Ok(Vec::new()) };
    branches.retain(|branch| *branch != default_branch);
    let (project_id, asked) = (found.project.id, branches.clone());
    let looked_up = app.core.pool.read(move |conn| {
        let mut open = std::collections::HashMap::new();
        let linked = !asked.is_empty() && merge_requests::are_linked(conn, project_id)?;
        if linked {
            for some in asked.chunks(AT_ONCE) {
                open.extend(merge_requests::open_from(conn, project_id, some)?);
            }
        }
        Ok((linked, open))
    });
    let (linked, open) = looked_up.await?;
    if !linked {
        return Ok(Vec::new());
    }
    let url = &app.core.external_url;
    let message = |branch: &String| match open.get(branch) {
        Some((target, iid)) => {
            format!("View merge request for {branch}:\n  {url}/{target}/-/merge_requests/{iid}")
        }
        None => format!(
            "To create a merge request for {branch}, visit:\n  \
             {url}/{}/-/merge_requests/new?merge_request%5Bsource_branch%5D={}",
            found.project.full_path,
            utf8_percent_encode(branch, QUERY)
        ),
    };
    Ok(branches.iter().map(message).map(Message::basic).collect())
}

/// Branches that were made or moved, each once, in the order of the push.
pub(super) fn pushed_branches(pushed: &str) -> Vec<String> {
    let mut known = HashSet::new();
    changes::lines(pushed)
        .filter(|change| change.kind() != Kind::Delete)
        .filter_map(|change| change.branch().map(ToOwned::to_owned))
        .filter(|branch| known.insert(branch.clone()))
        .collect()
}

/// `None` where the storage is not known.
pub(super) fn repository(app: &App, found: &FoundProject) -> Option<Repository> {
    let place = Place {
        storage_name: &found.storage.name,
        relative_path: &format!("{}.git", found.storage.disk_path),
        gl_repository: GlRepository::Project(found.project.id).to_string(),
        gl_project_path: &found.project.full_path,
        correlation_id: None,
    };
    app.storages.repository(&place, Quarantine::default())
}

/// `None` where the repository is empty, or cannot be looked into: then there is nothing to link to.
pub(super) async fn default_branch(app: &App, found: &FoundProject) -> Option<String> {
    let repository = repository(app, found)?;
    match repository.state(Bearing { empty: true, default_branch: true }).await {
        Ok(state) => state.filter(|state| !state.empty)?.default_branch,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the default branch is not known");
            None
        }
    }
}

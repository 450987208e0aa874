//! What a pusher hears: first what an administrator tells everybody, then links, then what has been kept for them.
use database::merge_requests;
use domain::Role;
use domain::messages as text;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::landed_push::{DefaultBranch, LandedPush};
use super::{Push, created_key, moved_key};
use crate::App;

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

/// Collects what is to be said: banner, warnings, links, what was kept. Whoever is not known, or pushes to what is not
/// known, hears less; and what cannot be found out keeps nothing else from being said.
pub(super) async fn collect(
    app: &App,
    push: &Push,
    seen: &LandedPush,
    warnings: Vec<String>,
) -> Vec<Message> {
    let warnings = warnings.into_iter().map(Message::alert);
    let Some(user) = &seen.user else { return warnings.collect() };
    let mut messages = Vec::new();
    let full_path = seen.project.as_ref().map(|found| found.project.full_path.as_str());
    let role = seen.project.as_ref().map_or(Role::NONE, |found| found.standing.role);
    if let (Some(banner), Some(_)) = (text::choose_banner(&seen.banners, full_path, role), seen.repository) {
        messages.push(Message::alert(banner.message.clone()));
    }
    messages.extend(warnings);
    match links(app, seen).await {
        Ok(links) => messages.extend(links),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "merge requests could not be read");
        }
    }
    let keys = [moved_key(user.id, &push.gl_repository), created_key(user.id, &push.gl_repository)];
    match app.core.counters.take(&keys).await {
        Ok(kept) => messages.extend(kept.into_iter().flatten().map(Message::basic)),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "kept messages could not be read");
        }
    }
    messages
}

/// A link for each branch, in the order of the push: to its merge request, or to making one. None where the repository
/// is empty, or nobody knows which branch is the default one.
async fn links(app: &App, seen: &LandedPush) -> Result<Vec<Message>, database::Error> {
    let (Some(found), DefaultBranch::RepositoryParam(_)) = (&seen.project, &seen.default_branch) else {
        return Ok(Vec::new());
    };
    let branches = seen.other_branches().unwrap_or_default();
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

//! The messages for the pusher: broadcast message, warnings, links and stored messages.
use database::merge_requests;
use domain::Role;
use domain::messages as text;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::landed_push::{DefaultBranch, LandedPush};
use super::{Push, created_key, moved_key};
use crate::App;

/// Percent-encodes query values in the way that browsers and GitLab do.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');
/// The number of branches per statement.
const CHUNK_SIZE: usize = 500;

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

/// Collects the messages in print order. An unknown user gets only the warnings. A message that cannot be
/// loaded is skipped.
pub(super) async fn collect(
    app: &App,
    push: &Push,
    landed: &LandedPush,
    warnings: Vec<String>,
) -> Vec<Message> {
    let warnings = warnings.into_iter().map(Message::alert);
    let Some(user) = &landed.user else { return warnings.collect() };
    let mut messages = Vec::new();
    let full_path = landed.project.as_ref().map(|found| found.project.full_path.as_str());
    let role = landed.project.as_ref().map_or(Role::NONE, |found| found.actor_access.role);
    if let (Some(banner), Some(_)) =
        (text::choose_banner(&landed.banners, full_path, role), landed.repository)
    {
        messages.push(Message::alert(banner.message.clone()));
    }
    messages.extend(warnings);
    match links(app, landed).await {
        Ok(links) => messages.extend(links),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "failed to load merge requests");
        }
    }
    let keys = [moved_key(user.id, &push.gl_repository), created_key(user.id, &push.gl_repository)];
    match app.core.counters.get_and_delete(&keys).await {
        Ok(stored) => messages.extend(stored.into_iter().flatten().map(Message::basic)),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "failed to load stored messages");
        }
    }
    messages
}

/// Creates a link for each branch, in push order: to its merge request, or to create one. There are no links
/// if the repository is empty or its default branch is unknown.
async fn links(app: &App, landed: &LandedPush) -> Result<Vec<Message>, database::Error> {
    let (Some(found), DefaultBranch::Named(_)) = (&landed.project, &landed.default_branch) else {
        return Ok(Vec::new());
    };
    let branches = landed.other_branches().unwrap_or_default();
    let (project_id, names) = (found.project.id, branches.clone());
    let loaded = app.core.pool.read(move |conn| {
        let mut open = std::collections::HashMap::new();
        let linked = !names.is_empty() && merge_requests::are_linked(conn, project_id)?;
        if linked {
            for some in names.chunks(CHUNK_SIZE) {
                open.extend(merge_requests::open_from(conn, project_id, some)?);
            }
        }
        Ok((linked, open))
    });
    let (linked, open) = loaded.await?;
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

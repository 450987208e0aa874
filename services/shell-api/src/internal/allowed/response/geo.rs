//! The response for a push to a Geo secondary. It tells GitLab Shell how to reach the primary.
use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use domain::access::{Refusal, Rule};
use domain::messages;
use endpoint::RestError;
use git_access::{AccessContext, RepositoryParam};
use serde::Serialize;

use crate::App;
use crate::error::AllowedError;
use crate::internal::allowed::input::Input;

#[derive(Serialize)]
struct Entity<'a> {
    status: bool,
    payload: Payload<'a>,
    gl_console_messages: [String; 1],
}

#[derive(Serialize)]
struct Payload<'a> {
    action: &'static str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    api_endpoints: [&'static str; 0],
    gl_username: Option<&'a str>,
    primary_repo: &'a str,
    gl_id: String,
    /// Must be an object even if it is empty: `null` crashes GitLab Shell.
    request_headers: BTreeMap<&'static str, String>,
    geo_proxy_fetch_ssh_direct_to_primary: bool,
    geo_proxy_push_ssh_direct_to_primary: bool,
}

pub(crate) fn forward(
    app: &App,
    input: &Input,
    gathered: &AccessContext,
) -> Result<HttpResponse, AllowedError> {
    let primary = app.geo.primary().ok_or_else(|| RestError::Internal("Unknown check result".to_owned()))?;
    let actor = &gathered.facts.actor;
    let primary_repo = primary.repository_url(&path(input, gathered)?);
    Ok(HttpResponse::build(StatusCode::MULTIPLE_CHOICES).json(Entity {
        status: true,
        gl_console_messages: [messages::forwarded_to_primary(&primary_repo)],
        payload: Payload {
            action: "geo_proxy_to_primary",
            data: Data {
                api_endpoints: [],
                gl_username: actor.user().map(|user| user.username.as_str()),
                primary_repo: &primary_repo,
                gl_id: actor.gl_id(),
                request_headers: primary
                    .authorization()
                    .map(|value| ("Authorization", value))
                    .into_iter()
                    .collect(),
                geo_proxy_fetch_ssh_direct_to_primary: primary.fetch_direct,
                geo_proxy_push_ssh_direct_to_primary: primary.push_direct,
            },
        },
    }))
}

/// The path of the repository, which is the same on the primary. If it is not replicated yet, the path that
/// the user typed.
fn path(input: &Input, gathered: &AccessContext) -> Result<String, Refusal> {
    Ok(match (&gathered.location, &input.query.repository) {
        (Some(location), _) => location.gl_project_path.clone(),
        (None, RepositoryParam::Path { text, .. }) => {
            let text = text.strip_prefix('/').unwrap_or(text);
            text.strip_suffix(".git").unwrap_or(text).to_owned()
        }
        (None, RepositoryParam::Id { .. }) => {
            return Err(Rule::NamespaceMissing.not_found(messages::NAMESPACE_NOT_FOUND));
        }
    })
}

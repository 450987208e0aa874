//! The side effects of an access check: last-used timestamps, and messages for the end of the push.
use ::git_access::{AccessContext, RepositoryParam};
use database::git_access;
use database::settings::Settings;
use domain::access::{Action, Protocol};
use domain::actor::Actor;
use domain::messages;

use super::input::Input;
use crate::App;
use crate::internal::post_receive::{MESSAGE_TTL, created_key, moved_key};

/// Records the use of the key, at most once a day, and (if `allowed`) the user's activity today. A
/// failure does not fail the request.
pub(super) async fn touch(context: &AccessContext, app: &App, input: &Input, allowed: bool) {
    let now = context.facts.now;
    let key = context
        .facts
        .actor
        .key()
        .map(|key| key.id)
        .filter(|_| context.key_last_used_at.is_none_or(|last| now - last >= chrono::TimeDelta::days(1)));
    let user = match &context.facts.actor {
        Actor::User(user) | Actor::Key { user: Some(user), .. }
            if allowed
                && input.query.request.action == Action::Download
                && context.last_activity_on != Some(now.date()) =>
        {
            Some(user.id)
        }
        _ => None,
    };
    if key.is_none() && user.is_none() {
        return;
    }
    if let Err(error) = app.core.pool.run(move |conn| git_access::touch(conn, key, user, now)).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "failed to record the last use");
    }
}

/// Stores a message for the end of the push: the project has moved.
pub(super) async fn note_move(context: &AccessContext, app: &App, input: &Input, settings: &Settings) {
    let (RepositoryParam::Path { text, .. }, true) = (&input.query.repository, context.redirected) else {
        return;
    };
    let (Some(user), Some(location)) = (context.facts.actor.user(), &context.location) else { return };
    let old = text.strip_prefix('/').unwrap_or(text);
    let old = old.strip_suffix(".git").unwrap_or(old);
    let new = &location.gl_project_path;
    let message = messages::project_moved(old, new, &remote(app, input, settings, new));
    keep(app, moved_key(user.id, &location.gl_repository.to_string()), message).await;
}

/// Stores a message for the end of the push: the project was created.
pub(super) async fn note_creation(context: &AccessContext, app: &App, input: &Input, settings: &Settings) {
    let (Some(user), Some(location)) = (context.facts.actor.user(), &context.location) else { return };
    let path = &location.gl_project_path;
    let remote = remote(app, input, settings, path);
    let message = messages::project_created(path, &remote, &app.core.external_url);
    keep(app, created_key(user.id, &location.gl_repository.to_string()), message).await;
}

/// The URL of a path for the protocol of the request.
fn remote(app: &App, input: &Input, settings: &Settings, path: &str) -> String {
    match input.query.request.protocol {
        Protocol::Ssh => app.ssh_url(path),
        _ => app.http_url(settings, path),
    }
}

async fn keep(app: &App, key: String, message: String) {
    if let Err(error) = app.core.counters.set_with_ttl(&key, &message, MESSAGE_TTL).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "failed to store a message");
    }
}

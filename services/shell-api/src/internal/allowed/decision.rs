//! Reports each decision: in the request's line in the log, and in the metrics.
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use domain::access::{Action, Rule};
use domain::git::changes::Changes;
use endpoint::{log_field, log_optional_field};
use git_access::AccessContext;

use super::input::Input;
use crate::App;
use crate::error::AllowedError;

/// Reports the outcome of a request. A request with invalid parameters has no decision.
pub(super) fn report(app: &App, input: &Input, outcome: &Result<HttpResponse, AllowedError>) {
    let (status, rule) = match outcome {
        Ok(response) if response.status() == StatusCode::MULTIPLE_CHOICES => {
            (response.status(), Some(Rule::GeoSecondary))
        }
        Ok(response) => (response.status(), Some(Rule::Allowed)),
        Err(error) => (error.status_code(), error.rule()),
    };
    let Some(decision) = name(status) else { return };
    log_field("decision", decision);
    log_optional_field("decision_row", rule.map(Rule::row));
    log_optional_field("decision_name", rule.map(Rule::name));
    app.core.metrics.decision(&input.action, decision, rule.map(Rule::row).unwrap_or_default());
}

/// The name of a decision, by the status of its response.
fn name(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::MULTIPLE_CHOICES => Some("redirected"),
        StatusCode::UNAUTHORIZED | StatusCode::UNPROCESSABLE_ENTITY => Some("denied"),
        StatusCode::NOT_FOUND => Some("not_found"),
        StatusCode::TOO_MANY_REQUESTS => Some("throttled"),
        status if status.is_success() => Some("allowed"),
        status if status.is_server_error() => Some("unavailable"),
        _ => None,
    }
}

impl Input {
    /// Adds what the caller wants to do to the request's line in the log.
    pub(super) fn log(&self) {
        if self.query.request.action != Action::Unknown {
            log_field("action", self.action.clone());
        }
        log_field("protocol", self.query.request.protocol.name());
        if let Changes::List(changes) = &self.query.request.changes {
            log_field("changes_count", changes.iter().count());
        }
    }
}

/// Adds the actor and the repository to the request's line in the log.
pub(super) fn log(context: &AccessContext, input: &Input) {
    let actor = &context.facts.actor;
    if let Some(user) = actor.responsible_user() {
        endpoint::log_user(user.id, &user.username);
    }
    log_optional_field("gl_key_type", actor.key_type());
    log_optional_field("gl_key_id", actor.key().map(|key| key.id));
    log_optional_field("gl_deploy_token_id", actor.deploy_token_id());
    if let Some(facts) = context.facts.target.project() {
        log_field("gl_project_id", facts.project.id);
        log_field("gl_project_path", facts.project.full_path.clone());
    }
    log_optional_field("gl_namespace_id", context.facts.target.root().map(|root| root.id));
    let repository = context.location.as_ref().map(|location| location.gl_repository.to_string());
    log_optional_field("gl_repository", repository.or_else(|| input.query.gl_repository()));
}

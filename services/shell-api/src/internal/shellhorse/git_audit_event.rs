//! `POST /api/v4/internal/shellhorse/git_audit_event`
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use domain::access::{Action, Facts};
use endpoint::Params;
use endpoint::audit::{AuditEvent, Author, Difference, Entity, Target};
use git_access::AccessContext;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::AllowedError;
use crate::internal::allowed;
use crate::{App, ShellOrWorkhorse};

#[derive(Serialize)]
struct Event {
    protocol: String,
    action: String,
    verb: &'static str,
}

/// Logs a completed transfer, if it was allowed.
pub async fn handler(
    app: Data<App>,
    request: HttpRequest,
    _: ShellOrWorkhorse,
    params: Params,
) -> Result<HttpResponse, AllowedError> {
    let (action, protocol) = (params.required_text("action")?, params.required_text("protocol")?);
    params.required_text("gl_repository")?;
    if !matches!(action.as_str(), "git-upload-pack" | "git-receive-pack") {
        return Err(AllowedError::NoAction);
    }
    let stats = params.object("packfile_stats")?;
    let verb = verb(Action::parse(&action), stats.id("wants")?, stats.id("haves")?);
    let gathered = allowed::check(&app, &request, &params).await?;
    if !app.options.git_audit_events {
        let message = "No git audit event needed";
        return Ok(HttpResponse::Ok().json(json!({ "status": false, "message": message })));
    }
    let event = Event { protocol, action, verb };
    audit(&gathered, &event);
    Ok(HttpResponse::Ok().json(json!({ "status": true, "message": event })))
}

fn verb(action: Action, wants: Option<i64>, haves: Option<i64>) -> &'static str {
    match (action, wants.unwrap_or(0), haves.unwrap_or(0)) {
        (Action::Push, ..) => "push",
        (_, 1.., 0) => "clone",
        _ => "pull",
    }
}

/// Writes the audit event of the transfer.
fn audit(gathered: &AccessContext, event: &Event) {
    let Facts { actor, target, .. } = &gathered.facts;
    let author = match (actor.user(), actor.key(), actor.deploy_token_id()) {
        (Some(user), ..) => Author::user(user.id, user.username.as_str()),
        (None, Some(key), _) => author("deploy_key", Some(key.id)),
        (None, None, Some(id)) => author("deploy_token", Some(id)),
        (None, None, None) => author("unauthenticated", None),
    };
    let project = target.project().map(|facts| &facts.project);
    let project_id = project.map(|project| project.id);
    let event = AuditEvent {
        event_name: "repository_git_operation",
        author,
        entity: Entity {
            kind: "Project",
            id: project_id,
            path: project.map(|project| project.full_path.clone()),
        },
        target: Target { kind: "Project", id: project_id },
        gl_namespace_id: target.root().map(|root| root.id),
        difference: Some(Difference::new(
            Value::Null,
            json!({ "action": event.action, "verb": event.verb, "protocol": event.protocol }),
        )),
        further: Map::new(),
    };
    event.write();
}

fn author(kind: &'static str, id: Option<i64>) -> Author {
    Author { kind, id, name: None, impersonated_by: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clone_has_wants_and_no_haves() {
        for (action, wants, haves, expected) in [
            (Action::Push, Some(3), None, "push"),
            (Action::Download, Some(3), None, "clone"),
            (Action::Download, Some(3), Some(0), "clone"),
            (Action::Download, Some(3), Some(1), "pull"),
            (Action::Download, None, None, "pull"),
            (Action::Download, Some(0), Some(0), "pull"),
        ] {
            assert_eq!(verb(action, wants, haves), expected, "{action:?} {wants:?} {haves:?}");
        }
    }
}

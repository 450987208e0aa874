//! `POST /api/v4/internal/shellhorse/git_audit_event`
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use domain::access::Action;
use endpoint::{Context, Params};
use serde::Serialize;
use serde_json::json;

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
    let gl_repository = params.required_text("gl_repository")?;
    if !matches!(action.as_str(), "git-upload-pack" | "git-receive-pack") {
        return Err(AllowedError::NoAction);
    }
    let stats = params.object("packfile_stats")?;
    let verb = verb(Action::parse(&action), stats.id("wants")?, stats.id("haves")?);
    allowed::check(&app, &request, &params).await?;
    if !app.options.git_audit_events {
        let message = "No git audit event needed";
        return Ok(HttpResponse::Ok().json(json!({ "status": false, "message": message })));
    }
    let event = Event { protocol, action, verb };
    log(&request, &gl_repository, &event);
    Ok(HttpResponse::Ok().json(json!({ "status": true, "message": event })))
}

fn verb(action: Action, wants: Option<i64>, haves: Option<i64>) -> &'static str {
    match (action, wants.unwrap_or(0), haves.unwrap_or(0)) {
        (Action::Push, ..) => "push",
        (_, 1.., 0) => "clone",
        _ => "pull",
    }
}

fn log(request: &HttpRequest, gl_repository: &str, event: &Event) {
    let Some(context) = Context::of(request) else { return };
    let fields = context.fields.borrow();
    tracing::info!(
        target: "audit",
        gl_repository,
        protocol = event.protocol,
        action = event.action,
        verb = event.verb,
        gl_user_id = fields.user_id,
        gl_user_name = fields.user_name,
        gl_project_id = fields.project_id,
        "git audit event"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_wants_and_has_nothing() {
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

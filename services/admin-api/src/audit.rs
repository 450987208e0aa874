//! Audit events in the log.
use actix_web::HttpRequest;
use database::admin::audit::{Actor, EventName, ExclusionEvent, TARGET_TYPE};
use database::admin::exclusions::ExclusionChange;
use endpoint::Context;
use endpoint::audit::{AuditEvent, Author, Difference, Entity, Target};

/// Logs a change of an exclusion, after its commit.
pub fn exclusion_changed(request: &HttpRequest, actor: &Actor, name: EventName, change: &ExclusionChange) {
    let event = ExclusionEvent::new(name, change);
    let entity = Entity {
        kind: event.entity_type,
        id: Some(event.entity_id),
        path: Some(event.entity_path.to_owned()),
    };
    let event = AuditEvent {
        event_name: name.as_str(),
        author: author(actor),
        entity,
        target: Target { kind: TARGET_TYPE, id: Some(event.target_id) },
        gl_namespace_id: Some(event.namespace_id),
        difference: Some(Difference::new(event.before, event.after)),
    };
    event.write(Context::of(request).as_ref());
}

/// Logs the start of a session.
pub fn session_started(request: &HttpRequest, actor: &Actor) {
    session(request, actor, "admin_session_started");
}

/// Logs the end of a session.
pub fn session_ended(request: &HttpRequest, actor: &Actor) {
    session(request, actor, "admin_session_ended");
}

fn session(request: &HttpRequest, actor: &Actor, event_name: &'static str) {
    let (id, path) = (Some(actor.user_id), Some(actor.username.clone()));
    let event = AuditEvent {
        event_name,
        author: author(actor),
        entity: Entity { kind: "User", id, path },
        target: Target { kind: "User", id },
        gl_namespace_id: None,
        difference: None,
    };
    event.write(Context::of(request).as_ref());
}

fn author(actor: &Actor) -> Author {
    let impersonated_by = actor.impersonated_by.clone();
    Author { impersonated_by, ..Author::user(actor.user_id, &actor.username) }
}

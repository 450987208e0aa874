//! Audit events in the log.
use database::admin::audit::{Actor, EventName, ExclusionEvent, TARGET_TYPE};
use database::admin::exclusions::ExclusionChange;
use endpoint::audit::{AuditEvent, Author, Difference, Entity, Target};
use serde_json::Map;

/// Logs a change of an exclusion, after its commit.
pub fn exclusion_changed(actor: &Actor, name: EventName, change: &ExclusionChange) {
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
        further: Map::new(),
    };
    event.write();
}

/// Logs the start of a session.
pub fn session_started(actor: &Actor) {
    session(actor, "admin_session_started");
}

/// Logs the end of a session.
pub fn session_ended(actor: &Actor) {
    session(actor, "admin_session_ended");
}

fn session(actor: &Actor, event_name: &'static str) {
    let (id, path) = (Some(actor.user_id), Some(actor.username.clone()));
    let event = AuditEvent {
        event_name,
        author: author(actor),
        entity: Entity { kind: "User", id, path },
        target: Target { kind: "User", id },
        gl_namespace_id: None,
        difference: None,
        further: Map::new(),
    };
    event.write();
}

fn author(actor: &Actor) -> Author {
    let impersonated_by = actor.impersonated_by.clone();
    Author { impersonated_by, ..Author::user(actor.user_id, &actor.username) }
}

//! Exclusions of top-level namespaces from the storage limit.
pub mod create;
pub mod delete;
pub mod list;

use database::admin::audit::Actor;
use database::admin::exclusions::ExclusionChange;
use serde::Serialize;

#[derive(Serialize)]
struct Entity {
    id: i64,
    namespace_id: i64,
    namespace_name: String,
    reason: String,
}

/// Logs a change: the actor, the action and the namespace.
pub fn note(actor: &Actor, action: &'static str, written: &ExclusionChange) {
    tracing::info!(
        actor_id = actor.user_id,
        actor = actor.username,
        impersonator = actor.impersonator,
        action,
        gl_namespace_id = written.namespace.id,
        "audit"
    );
}

//! Top-level namespaces without a limit of storage.
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

/// One line in the log for each change: who, what, where.
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

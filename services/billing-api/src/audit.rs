//! One line in the log for each change: who, what, where, from what to what.
use std::fmt::Debug;

use crate::Caller;

/// Tells of a change. Nothing of a card is ever handed to this.
pub fn changed(caller: Caller, action: &str, namespace_id: i64, old: &impl Debug, new: &impl Debug) {
    tracing::info!(
        actor = %caller,
        action,
        gl_namespace_id = namespace_id,
        old = ?old,
        new = ?new,
        "audit"
    );
}

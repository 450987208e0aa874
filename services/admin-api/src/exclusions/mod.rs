//! Exclusions of top-level namespaces from the storage limit.
pub mod create;
pub mod delete;
pub mod list;

use database::billing::Key;
use endpoint::log_field;
use serde::Serialize;

#[derive(Serialize)]
struct Entity {
    id: i64,
    namespace_id: i64,
    namespace_name: String,
    reason: String,
}

/// Adds the namespace to the request's line in the log, if its id is known.
fn log_namespace(key: &Key) {
    if let Key::Id(id) = key {
        log_field("gl_namespace_id", *id);
    }
}

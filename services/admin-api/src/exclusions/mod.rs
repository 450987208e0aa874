//! Exclusions of top-level namespaces from the storage limit.
pub mod create;
pub mod delete;
pub mod list;

use actix_web::HttpRequest;
use database::billing::Key;
use endpoint::Context;
use serde::Serialize;

#[derive(Serialize)]
struct Entity {
    id: i64,
    namespace_id: i64,
    namespace_name: String,
    reason: String,
}

/// Adds the namespace to the request's line in the log, if its id is known.
pub fn record_namespace(request: &HttpRequest, key: &Key) {
    if let (Some(context), Key::Id(id)) = (Context::of(request), key) {
        context.fields.borrow_mut().namespace_id = Some(*id);
    }
}

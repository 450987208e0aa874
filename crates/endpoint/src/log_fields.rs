//! Adds fields to the line of the current request in the log.
//!
//! The middleware in `server` writes the line. Everything that runs in the task of the request can add to
//! it. `telemetry::dictionary` lists the names.
pub use telemetry::{FieldValue, LogFields};

use crate::CONTEXT;

/// Adds a field to the line of the current request. Work outside of a request has no line.
pub fn log_field(name: &'static str, value: impl Into<FieldValue>) {
    let _ = CONTEXT.try_with(|context| context.fields.set(name, value));
}

/// Adds a field whose value may be unknown. An unknown value is left out.
pub fn log_optional_field(name: &'static str, value: Option<impl Into<FieldValue>>) {
    if let Some(value) = value {
        log_field(name, value);
    }
}

/// Adds the acting user to the line of the current request.
pub fn log_user(id: i64, name: &str) {
    log_field("gl_user_id", id);
    log_field("gl_user_name", name.to_owned());
}

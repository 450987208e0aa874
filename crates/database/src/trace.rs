//! The spans of database work, for OpenTelemetry. A span contains no SQL and no values.
use std::cell::LazyCell;
use std::time::Duration;

use diesel::result::{DatabaseErrorKind as Kind, Error as Diesel};
use tracing::Span;
use tracing::field::Empty;

use crate::{Error, Location, Result};

/// The attributes that all spans of a pool share.
#[derive(Debug, Clone)]
pub(crate) struct Attributes {
    system: &'static str,
    /// The name of the database.
    namespace: String,
    host: Option<String>,
    port: Option<i64>,
}

impl Attributes {
    pub(crate) fn new(location: &Location) -> Self {
        let (host, port) = location.is_postgresql().then(|| location.host_and_port()).unzip();
        Self {
            system: if location.is_postgresql() { "postgresql" } else { "sqlite" },
            namespace: location.database_name(),
            host,
            port: port.and_then(|port| port.parse().ok()),
        }
    }

    /// The span of one use of a connection by `F`, after a wait for the connection. Only work inside of
    /// another span is traced: probes have none. The names of the attributes are those of the
    /// [semantic conventions](https://opentelemetry.io/docs/specs/semconv/database/database-spans/).
    pub(crate) fn span<F>(&self, waited: Duration) -> Span {
        if Span::current().is_none() {
            return Span::none();
        }
        // Only computed if traces are on.
        let summary = LazyCell::new(|| summary(std::any::type_name::<F>()));
        tracing::info_span!(
            "database",
            otel.name = summary.as_str(),
            otel.kind = "client",
            otel.status_code = Empty,
            db.system.name = self.system,
            db.namespace = self.namespace,
            db.query.summary = summary.as_str(),
            db.response.status_code = Empty,
            server.address = self.host,
            server.port = self.port,
            internal_api.pool.wait_ms = waited.as_secs_f64() * 1000.0,
            internal_api.statements = Empty,
            "error.type" = Empty,
        )
    }
}

/// Records the outcome of the work in its span. A refusal by a rule is not an error of the database.
pub(crate) fn record<T>(span: &Span, result: &Result<T>, statements: u32) {
    span.record("internal_api.statements", i64::from(statements));
    let (name, source) = match result {
        Ok(_) | Err(Error::Domain(_)) => return,
        Err(Error::Unavailable(source)) => ("unavailable", Some(source)),
        Err(Error::Collision(source)) => ("collision", Some(source)),
        Err(Error::Database(source)) => ("database", Some(source)),
        Err(Error::Misfit(_) | Error::Schema(_)) => ("schema", None),
        Err(Error::Unsupported(_)) => ("unsupported", None),
        Err(Error::Configuration(_) | Error::Url(_)) => ("configuration", None),
    };
    span.record("otel.status_code", "error").record("error.type", name);
    if let Some(code) = source.and_then(|source| sqlstate(source.downcast_ref()?)) {
        span.record("db.response.status_code", code);
    }
}

/// The SQLSTATE of an error. Diesel tells only some of them apart.
fn sqlstate(error: &Diesel) -> Option<&'static str> {
    let Diesel::DatabaseError(kind, _) = error else { return None };
    match kind {
        Kind::UniqueViolation => Some("23505"),
        Kind::ForeignKeyViolation => Some("23503"),
        Kind::NotNullViolation => Some("23502"),
        Kind::CheckViolation => Some("23514"),
        Kind::SerializationFailure => Some("40001"),
        Kind::ReadOnlyTransaction => Some("25006"),
        _ => None,
    }
}

/// The name of the function that uses a connection, with its module: `git_access.find`. `type_name` is that
/// of the function, or of a closure in it. A closure that only passes another one on has the name of that.
fn summary(type_name: &str) -> String {
    let path = match type_name.split_once("::{{closure}}") {
        Some((before, _)) => without_parameters(before).rsplit(['<', ' ', ',']).next().unwrap_or_default(),
        None => type_name.split('<').next().unwrap_or_default(),
    };
    let segments: Vec<&str> = path.split("::").map(|segment| segment.trim_end_matches('>')).collect();
    // The module of an endpoint's handler is only unique with its folder.
    let length = if segments.last() == Some(&"handler") { 3 } else { 2 };
    segments[segments.len().saturating_sub(length)..].join(".")
}

/// The path of a function without its type parameters: `refs::check` for `refs::check<()>`.
fn without_parameters(path: &str) -> &str {
    if !path.ends_with('>') {
        return path;
    }
    let mut depth = 0;
    for (index, character) in path.char_indices().rev() {
        match character {
            '>' => depth += 1,
            '<' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &path[..index];
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_named_after_the_function_that_uses_the_connection() {
        for (type_name, expected) in [
            ("database::settings::storage_weights", "settings.storage_weights"),
            ("database::outbox::put<i64>", "outbox.put"),
            ("shell_api::internal::allowed::facts::look_up::{{closure}}::{{closure}}", "facts.look_up"),
            ("git_access::push::refs::check<()>::{{closure}}::{{closure}}", "refs.check"),
            ("git_access::push::refs::check<a::Trace<b::Row>>::{{closure}}", "refs.check"),
            ("shell_api::keys::<impl shell_api::App>::account::{{closure}}", "App.account"),
            (
                "scim_api::effects::<impl scim_api::App>::run<scim_api::users::patch::handler::{{closure}}\
                 ::{{closure}}, database::scim::Stored>::{{closure}}::{{closure}}",
                "users.patch.handler",
            ),
        ] {
            assert_eq!(summary(type_name), expected);
        }
    }

    #[test]
    fn this_compiler_names_functions_and_closures() {
        fn name<F>(_: &F) -> String {
            summary(std::any::type_name::<F>())
        }
        assert_eq!(name(&sqlstate), "trace.sqlstate");
        assert_eq!(name(&|| 1), "tests.this_compiler_names_functions_and_closures");
    }
}

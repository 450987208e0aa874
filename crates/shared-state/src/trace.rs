//! The spans of calls to Redis, for OpenTelemetry. A span contains no keys and no values.
use std::cell::LazyCell;

use redis::{Arg, ConnectionAddr, Pipeline};
use tracing::Span;
use tracing::field::Empty;

/// The address of the server, for spans. With sentinels, the name of the primary, without a port.
#[derive(Debug, Clone)]
pub(crate) struct ServerAddress {
    address: String,
    port: Option<i64>,
}

impl ServerAddress {
    pub(crate) fn primary(name: &str) -> Self {
        Self { address: name.to_owned(), port: None }
    }

    pub(crate) fn new(address: &ConnectionAddr) -> Self {
        match address {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Self { address: host.clone(), port: Some((*port).into()) }
            }
            other => Self { address: other.to_string(), port: None },
        }
    }

    /// The span of one round trip. Only calls inside of another span are traced: probes have none.
    pub(crate) fn span(&self, operation: impl FnOnce() -> String) -> Span {
        if Span::current().is_none() {
            return Span::none();
        }
        // Only computed if traces are on.
        let operation = LazyCell::new(operation);
        tracing::info_span!(
            "redis",
            otel.name = operation.as_str(),
            otel.kind = "client",
            otel.status_code = Empty,
            db.system.name = "redis",
            db.operation.name = operation.as_str(),
            server.address = self.address,
            server.port = self.port,
            "error.type" = Empty,
        )
    }
}

/// The name of the first command.
pub(crate) fn operation(pipeline: &Pipeline) -> String {
    match pipeline.cmd_iter().next().and_then(|command| command.args_iter().next()) {
        Some(Arg::Simple(name)) => String::from_utf8_lossy(name).to_ascii_uppercase(),
        _ => "PIPELINE".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use redis::pipe;

    use super::*;

    #[test]
    fn operations_are_named_after_their_first_command() {
        assert_eq!(operation(pipe().incr("key", 1).expire("key", 2)), "INCRBY");
        assert_eq!(operation(pipe().cmd("eval").arg("return 1")), "EVAL");
        assert_eq!(operation(pipe().get("secret")), "GET");
    }
}

//! Why a command failed, and whether it may have been executed.
use std::sync::Arc;

use crate::stores::SentinelAddress;

/// Whether a failed command may have been executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The server refused it, or it was not sent.
    NotExecuted,
    /// The connection was lost, or the response did not arrive in time.
    Unknown,
}

/// A failed command, or a server that cannot be reached.
#[derive(Debug, Clone, thiserror::Error)]
#[error("Redis failed: {cause}")]
pub struct RedisError {
    cause: Arc<Cause>,
    fate: Fate,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error(transparent)]
    Redis(#[from] redis::RedisError),
    #[error("sentinel {sentinel}: {error}")]
    Sentinel { sentinel: SentinelAddress, error: redis::RedisError },
    #[error("sentinel {sentinel} does not know a primary with the name {name}")]
    UnknownPrimary { sentinel: SentinelAddress, name: String },
    #[error("{address} is not a primary")]
    NotPrimary { address: String },
    #[error("the primary moved during the connection attempt")]
    Moved,
}

impl Cause {
    /// The error of a connection or command that did not complete in time.
    pub fn timeout() -> redis::RedisError {
        std::io::Error::from(std::io::ErrorKind::TimedOut).into()
    }
}

impl RedisError {
    /// The error of a command that was not sent.
    pub(crate) fn not_sent(cause: impl Into<Cause>) -> Self {
        Self { cause: Arc::new(cause.into()), fate: Fate::NotExecuted }
    }

    /// The error of a command that was sent.
    pub(crate) fn sent(error: redis::RedisError) -> Self {
        let fate = if error.is_io_error() || error.is_connection_dropped() || error.is_timeout() {
            Fate::Unknown
        } else {
            Fate::NotExecuted
        };
        Self { cause: Arc::new(error.into()), fate }
    }

    /// The same error of a command that was certainly not executed.
    pub(crate) fn not_executed(self) -> Self {
        Self { fate: Fate::NotExecuted, ..self }
    }

    /// The error of commands of which some may have been executed.
    pub(crate) fn of_unknown_fate(error: redis::RedisError) -> Self {
        Self { cause: Arc::new(error.into()), fate: Fate::Unknown }
    }

    /// The values of [`Self::kind`].
    pub const KINDS: [&'static str; 3] = ["timeout", "connection", "other"];

    /// The value of the metrics' label `exception`.
    pub fn kind(&self) -> &'static str {
        let [timeout, connection, other] = Self::KINDS;
        match &*self.cause {
            Cause::Redis(error) | Cause::Sentinel { error, .. } if error.is_timeout() => timeout,
            Cause::Redis(error) | Cause::Sentinel { error, .. }
                if error.is_io_error() || error.is_connection_dropped() =>
            {
                connection
            }
            _ => other,
        }
    }

    /// Whether the server may have executed the command although the response is lost.
    pub fn is_fate_unknown(&self) -> bool {
        self.fate == Fate::Unknown
    }

    /// Whether the connection was closed after the command was sent.
    pub(crate) fn is_connection_lost(&self) -> bool {
        self.is_fate_unknown() && self.kind() == "connection"
    }

    /// Whether the server refused the command because it is not, or not yet, a primary.
    pub(crate) fn is_not_primary(&self) -> bool {
        const CODES: [&str; 3] = ["READONLY", "MASTERDOWN", "LOADING"];
        let Cause::Redis(error) = &*self.cause else { return false };
        match error.code() {
            // `EXEC` names the reason if the server became a replica after `MULTI`.
            Some("EXECABORT") => {
                error.detail().is_some_and(|text| CODES.iter().any(|code| text.contains(code)))
            }
            code => code.is_some_and(|code| CODES.contains(&code)),
        }
    }

    /// Whether the connection is unusable: closed, timed out, or to a server that is not a primary. Other
    /// errors concern one command.
    pub(crate) fn ends_connection(&self) -> bool {
        let is_broken = matches!(&*self.cause, Cause::Redis(error) if error.is_io_error() || error.is_unrecoverable_error());
        is_broken || self.is_not_primary()
    }
}

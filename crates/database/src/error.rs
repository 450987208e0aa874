use diesel::result::{DatabaseErrorKind, Error as Diesel};

use crate::check::Finding;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// An error of the domain rules or of the database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Domain(#[from] domain::Error),
    /// The database is unreachable or did not respond in time. A retry may succeed.
    #[error("the database is unavailable")]
    Unavailable(#[source] Source),
    /// Another transaction holds a lock, or the database aborted this one. A retry may succeed.
    #[error("the rows are in use")]
    Collision(#[source] Source),
    #[error("the database failed")]
    Database(#[source] Source),
    /// The tables, columns or rights do not fit this program.
    #[error("the database does not fit: {}", list(.0))]
    Misfit(Vec<Finding>),
    #[error("the database does not fit: {0}")]
    Schema(String),
    /// A feature that this database does not support. The check at start has disabled it.
    #[error("this database has no {0}")]
    Unsupported(String),
    /// The configuration does not match the pooler between this program and the database.
    #[error("{0}")]
    Configuration(String),
    #[error("the database URL is not usable: {0}")]
    Url(&'static str),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<Diesel> for Error {
    fn from(error: Diesel) -> Self {
        use DatabaseErrorKind::{
            ClosedConnection, ReadOnlyTransaction, SerializationFailure, UnableToSendCommand, UniqueViolation,
        };
        match &error {
            Diesel::NotFound => domain::Error::NotFound("Record").into(),
            Diesel::DatabaseError(UniqueViolation, _) => domain::Error::Taken("Record").into(),
            Diesel::DatabaseError(ClosedConnection | UnableToSendCommand | ReadOnlyTransaction, _)
            | Diesel::BrokenTransactionManager => Self::Unavailable(error.into()),
            Diesel::DatabaseError(SerializationFailure, _) => Self::Collision(error.into()),
            Diesel::DatabaseError(_, information) if is_collision(information.message()) => {
                Self::Collision(error.into())
            }
            Diesel::DatabaseError(_, information) if is_passing(information.message()) => {
                Self::Unavailable(error.into())
            }
            _ => Self::Database(error.into()),
        }
    }
}

/// Formats the findings, one per line, and their number.
fn list(findings: &[Finding]) -> String {
    let lines = findings.iter().map(|finding| format!("{finding}\n"));
    format!("{}findings: {}", lines.collect::<String>(), findings.len())
}

impl Error {
    /// The message of the innermost error.
    pub(crate) fn root_cause(&self) -> String {
        let mut error: &dyn std::error::Error = self;
        while let Some(source) = error.source() {
            error = source;
        }
        error.to_string()
    }

    /// Whether the server has become read-only, after a failover to another server.
    pub(crate) fn is_read_only(&self) -> bool {
        self.root_cause().contains("read-only transaction")
    }

    /// Converts the error of a statement that names one of these tables to [`Self::Unsupported`], if the
    /// database lacks something that the statement needs.
    pub(crate) fn or_unsupported(self, tables: &[&'static str]) -> Self {
        if !self.is_outdated() {
            return self;
        }
        let message = self.root_cause();
        let is_named = |table: &&&str| {
            message.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == **table)
        };
        match tables.iter().find(is_named) {
            Some(table) => Self::Unsupported((*table).to_owned()),
            None => self,
        }
    }

    /// Whether the schema has changed: a table, column or right that the statement needs no longer exists.
    pub(crate) fn is_outdated(&self) -> bool {
        let Self::Database(_) = self else { return false };
        let message = self.root_cause();
        let has_gone = ["column ", "relation ", "table "].iter().any(|kind| message.contains(kind))
            && (message.contains("does not exist") || message.contains("violates not-null constraint"));
        has_gone
            || [
                "permission denied for",
                "cached plan must not change",
                "is write protected",
                "no such table",
                "no such column",
            ]
            .iter()
            .any(|words| message.contains(words))
    }
}

fn is_collision(message: &str) -> bool {
    ["deadlock detected", "lock timeout"].iter().any(|words| message.contains(words))
}

/// Whether the error is temporary and Diesel has no kind for it: a timeout, a server shutdown, a blocked
/// writer, a full disk, or libpq's messages for a connection that broke while a statement ran.
fn is_passing(message: &str) -> bool {
    const PASSING: &[&str] = &[
        "statement timeout",
        "terminating connection",
        "the database system is",
        "server closed the connection",
        "no connection to the server",
        "SSL connection has been closed",
        "could not receive data",
        "could not send data",
        "database is locked",
        "database or disk is full",
        "disk I/O error",
        "No space left on device",
    ];
    PASSING.iter().any(|words| message.contains(words))
}

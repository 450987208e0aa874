use diesel::result::{DatabaseErrorKind, Error as Diesel};

use crate::check::Finding;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A domain error, or the database's own.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Domain(#[from] domain::Error),
    /// It cannot be reached, or did not answer in time: the same call may succeed later.
    #[error("the database is unavailable")]
    Unavailable(#[source] Source),
    /// Another transaction holds what this one needs, or the database broke one of two off: try again.
    #[error("the rows are in use")]
    Collision(#[source] Source),
    #[error("the database failed")]
    Database(#[source] Source),
    /// Tables, columns or rights of the database are not those that this program needs.
    #[error("the database does not fit: {}", list(.0))]
    Misfit(Vec<Finding>),
    #[error("the database does not fit: {0}")]
    Schema(String),
    /// A feature that this database cannot have: the check at the start has switched it off.
    #[error("this database has no {0}")]
    Unsupported(String),
    /// The configuration does not fit what is between this program and the database.
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

/// Each finding on a line of its own, then how many they are.
fn list(findings: &[Finding]) -> String {
    let lines = findings.iter().map(|finding| format!("{finding}\n"));
    format!("{}findings: {}", lines.collect::<String>(), findings.len())
}

impl Error {
    /// The innermost cause, without the words around it.
    pub(crate) fn root_cause(&self) -> String {
        let mut error: &dyn std::error::Error = self;
        while let Some(source) = error.source() {
            error = source;
        }
        error.to_string()
    }

    /// The server has become one that only reads: another one takes its place.
    pub(crate) fn is_read_only(&self) -> bool {
        self.root_cause().contains("read-only transaction")
    }

    /// The error of a statement that names one of these tables, if the database lacks what the statement needs.
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

    /// The database is not the one any more that the statement was made for: a table, column or right has gone.
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

/// Diesel has no kind for these: a time limit, a server that stops, a writer that did not come through, and
/// libpq's words for a connection that broke while a statement ran.
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
    ];
    PASSING.iter().any(|words| message.contains(words))
}

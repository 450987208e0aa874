use diesel::result::{DatabaseErrorKind, Error as Diesel};

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
    /// It is not what this program was built for.
    #[error("the database does not fit: {0}")]
    Schema(String),
    #[error("the database URL is not usable: {0}")]
    Url(&'static str),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<Diesel> for Error {
    fn from(error: Diesel) -> Self {
        use DatabaseErrorKind::{
            ClosedConnection, SerializationFailure, UnableToSendCommand, UniqueViolation,
        };
        match &error {
            Diesel::NotFound => domain::Error::NotFound("Record").into(),
            Diesel::DatabaseError(UniqueViolation, _) => domain::Error::Taken("Record").into(),
            Diesel::DatabaseError(ClosedConnection | UnableToSendCommand, _)
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

//! Why a check does not allow a request.
use domain::access::{Refusal, Rule};
use domain::messages;
use repository::InvalidQuarantine;

/// Why a check does not allow a request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule refuses.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The push contains what the checks cannot inspect. No rule of its own refuses it.
    #[error("{0}")]
    NotInspected(&'static str),
    #[error(transparent)]
    Quarantine(#[from] InvalidQuarantine),
    #[error("storage {0} is not configured")]
    UnknownStorage(String),
    #[error(transparent)]
    Database(#[from] database::Error),
    /// The storage cannot be asked.
    #[error("the repository cannot be read")]
    Repository(#[source] repository::Error),
    /// Why a push cannot create its project.
    #[error("Could not create project: {0}")]
    NotCreated(String),
    /// A check has panicked.
    #[error("{0}")]
    Panicked(String),
}

impl Error {
    /// The rule that refuses the request, if one does.
    pub fn rule(&self) -> Option<Rule> {
        match self {
            Self::Refused(refusal) => Some(refusal.rule),
            Self::NotCreated(_) => Some(Rule::PushToCreate),
            Self::NotInspected(_)
            | Self::Quarantine(_)
            | Self::UnknownStorage(_)
            | Self::Database(_)
            | Self::Repository(_)
            | Self::Panicked(_) => None,
        }
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<repository::Error> for Error {
    fn from(error: repository::Error) -> Self {
        match error {
            // Only the refs of projects are inspected, so the message names a project.
            repository::Error::NotFound(_) => {
                Self::Refused(Rule::RepositoryMissing.not_found(messages::NO_PROJECT_REPOSITORY))
            }
            repository::Error::NoSuchObject => Self::NotInspected(messages::NO_OBJECTS),
            repository::Error::TooMuch => Self::NotInspected(messages::TOO_MUCH),
            repository::Error::Quarantine(error) => Self::Quarantine(error),
            error => Self::Repository(error),
        }
    }
}

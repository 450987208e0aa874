/// Errors of the domain rules, independent of HTTP and SQL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A record does not exist; names its kind.
    #[error("{0} Not Found")]
    NotFound(&'static str),
    /// The request is invalid; the reason in the client's words.
    #[error("{0}")]
    Invalid(String),
    /// Another record has the value of a unique field; names the field.
    #[error("{0} has already been taken")]
    Taken(&'static str),
    /// Fields of a record are invalid.
    #[error("{0}")]
    Fields(crate::Violations),
}

/// The result of a domain rule.
pub type Result<T, E = Error> = std::result::Result<T, E>;

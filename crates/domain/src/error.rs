/// Errors of the domain rules, independent of HTTP and SQL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{0} Not Found")]
    NotFound(&'static str),
    #[error("{0}")]
    Invalid(String),
    #[error("{0} has already been taken")]
    Taken(&'static str),
    #[error("{0}")]
    Fields(crate::Violations),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

//! Why parameters cannot be decoded.
use crate::RestError;

/// The maximum length, in characters, of a parameter's name in an error message.
const MAX_NAME_LENGTH: usize = 100;

/// Why the parameters cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NestedParamsError {
    /// The body does not match its `Content-Type`; the string gives the reason.
    #[error("message body does not match declared format")]
    Unreadable(String),
    /// A parameter has two different shapes, or an invalid name.
    #[error("{0} is invalid")]
    Invalid(String),
    #[error("The provided content-type '{0}' is not supported.")]
    UnsupportedMediaType(String),
    /// A form has too many name-value pairs.
    #[error("too many parameters")]
    TooMany,
}

impl NestedParamsError {
    pub(super) fn unreadable(reason: impl Into<String>) -> Self {
        Self::Unreadable(reason.into())
    }

    pub(super) fn invalid(name: &str) -> Self {
        Self::Invalid(name.chars().take(MAX_NAME_LENGTH).collect())
    }

    pub(super) fn not_utf8() -> Self {
        Self::unreadable("the parameters are not in UTF-8")
    }
}

impl From<NestedParamsError> for RestError {
    fn from(error: NestedParamsError) -> Self {
        match error {
            NestedParamsError::Unreadable(reason) => Self::BadRequest(reason),
            NestedParamsError::Invalid(name) => Self::invalid(&name),
            NestedParamsError::UnsupportedMediaType(media_type) => Self::UnsupportedMediaType(media_type),
            NestedParamsError::TooMany => Self::TooLarge,
        }
    }
}

/// Why access is denied, with the message for the user's terminal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The user may know that the target exists.
    #[error("{0}")]
    Forbidden(String),
    /// The target does not exist, or the user may not know that it does.
    #[error("{0}")]
    NotFound(&'static str),
}

impl Denial {
    /// Denies access to a target that the user may know.
    pub fn forbidden(message: &str) -> Self {
        Self::Forbidden(message.to_owned())
    }
}

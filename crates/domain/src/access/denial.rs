/// Why not, in the words that the person at the terminal reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// They may know that it is there.
    #[error("{0}")]
    Forbidden(String),
    /// It is not there, or they may not know that it is.
    #[error("{0}")]
    NotFound(&'static str),
}

impl Denial {
    pub fn forbidden(message: &str) -> Self {
        Self::Forbidden(message.to_owned())
    }
}

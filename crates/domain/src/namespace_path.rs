//! The path of a user's namespace or of a group, without that of its parent.
use crate::path_name::{self, Owner};
use crate::{Error, Result};

/// A valid path for its owner. The rules are in [`path_name::check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespacePath(String);

impl NamespacePath {
    /// Checks a path segment against the format and the reserved words of its owner.
    pub fn new(text: &str, owner: Owner) -> Result<Self> {
        let invalid = |error| Error::Invalid(format!("path `{text}` {error}"));
        path_name::check(text, owner).map_err(invalid)?;
        Ok(Self(text.to_owned()))
    }

    /// The path segment.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

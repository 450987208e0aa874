//! Exclusions from the namespace storage limit.
use crate::{Error, Result, Violations};

/// The namespace is not excluded.
pub const NOT_EXCLUDED: Error = Error::NotFound("Storage Limit Exclusion");

const MAX_REASON_CHARACTERS: usize = 255;

/// The reason for an exclusion: not blank, at most 255 characters, stored verbatim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// The reason as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Reason {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let invalid = |problem: &str| Err(Error::Fields(Violations::new("reason", problem)));
        if text.trim().is_empty() {
            invalid("can't be blank")
        } else if text.chars().count() > MAX_REASON_CHARACTERS {
            invalid(&format!("is too long (maximum is {MAX_REASON_CHARACTERS} characters)"))
        } else {
            Ok(Self(text))
        }
    }
}

/// The error for a subgroup or the namespace of a project: only top-level namespaces have a storage limit.
pub fn not_top_level() -> Error {
    Error::Invalid("Namespace must be a top-level namespace".to_owned())
}

/// The error for a second exclusion of the same namespace.
pub fn already_excluded() -> Error {
    Error::Invalid("already excluded".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> String {
        match Reason::try_from(text.to_owned()) {
            Ok(reason) => format!("ok {}", reason.as_str()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn reason_is_neither_blank_nor_too_long() {
        for blank in ["", "  ", "\n\t", "\u{3000}"] {
            assert_eq!(reason(blank), "reason can't be blank");
        }
        assert_eq!(reason(" a <reason> "), "ok  a <reason> ");
        let [longest, too_long] = [255, 256].map(|length| "é".repeat(length));
        assert_eq!(reason(&longest), format!("ok {longest}"));
        assert_eq!(reason(&too_long), "reason is too long (maximum is 255 characters)");
    }
}

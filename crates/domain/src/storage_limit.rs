//! Exclusions of namespaces from the storage limit.
use crate::{Error, Result, Violations};

pub const NOT_EXCLUDED: Error = Error::NotFound("Storage Limit Exclusion");

const MAX_LENGTH: usize = 255;

/// The reason that an administrator gives: not blank, at most 255 characters, stored unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Reason {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let wrong = |what: &str| Err(Error::Fields(Violations::new("reason", what)));
        if text.trim().is_empty() {
            wrong("can't be blank")
        } else if text.chars().count() > MAX_LENGTH {
            wrong(&format!("is too long (maximum is {MAX_LENGTH} characters)"))
        } else {
            Ok(Self(text))
        }
    }
}

/// The error for a subgroup: only top-level groups and personal namespaces have a storage limit.
pub fn refuse_lower<T>() -> Result<T> {
    Err(Error::Invalid("Namespace must be a top-level namespace".to_owned()))
}

pub fn refuse_again<T>() -> Result<T> {
    Err(Error::Invalid("already excluded".to_owned()))
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
    fn a_reason_is_not_blank_and_not_long() {
        for blank in ["", "  ", "\n\t", "\u{3000}"] {
            assert_eq!(reason(blank), "reason can't be blank");
        }
        assert_eq!(reason(" a <reason> "), "ok  a <reason> ");
        let [longest, longer] = [255, 256].map(|length| "é".repeat(length));
        assert_eq!(reason(&longest), format!("ok {longest}"));
        assert_eq!(reason(&longer), "reason is too long (maximum is 255 characters)");
    }
}

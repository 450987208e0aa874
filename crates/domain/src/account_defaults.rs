//! The instance's defaults for new accounts.
use regex::{Error, RegexBuilder};

/// The settings of the instance for new accounts. A missing setting has GitLab's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountDefaults {
    /// The number of personal projects that a user may create.
    pub projects_limit: i32,
    /// Whether a user may create top-level groups.
    pub can_create_group: bool,
    /// Whether a user is external and sees only projects that they are a member of.
    pub external: bool,
    /// Addresses that match this regular expression belong to internal users.
    pub internal_email_pattern: Option<String>,
    /// Whether the profile is private.
    pub private_profile: bool,
    /// Language of the user interface.
    pub preferred_language: String,
    /// Theme of highlighted source code.
    pub color_scheme_id: i32,
}

impl Default for AccountDefaults {
    fn default() -> Self {
        Self {
            projects_limit: 100_000,
            can_create_group: true,
            external: false,
            internal_email_pattern: None,
            private_profile: false,
            preferred_language: "en".to_owned(),
            color_scheme_id: 1,
        }
    }
}

impl AccountDefaults {
    /// Whether an account with this address is external. Fails if the pattern of internal addresses is not a valid
    /// regular expression.
    pub fn is_external(&self, email: &str) -> Result<bool, Error> {
        let pattern = self.internal_email_pattern.as_deref().filter(|pattern| !pattern.is_empty());
        match (self.external, pattern) {
            (false, _) => Ok(false),
            (true, None) => Ok(true),
            (true, Some(pattern)) => {
                let pattern = RegexBuilder::new(pattern).case_insensitive(true).multi_line(true).build()?;
                Ok(!pattern.is_match(email))
            }
        }
    }

    /// The limits of an external user, who can create neither projects nor groups.
    #[must_use]
    pub fn restrict_external(self) -> Self {
        Self { projects_limit: 0, can_create_group: false, external: true, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_addresses_are_not_external() {
        let defaults = |pattern: Option<&str>| AccountDefaults {
            external: true,
            internal_email_pattern: pattern.map(ToOwned::to_owned),
            ..AccountDefaults::default()
        };
        assert_eq!(defaults(None).is_external("a@example.com"), Ok(true));
        assert_eq!(defaults(Some("")).is_external("a@example.com"), Ok(true));
        assert_eq!(defaults(Some(r"@example\.com$")).is_external("a@EXAMPLE.com"), Ok(false));
        assert_eq!(defaults(Some(r"@example\.com$")).is_external("a@example.org"), Ok(true));
        assert!(defaults(Some("(?<=x)")).is_external("a@example.com").is_err());
        assert_eq!(AccountDefaults::default().is_external("a@example.com"), Ok(false));
    }
}

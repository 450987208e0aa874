//! Names of agents for Kubernetes.
use crate::{Error, Result};

const MAX_LENGTH: usize = 63;

/// The name of an agent: a DNS label ([RFC 1123](https://www.rfc-editor.org/rfc/rfc1123#section-2.1)) in lower
/// case, as GitLab requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentName(String);

impl AgentName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for AgentName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_valid = (1..=MAX_LENGTH).contains(&text.len())
            && text.bytes().all(is_known)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if !is_valid {
            return Err(Error::Invalid(format!(
                "invalid agent name `{text}` (expected at most {MAX_LENGTH} lower-case letters, digits and `-`, \
                 which is neither first nor last)"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        let is_valid = |text: &str| text.parse::<AgentName>().is_ok();
        for name in ["a", "prod-1", "0", "a--b", &"a".repeat(63)] {
            assert!(is_valid(name), "{name}");
        }
        for name in ["", "-a", "a-", "Prod", "a_b", "a.b", "ä", "a\n", &"a".repeat(64)] {
            assert!(!is_valid(name), "{name:?}");
        }
    }
}

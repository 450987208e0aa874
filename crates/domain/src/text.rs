//! Comparison of strings that ignores case.

/// Folds a path, a username or an e-mail address for comparison: converts it to lower case, as `lower` does in the
/// indexes of GitLab's tables. SCIM attributes have a rule of their own, `scim::fold`.
pub fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// Returns the rest of a string after a prefix, whose ASCII letters may differ in case. `None` if the string does
/// not start with it.
pub fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_may_differ_in_case() {
        assert_eq!(strip_prefix_ignoring_case("Acme/App", "acme"), Some("/App"));
        assert_eq!(strip_prefix_ignoring_case("acme", "ACME"), Some(""));
        assert_eq!(strip_prefix_ignoring_case("acm", "acme"), None);
        assert_eq!(strip_prefix_ignoring_case("bcme/app", "acme"), None);
        // The prefix ends within a character.
        assert_eq!(strip_prefix_ignoring_case("é", "e"), None);
    }
}

//! What an account is called that is made of somebody else's name for the person.

/// The longest name of an account, in characters.
const LONGEST: usize = 255;

/// A name that may stand in a path, after GitLab's rules: what stands before the first `@`, of letters, digits and `_.-`,
/// with no end that would mean something else in a URL.
pub fn from_name(name: &str) -> String {
    let local = name.split('@').next().unwrap_or_default();
    let kept: String = local
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
        .take(LONGEST - 10)
        .collect();
    let mut rest = kept.trim_start_matches('-');
    while let Some(shorter) = [".git", ".atom", "."].iter().find_map(|end| rest.strip_suffix(end)) {
        rest = shorter;
    }
    if rest.is_empty() { "blank".to_owned() } else { rest.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::from_name;

    #[test]
    fn names_become_paths() {
        for (name, expected) in [
            ("username", "username"),
            ("jane.doe@corp.com", "jane.doe"),
            ("日本", "blank"),
            ("--Jo Ann!_1", "JoAnn_1"),
            ("a.git.atom..", "a"),
            (".git", "blank"),
            ("@x", "blank"),
        ] {
            assert_eq!(from_name(name), expected, "{name}");
        }
    }
}

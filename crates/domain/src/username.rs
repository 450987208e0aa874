//! Names of user accounts.
use crate::path_name::{self, MAX_LENGTH, Owner, RESERVED_ENDINGS, is_separator};

/// The number of characters reserved for a numeric suffix.
const SUFFIX_LENGTH: usize = 10;

/// Whether GitLab accepts `username` for an account: format, reserved names and reserved file extensions.
/// The database decides whether the name is taken.
pub fn is_valid(username: &str) -> bool {
    path_name::check(username, Owner::User).is_ok()
}

/// Derives the first candidate for a username from an external name such as an e-mail address, as GitLab's
/// `Gitlab::Slug::Path` and `Gitlab::Auth::ExternalUsernameSanitizer` do. A candidate that is taken, or for
/// which [`is_valid`] is false, gets a suffix.
pub fn from_name(name: &str) -> String {
    let local = name.split('@').next().unwrap_or_default();
    let mut username: String = local
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || is_separator(*c))
        .take(MAX_LENGTH - SUFFIX_LENGTH)
        .collect();
    loop {
        let shorter = simplified(&username);
        if shorter == username {
            break;
        }
        username = shorter;
    }
    if username.is_empty() { "blank".to_owned() } else { username }
}

/// Removes trailing `.git` and `.atom`, separators at both ends, and all but the first of consecutive
/// separators.
fn simplified(username: &str) -> String {
    let mut rest = username;
    while let Some(shorter) = RESERVED_ENDINGS.iter().find_map(|ending| rest.strip_suffix(ending)) {
        rest = shorter;
    }
    let mut is_in_run = false;
    rest.trim_matches(is_separator)
        .chars()
        .filter(|c| {
            let is_repeated = is_in_run && is_separator(*c);
            is_in_run = is_separator(*c);
            !is_repeated
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_names_become_user_names() {
        for (name, expected) in [
            ("username", "username"),
            ("jane.doe@corp.com", "jane.doe"),
            ("日本", "blank"),
            ("--Jo Ann!_1", "JoAnn_1"),
            ("a.git.atom..", "a"),
            ("a.git.atom", "a"),
            ("a.git_.git", "a"),
            ("a..git", "a"),
            ("a.GIT", "a.GIT"),
            (".git", "blank"),
            ("@x", "blank"),
            ("_.-x-._", "x"),
            ("a._-b--c", "a.b-c"),
            ("a-_.git", "a"),
            ("song.mp3", "song.mp3"),
        ] {
            assert_eq!(from_name(name), expected, "{name}");
        }
        assert_eq!(from_name(&"a".repeat(300)).len(), 245);
    }

    #[test]
    fn reserved_and_malformed_user_names_are_invalid() {
        for name in ["admin", "API", "a..b", "_a", "a.git", "song.mp3", "", "x y"] {
            assert!(!is_valid(name), "{name}");
        }
        for name in ["alice", "a.b-c_d", "admin1", "song.mp"] {
            assert!(is_valid(name), "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn candidates_need_a_suffix_only_when_reserved(name in "\\PC*|[a-c._@-]{0,16}") {
            let candidate = from_name(&name);
            let is_reserved = !is_valid(&candidate);
            // A digit at the end makes any candidate valid, except one that then ends in a file extension.
            proptest::prop_assert!(!is_reserved || is_valid(&format!("{candidate}0")), "{}", candidate);
        }
    }
}

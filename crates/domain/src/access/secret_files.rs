//! Names of files that contain secrets, from GitLab's documentation of push rules.
use std::sync::LazyLock;

use regex::RegexSet;

/// Patterns that match anywhere in the repository.
const PATTERNS: [&str; 7] = [
    r"(^|/)\.?aws/credentials$",
    r"(^|/)\.?id_(rsa|dsa|ed25519|ecdsa|ecdsa_sk|ed25519_sk)$",
    r"(^|/)\.?(ssh|config)/(personal|server)_(rsa|dsa|ed25519|ecdsa|ecdsa_sk|ed25519_sk)$",
    r"\.pem$",
    r"\.key$",
    r"\.history$",
    r"_history$",
];

static SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(PATTERNS).ok());

/// The pattern that `path` matches, if any.
pub(super) fn pattern_of(path: &str) -> Option<&'static str> {
    // If the patterns did not compile, every path would match. A test compiles them.
    let Some(set) = SET.as_ref() else { return Some("") };
    set.matches(path).iter().next().map(|index| PATTERNS[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_names_are_found() {
        for path in [".aws/credentials", "aws/credentials", "homefolder/aws/credentials", "history", "a"] {
            assert_eq!(pattern_of(path).is_some(), path.ends_with("credentials"), "{path}");
        }
        for kind in ["rsa", "dsa", "ed25519", "ecdsa", "ecdsa_sk", "ed25519_sk"] {
            for name in ["x/ssh/id_", "id_", ".id_", "x/.ssh/personal_", "x/config/server_", "config/server_"]
            {
                assert!(pattern_of(&format!("{name}{kind}")).is_some(), "{name}{kind}");
            }
            for path in [format!("id_{kind}.pub"), format!("grid_{kind}"), format!("personal_{kind}")] {
                assert_eq!(pattern_of(&path), None, "{path}");
            }
        }
        for path in ["a.pem", "a/b.key", "x.history", ".bash_history", "a_history"] {
            assert!(pattern_of(path).is_some(), "{path}");
        }
        for path in ["a.pem.txt", "key", "src/history.rs", "", "monkey"] {
            assert_eq!(pattern_of(path), None, "{path}");
        }
    }
}

//! Names of branches and tags.

/// The kind of a pushed ref. The name is the part after `refs/heads/` or `refs/tags/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefName<'a> {
    /// A branch, without `refs/heads/`.
    Branch(&'a [u8]),
    /// A tag, without `refs/tags/`.
    Tag(&'a [u8]),
    /// Any other ref, such as notes, merge request heads and keep-around refs.
    Other,
}

impl<'a> RefName<'a> {
    /// Splits a full name.
    pub fn parse(full: &'a [u8]) -> Self {
        if let Some(name) = full.strip_prefix(b"refs/heads/") {
            return Self::Branch(name);
        }
        full.strip_prefix(b"refs/tags/").map_or(Self::Other, Self::Tag)
    }
}

/// Whether the name starts with 40 hexadecimal digits, in either letter case: Ruby's `\h` and git accept both.
pub fn starts_like_object_id(name: &[u8]) -> bool {
    name.len() >= 40 && name[..40].iter().all(u8::is_ascii_hexdigit)
}

/// Whether git and GitLab both accept `name` as a branch or tag name.
pub fn is_valid(name: &[u8]) -> bool {
    let has = |part: &[u8]| name.windows(part.len()).any(|window| window == part);
    let forbidden =
        |byte: &u8| matches!(byte, 0..=0x20 | 0x7f | b'~' | b'^' | b':' | b'?' | b'*' | b'[' | b'\\');
    let bad_component = |part: &[u8]| part.is_empty() || part.starts_with(b".") || part.ends_with(b".lock");

    !name.is_empty()
        && !name.starts_with(b"refs/heads/")
        && !name.starts_with(b"refs/remotes/")
        && !name.starts_with(b"-")
        && name != b"HEAD"
        && !name.iter().any(forbidden)
        && !has(b"..")
        && !has(b"@{")
        && !name.ends_with(b".")
        && !name.split(|byte| *byte == b'/').any(bad_component)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_where_a_ref_lies() {
        assert_eq!(RefName::parse(b"refs/heads/a/b"), RefName::Branch(b"a/b"));
        assert_eq!(RefName::parse(b"refs/tags/v1"), RefName::Tag(b"v1"));
        assert_eq!(RefName::parse(b"refs/notes/commits"), RefName::Other);
        assert_eq!(RefName::parse(b"gh-pages\\n"), RefName::Other);
    }

    #[test]
    fn names_that_start_like_an_object_id_are_recognised() {
        assert!(starts_like_object_id("a".repeat(40).as_bytes()));
        assert!(starts_like_object_id("0".repeat(64).as_bytes()));
        assert!(starts_like_object_id(format!("{}x", "a".repeat(40)).as_bytes()));
        assert!(starts_like_object_id("A".repeat(40).as_bytes()));
        assert!(starts_like_object_id("aB".repeat(20).as_bytes()));
        assert!(!starts_like_object_id("a".repeat(39).as_bytes()));
        assert!(!starts_like_object_id(format!("{}g", "A".repeat(39)).as_bytes()));
    }

    #[test]
    fn follows_the_rules_for_names() {
        for name in ["main", "a/b", "feature-1", "1", "ünï", "a@b", "@", "refs/x"] {
            assert!(is_valid(name.as_bytes()), "{name}");
        }
        for name in [
            "",
            "a..b",
            "-x",
            "x.lock",
            "HEAD",
            "a b",
            "a~b",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\",
            "a//b",
            "/a",
            "a/",
            "a.",
            ".a",
            "a/.b",
            "a.lock/b",
            "a@{b",
            "refs/heads/x",
            "refs/remotes/x",
            "a\u{7f}",
            "a\u{0}b",
            "a\tb",
        ] {
            assert!(!is_valid(name.as_bytes()), "{name:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn valid_names_contain_no_space_and_no_outer_slash(name in proptest::collection::vec(proptest::num::u8::ANY, 0..24)) {
            if is_valid(&name) {
                proptest::prop_assert!(!name.contains(&b' ') && !name.ends_with(b"/") && !name.starts_with(b"/"));
            }
        }
    }
}

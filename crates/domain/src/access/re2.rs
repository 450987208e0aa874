//! RE2's syntax, as GitLab reads patterns with it, put into that of the crate `regex`.
//!
//! Most is the same. What both read, but not alike, is written out here: RE2's `\d`, `\s`, `\w` and `\b` know ASCII only;
//! a `[`, `&` or `~` within brackets is itself, a `{` that begins no count, too; `\<` and `\>` are signs. What `regex` does not read stays as it is, and
//! is refused there.

/// The same pattern, for `regex`.
pub(super) fn to_regex(pattern: &str) -> String {
    let mut translated = String::with_capacity(pattern.len());
    let mut rest = pattern.chars().peekable();
    // Where in brackets: `Some(true)` right after they open, where a `]` is itself.
    let mut class: Option<bool> = None;
    while let Some(sign) = rest.next() {
        let begins = class == Some(true);
        if begins {
            class = Some(false);
        }
        match (sign, class.is_some()) {
            ('\\', in_class) => match rest.next() {
                Some(escaped) => {
                    push_escape(&mut translated, escaped, in_class);
                    // `\p{Greek}`, `\x{1F600}`
                    if matches!(escaped, 'p' | 'P' | 'x') && rest.peek() == Some(&'{') {
                        push_until(&mut translated, &mut rest, '}');
                    }
                }
                None => translated.push('\\'),
            },
            ('[', false) => {
                class = Some(true);
                translated.push('[');
                translated.extend(rest.next_if_eq(&'^'));
            }
            // `[:alpha:]`
            ('[', true) if names_class(rest.clone()) => {
                translated.push('[');
                push_until(&mut translated, &mut rest, ']');
            }
            (']', true) if !begins => {
                class = None;
                translated.push(']');
            }
            ('[' | ']' | '&' | '~', true) => translated.extend(['\\', sign]),
            ('{', false) if !counts(rest.clone()) => translated.push_str(r"\{"),
            _ => translated.push(sign),
        }
    }
    translated
}

fn push_until(translated: &mut String, rest: &mut impl Iterator<Item = char>, end: char) {
    for sign in rest {
        translated.push(sign);
        if sign == end {
            break;
        }
    }
}

/// Whether what follows a `[` within brackets is the rest of `[:alpha:]`.
fn names_class(rest: impl Iterator<Item = char>) -> bool {
    let rest: String = rest.take(12).collect();
    rest.strip_prefix(':').is_some_and(|name| name.contains(":]"))
}

/// Whether what follows a `{` is the rest of `{1}`, `{1,}` or `{1,2}`.
fn counts(rest: impl Iterator<Item = char>) -> bool {
    let inner: String =
        rest.take_while(|sign| *sign == ',' || sign.is_ascii_digit() || *sign == '}').collect();
    let Some((inner, _)) = inner.split_once('}') else { return false };
    let (least, most) = inner.split_once(',').unwrap_or((inner, ""));
    let is_number = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    !least.is_empty() && is_number(least) && is_number(most)
}

fn push_escape(translated: &mut String, escaped: char, in_class: bool) {
    let ascii = match (escaped, in_class) {
        ('d', _) => "[0-9]",
        ('D', _) => "[^0-9]",
        ('s', _) => r"[\t\n\f\r ]",
        ('S', _) => r"[^\t\n\f\r ]",
        ('w', _) => "[0-9A-Za-z_]",
        ('W', _) => "[^0-9A-Za-z_]",
        ('b', false) => r"(?-u:\b)",
        ('B', false) => r"(?-u:\B)",
        ('<' | '>', _) => return translated.push(escaped),
        _ => return translated.extend(['\\', escaped]),
    };
    translated.push_str(ascii);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        regex::Regex::new(&to_regex(pattern)).unwrap().is_match(text)
    }

    #[test]
    fn classes_are_ascii_and_the_rest_is_not() {
        for (pattern, yes, no) in [
            (r"^\d$", "7", "\u{667}"),
            (r"^\D$", "\u{667}", "7"),
            (r"^\w+$", "a_Z9", "\u{fc}"),
            (r"^\W$", "\u{fc}", "a"),
            (r"^\s$", "\t", "\u{a0}"),
            (r"^\S$", "\u{a0}", " "),
            (r"^[\d.]+$", "1.2", "\u{661}"),
            (r"^[^\d]$", "\u{661}", "1"),
            (r"^[\w-]+@", "a-b@", "\u{fc}-@"),
            (r"\bfix\b", "\u{fc}fix\u{fc}", "xfix"),
            (r"x\Bx", "xx", "x x"),
            ("^.$", "\u{fc}", "\u{fc}\u{fc}"),
            ("^[\u{fc}]$", "\u{fc}", "u"),
            (r"^\p{Greek}$", "\u{3b1}", "a"),
            (r"^[\p{Greek}x]\x{62}$", "xb", "ab"),
            (r"(?i)^jira-\d+", "JIRA-1", "JIRA-x"),
            (r"^\\d$", r"\d", "7"),
        ] {
            assert!(matches(pattern, yes), "{pattern} {yes}");
            assert!(!matches(pattern, no), "{pattern} {no}");
        }
    }

    #[test]
    fn signs_in_brackets_are_themselves() {
        for (pattern, yes, no) in [
            ("^[[]$", "[", "]"),
            ("^[]]$", "]", "["),
            ("^[^]]$", "[", "]"),
            ("^[a&&b]+$", "a&b", "c"),
            ("^[a~~b]+$", "a~b", "c"),
            ("^[[:digit:]x]+$", "1x", ":"),
            ("^[a[b]c]$", "[c]", "a"),
            ("^[^^]+$", "a", "^"),
            ("^[^]^]+$", "a", "]"),
            ("^[[:/]$", ":", "a"),
            ("^{x}$", "{x}", "x"),
            ("^f{,3}$", "f{,3}", "fff"),
            ("^f{2}g{1,}h{1,2}$", "ffgghh", "fgh"),
            (r"^[\]\[]+$", "[]", "a"),
            (r"^\<x\>$", "<x>", "x"),
        ] {
            assert!(matches(pattern, yes), "{pattern} {yes}");
            assert!(!matches(pattern, no), "{pattern} {no}");
        }
    }

    #[test]
    fn what_re2_does_not_read_stays_unreadable() {
        for pattern in ["(?=x)", "(a", "[a", r"\1", "\\", r"[\b]"] {
            assert!(regex::Regex::new(&to_regex(pattern)).is_err(), "{pattern}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(pattern in "\\PC*") {
            let _ = regex::Regex::new(&to_regex(&pattern));
        }

        /// Where nothing of the above stands, nothing changes.
        #[test]
        fn plain_patterns_stay(pattern in "[a-z^$.*+?|()/@-]*") {
            proptest::prop_assert_eq!(to_regex(&pattern), pattern);
        }
    }
}

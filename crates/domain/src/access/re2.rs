//! Translates RE2 patterns, which GitLab uses, to the syntax of the crate `regex`.
//!
//! The syntaxes are mostly the same. This module rewrites what both accept with different meanings. In RE2,
//! `\d`, `\s`, `\w` and `\b` are ASCII only. A `[`, `&` or `~` inside brackets is literal, and so is a `{`
//! that does not start a repetition. `\<` and `\>` are literal characters. Syntax that `regex` does not
//! support is unchanged, and compiling it fails.

/// Translates a pattern for `regex`.
pub(super) fn to_regex(pattern: &str) -> String {
    let mut translated = String::with_capacity(pattern.len());
    let mut rest = pattern.chars().peekable();
    // The state inside brackets: `Some(true)` directly after the opening bracket, where a `]` is literal.
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

/// Whether the text after a `[` inside brackets is the rest of a class such as `[:alpha:]`.
fn names_class(rest: impl Iterator<Item = char>) -> bool {
    let rest: String = rest.take(12).collect();
    rest.strip_prefix(':').is_some_and(|name| name.contains(":]"))
}

/// Whether the text after a `{` is the rest of a repetition: `{1}`, `{1,}` or `{1,2}`.
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
    fn patterns_that_re2_refuses_are_invalid() {
        for pattern in ["(?=x)", "(a", "[a", r"\1", "\\", r"[\b]"] {
            assert!(regex::Regex::new(&to_regex(pattern)).is_err(), "{pattern}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(pattern in "\\PC*") {
            let _ = regex::Regex::new(&to_regex(&pattern));
        }

        /// A pattern without any of these constructs is unchanged.
        #[test]
        fn plain_patterns_stay(pattern in "[a-z^$.*+?|()/@-]*") {
            proptest::prop_assert_eq!(to_regex(&pattern), pattern);
        }
    }
}

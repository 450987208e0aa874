//! Texts: how they are compared, and how they stand in a URL.
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What need not be encoded in a segment of a path (RFC 3986 §2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A text as attributes that are not `caseExact` are compared: in small letters, and sigma is sigma.
pub fn fold(text: &str) -> String {
    text.to_lowercase().replace('ς', "σ")
}

/// A text as one segment of a path.
pub fn encode_segment(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// The text of one segment of a path; `None` where it is not UTF-8.
pub fn decode_segment(segment: &str) -> Option<String> {
    percent_decode_str(segment).decode_utf8().ok().map(Into::into)
}

/// `true`, `"True"`, `" false "`; nothing else is a truth value.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_compared_without_case() {
        assert_eq!(fold("ÄÖ Straße ΑΣ Яя"), fold("äö STRAßE ας яЯ"));
    }

    #[test]
    fn any_text_is_a_segment() {
        for text in ["a/b+c@d %", "é?#", "plain-._~"] {
            let segment = encode_segment(text);
            assert!(!segment.contains(['/', '?', '#', ' ']), "{segment}");
            assert_eq!(decode_segment(&segment).as_deref(), Some(text));
        }
        assert_eq!(decode_segment("%FF"), None);
    }
}

//! String comparison, and encoding of path segments.
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Characters that need no encoding in a path segment (RFC 3986 §2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Folds a string for case-insensitive comparison: converts it to lower case, and a final sigma to a regular
/// one.
pub fn fold(text: &str) -> String {
    text.to_lowercase().replace('ς', "σ")
}

/// Encodes a string as one path segment.
pub fn encode_segment(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Decodes one path segment. Returns `None` if it is not UTF-8.
pub fn decode_segment(segment: &str) -> Option<String> {
    percent_decode_str(segment).decode_utf8().ok().map(Into::into)
}

/// Parses a boolean such as `true`, `"True"` or `" false "`.
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

//! The strings of JSON text: escapes, and U+0000.
use std::borrow::Cow;

/// The text between the quotes of a JSON string.
pub(super) fn unquoted(quoted: &str) -> &str {
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default()
}

/// Decodes a quoted JSON string.
pub(super) fn decode(quoted: &str) -> Cow<'_, str> {
    let raw = unquoted(quoted);
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let escape = rest.as_bytes().get(at + 1).copied().unwrap_or_default();
        rest = rest.get(at + 2..).unwrap_or_default();
        text.push(match escape {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let (letter, length) = unicode(rest);
                rest = &rest[length..];
                letter
            }
            other => char::from(other),
        });
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Decodes an escape after its `\u`. Returns the character and the number of bytes read. A surrogate pair is
/// one character.
fn unicode(text: &str) -> (char, usize) {
    let high = hexadecimal(text).unwrap_or_default();
    if (0xd800..0xdc00).contains(&high) {
        let low = text.get(6..).and_then(hexadecimal).unwrap_or_default();
        let letter = 0x1_0000 + ((high - 0xd800) << 10) + (low.wrapping_sub(0xdc00) & 0x3ff);
        return (char::from_u32(letter).unwrap_or(char::REPLACEMENT_CHARACTER), 10);
    }
    (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 4)
}

pub(super) fn hexadecimal(text: &str) -> Option<u32> {
    let digits = text.get(..4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

const NUL: &str = "\\u0000";

/// Removes every escaped U+0000 from JSON text, in keys too. PostgreSQL cannot store it.
pub fn without_nul(json: &str) -> Cow<'_, str> {
    if !has_nul(json) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        text.push_str(before);
        if let Some(after) = escape.strip_prefix(NUL) {
            rest = after;
        } else {
            let end = escape.char_indices().nth(2).map_or(escape.len(), |(end, _)| end);
            text.push_str(&escape[..end]);
            rest = &escape[end..];
        }
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Whether JSON text contains an escaped U+0000, in a string or a key.
pub(super) fn has_nul(json: &str) -> bool {
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let escape = &rest[at..];
        if escape.starts_with(NUL) {
            return true;
        }
        rest = escape.char_indices().nth(2).map_or("", |(end, _)| &escape[end..]);
    }
    false
}

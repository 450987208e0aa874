//! A value of a form, and how it becomes a JSON string.
use percent_encoding::percent_decode;

use super::error::NestedParamsError;

/// A value as it appears in the body.
#[derive(Clone, Copy)]
pub(super) enum Text<'a> {
    Encoded(&'a [u8]),
    Plain(&'a [u8]),
}

impl Text<'_> {
    /// Writes the decoded value as a JSON string.
    pub fn write(self, json: &mut String) -> Result<(), NestedParamsError> {
        match self {
            Self::Plain(bytes) => {
                quote(std::str::from_utf8(bytes).map_err(|_| NestedParamsError::not_utf8())?, json);
            }
            Self::Encoded(bytes) => {
                let text = String::from_utf8(percent_decoded(bytes));
                quote(&text.map_err(|_| NestedParamsError::not_utf8())?, json);
            }
        }
        Ok(())
    }
}

/// Writes a JSON string. Control characters are not escaped, so that the output is at most twice as long as
/// the input.
pub(super) fn quote(text: &str, json: &mut String) {
    json.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\\']) {
        json.push_str(&rest[..at]);
        json.push('\\');
        json.push_str(&rest[at..=at]);
        rest = &rest[at + 1..];
    }
    json.push_str(rest);
    json.push('"');
}

/// Decodes one part of a form.
pub(crate) fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    // A plus sign encodes a space.
    for (at, part) in bytes.split(|byte| *byte == b'+').enumerate() {
        if at > 0 {
            decoded.push(b' ');
        }
        decoded.extend(percent_decode(part));
    }
    decoded
}

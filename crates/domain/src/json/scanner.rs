//! Finds the values inside an array or object of validated text.

/// Iterates over the parts of an array or object: its items, or keys and values alternately.
#[derive(Clone)]
pub(super) struct Parts<'a> {
    /// The text after the opening bracket or the last part.
    pub text: Option<&'a str>,
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let is_separator = |letter: char| WHITESPACE.contains(&letter) || letter == ',' || letter == ':';
        let rest = self.text?.trim_start_matches(is_separator);
        let length = length(rest.as_bytes());
        if length == 0 {
            self.text = None;
            return None;
        }
        let (part, rest) = rest.split_at(length);
        self.text = Some(rest);
        Some(part)
    }
}

pub(super) const WHITESPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// The length in bytes of the value at the start of validated text; 0 at a closing bracket.
fn length(text: &[u8]) -> usize {
    let mut at = 0;
    let mut depth = 0_usize;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at += string_length(&text[at..]);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

/// The length in bytes of a string, including both quotes.
fn string_length(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

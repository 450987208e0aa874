//! JSON that stays text: validated once as a whole, and decoded only when a value is read.
//!
//! A parsed tree of values takes up to a hundred times the memory of its text, because each `{"":0}` becomes
//! a map. A [`Json`] is a slice of the request body instead, so a body of any shape needs no further memory.
use std::borrow::Cow;
use std::fmt::Write;

use serde_json::{Map, Number, Value};

/// The maximum nesting depth of arrays and objects.
pub const MAX_DEPTH: usize = 64;

/// Why the input is not valid JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
    #[error("not UTF-8")]
    NotUtf8,
    /// The offset in bytes.
    #[error("unexpected end or character at byte {0}")]
    Unexpected(usize),
    #[error("number out of range at byte {0}")]
    OutOfRange(usize),
}

/// One JSON value, as a slice of validated text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

/// The type of a [`Json`] value.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind<'a> {
    Null,
    Bool(bool),
    /// The digits as sent.
    Number(&'a str),
    Text(Cow<'a, str>),
    Array,
    Object,
}

impl<'a> Json<'a> {
    /// Validates JSON text, without allocating.
    pub fn parse(text: &'a [u8]) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(text).map_err(|_| JsonError::NotUtf8)?;
        let mut checker = Checker { text: text.as_bytes(), at: 0 };
        checker.value(0)?;
        checker.skip_whitespace();
        if checker.at < text.len() {
            Err(checker.unexpected())
        } else {
            Ok(Self(text.trim_matches(WHITESPACE)))
        }
    }

    /// Wraps text that [`Json::parse`] has validated or that this crate has written.
    pub(crate) fn trusted(text: &'a str) -> Self {
        Self(text)
    }

    /// The raw JSON text.
    pub fn as_json(self) -> &'a str {
        self.0
    }

    pub fn kind(self) -> Kind<'a> {
        match self.0.as_bytes().first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::Text(decode(self.0)),
            Some(b't') => Kind::Bool(true),
            Some(b'f') => Kind::Bool(false),
            Some(b'n') | None => Kind::Null,
            Some(_) => Kind::Number(self.0),
        }
    }

    pub fn is_null(self) -> bool {
        self.0.starts_with('n')
    }

    pub fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    pub fn is_array(self) -> bool {
        self.0.starts_with('[')
    }

    /// Returns the decoded string, or `None` if the value is not a string.
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        self.0.starts_with('"').then(|| decode(self.0))
    }

    pub fn as_bool(self) -> Option<bool> {
        match self.kind() {
            Kind::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the value as a 64-bit integer, or `None` if it is not one. A fraction or an exponent is not
    /// accepted.
    pub fn as_i64(self) -> Option<i64> {
        match self.kind() {
            Kind::Number(digits) => digits.parse().ok(),
            _ => None,
        }
    }

    /// Returns a string, or the JSON text of a number or a boolean.
    pub fn to_text(self) -> Option<Cow<'a, str>> {
        match self.kind() {
            Kind::Text(text) => Some(text),
            Kind::Number(_) | Kind::Bool(_) => Some(Cow::Borrowed(self.0)),
            Kind::Null | Kind::Array | Kind::Object => None,
        }
    }

    /// Returns a field of an object. If a name occurs more than once, the last field wins.
    pub fn get(self, name: &str) -> Option<Self> {
        self.entries().filter(|(key, _)| key_is(key, name)).last().map(|(_, value)| value)
    }

    /// The items of an array. Empty for any other type.
    pub fn items(self) -> impl Iterator<Item = Self> + Clone + use<'a> {
        Parts { text: self.is_array().then(|| &self.0[1..]) }
    }

    /// The fields of an object; each key is a JSON string. Empty for any other type.
    pub(crate) fn entries(self) -> impl Iterator<Item = (Self, Self)> + Clone + use<'a> {
        let mut parts = Parts { text: self.is_object().then(|| &self.0[1..]) };
        std::iter::from_fn(move || Some((parts.next()?, parts.next()?)))
    }

    /// The decoded names of an object's fields.
    pub fn names(self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        self.entries().map(|(key, _)| decode(key.0))
    }

    /// Whether any string in the value, including keys, contains a NUL.
    pub fn has_nul(self) -> bool {
        let mut escaped = false;
        for (at, byte) in self.0.bytes().enumerate() {
            match byte {
                0 => return true,
                b'u' if escaped && self.0[at + 1..].starts_with("0000") => return true,
                _ => {}
            }
            escaped = byte == b'\\' && !escaped;
        }
        false
    }

    /// Estimates the number of values by counting opening brackets and commas.
    pub(crate) fn values(self) -> usize {
        let (mut values, mut quoted, mut escaped) = (0, false, false);
        for byte in self.0.bytes() {
            values += usize::from(!quoted && matches!(byte, b'{' | b'[' | b','));
            quoted ^= byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
        }
        values
    }

    /// Appends the value as strict RFC 8259 JSON. Raw control characters in strings, which forms can
    /// contain, are escaped.
    pub(crate) fn write_strict(self, json: &mut String) {
        let (mut quoted, mut escaped) = (false, false);
        for letter in self.0.chars() {
            match letter {
                '\0'..'\u{20}' if quoted => {
                    // Writing to a string cannot fail.
                    let _ = write!(json, "\\u{:04x}", u32::from(letter));
                }
                letter => json.push(letter),
            }
            quoted ^= letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
        }
    }

    /// Parses the value into a tree, which takes up to a hundred times the memory of the text.
    pub fn to_value(self) -> Value {
        match self.kind() {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(value),
            Kind::Number(digits) => digits.parse::<Number>().map_or(Value::Null, Value::Number),
            Kind::Text(text) => Value::String(text.into_owned()),
            Kind::Array => self.items().map(Self::to_value).collect(),
            Kind::Object => Value::Object(self.to_map()),
        }
    }

    /// Parses the fields of an object into a tree.
    pub fn to_map(self) -> Map<String, Value> {
        self.entries().map(|(key, value)| (decode(key.0).into_owned(), value.to_value())).collect()
    }
}

pub(crate) fn key_is(key: &Json<'_>, name: &str) -> bool {
    let raw = &key.0[1..key.0.len() - 1];
    if raw.contains('\\') { decode(key.0) == name } else { raw == name }
}

/// Iterates over the parts of an array or object: its items, or keys and values alternately.
#[derive(Clone)]
struct Parts<'a> {
    /// The text after the opening bracket or the last part.
    text: Option<&'a str>,
}

impl<'a> Iterator for Parts<'a> {
    type Item = Json<'a>;

    fn next(&mut self) -> Option<Json<'a>> {
        let is_separator = |letter: char| WHITESPACE.contains(&letter) || letter == ',' || letter == ':';
        let rest = self.text?.trim_start_matches(is_separator);
        let length = length(rest.as_bytes());
        if length == 0 {
            self.text = None;
            return None;
        }
        let (part, rest) = rest.split_at(length);
        self.text = Some(rest);
        Some(Json(part))
    }
}

const WHITESPACE: [char; 4] = [' ', '\t', '\n', '\r'];

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

/// Decodes a quoted JSON string.
fn decode(quoted: &str) -> Cow<'_, str> {
    let raw = &quoted[1..quoted.len() - 1];
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

fn hexadecimal(text: &str) -> Option<u32> {
    let digits = text.get(..4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

/// A validator for the grammar of RFC 8259.
struct Checker<'a> {
    text: &'a [u8],
    at: usize,
}

impl Checker<'_> {
    fn unexpected(&self) -> JsonError {
        JsonError::Unexpected(self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, expected: &[u8]) -> Result<(), JsonError> {
        if !self.text[self.at..].starts_with(expected) {
            return Err(self.unexpected());
        }
        self.at += expected.len();
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<(), JsonError> {
        self.skip_whitespace();
        match self.peek() {
            Some(b'{') => self.container(b'}', depth + 1),
            Some(b'[') => self.container(b']', depth + 1),
            Some(b'"') => self.string(),
            Some(b't') => self.expect(b"true"),
            Some(b'f') => self.expect(b"false"),
            Some(b'n') => self.expect(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.unexpected()),
        }
    }

    fn container(&mut self, close: u8, depth: usize) -> Result<(), JsonError> {
        if depth > MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        self.at += 1;
        self.skip_whitespace();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            if close == b'}' {
                self.skip_whitespace();
                if self.peek() != Some(b'"') {
                    return Err(self.unexpected());
                }
                self.string()?;
                self.skip_whitespace();
                self.expect(b":")?;
            }
            self.value(depth)?;
            self.skip_whitespace();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(byte) if byte == close => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn string(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(0..0x20) | None => return Err(self.unexpected()),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let first = self.unicode_escape()?;
                if (0xdc00..0xe000).contains(&first) {
                    return Err(self.unexpected());
                }
                if (0xd800..0xdc00).contains(&first) && !(0xdc00..0xe000).contains(&self.unicode_escape()?) {
                    return Err(self.unexpected());
                }
            }
            _ => return Err(self.unexpected()),
        }
        Ok(())
    }

    fn unicode_escape(&mut self) -> Result<u32, JsonError> {
        self.expect(b"\\u")?;
        let digits = self.text.get(self.at..self.at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(hexadecimal).ok_or_else(|| self.unexpected())?;
        self.at += 4;
        Ok(code)
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let digits = std::str::from_utf8(&self.text[start..self.at]).unwrap_or_default();
        let is_finite = digits.parse::<f64>().is_ok_and(f64::is_finite);
        if is_finite { Ok(()) } else { Err(JsonError::OutOfRange(start)) }
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.peek().is_some_and(|digit| digit.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(text: &str) -> Json<'_> {
        Json::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn fields_and_items_are_found_in_the_text() {
        let json = parse(r#" { "a" : [1, "x,\"]", {"b":{}} ], "\u0061b": null,"a2":-1.5e3 ,"t":true} "#);
        assert_eq!(json.names().collect::<Vec<_>>(), ["a", "ab", "a2", "t"]);
        let items: Vec<&str> = json.get("a").unwrap().items().map(Json::as_json).collect();
        assert_eq!(items, ["1", r#""x,\"]""#, r#"{"b":{}}"#]);
        assert!(json.get("ab").unwrap().is_null());
        assert_eq!(json.get("a2").unwrap().kind(), Kind::Number("-1.5e3"));
        assert_eq!(json.get("t").unwrap().as_bool(), Some(true));
        assert_eq!(json.get("b"), None);
        assert_eq!(parse("[ ]").items().count(), 0);
        assert_eq!(parse(r#"{"a":1,"a":2}"#).get("a").and_then(Json::as_i64), Some(2));
    }

    #[test]
    fn strings_are_decoded() {
        for (text, expected) in [
            (r#""plain""#, "plain"),
            (r#""a\n\t\"\\\/\b\f\r""#, "a\n\t\"\\/\u{8}\u{c}\r"),
            (r#""\u00e9\uD83D\uDE00!""#, "é😀!"),
            (r#""\u0000""#, "\0"),
        ] {
            assert_eq!(parse(text).as_str().as_deref(), Some(expected), "{text}");
        }
        assert!(parse(r#"{"a":["\u0000"]}"#).has_nul() && parse(r#"{"\\\u0000":1}"#).has_nul());
        assert!(!parse(r#"{"a":"\\u0000"}"#).has_nul());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Json::parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(Json::parse(nested(MAX_DEPTH + 1).as_bytes()), Err(JsonError::TooDeep));
        assert_eq!(Json::parse("[".repeat(1_000_000).as_bytes()), Err(JsonError::TooDeep));
        assert!(Json::parse(format!("\"{}\"", "[".repeat(1000)).as_bytes()).is_ok());
    }

    #[test]
    fn numbers_that_no_double_holds_are_refused() {
        assert_eq!(Json::parse(b"[1e400]"), Err(JsonError::OutOfRange(1)));
        assert_eq!(parse("9223372036854775808").as_i64(), None);
        assert_eq!(parse("9223372036854775807").as_i64(), Some(i64::MAX));
        assert_eq!(parse("1.0").as_i64(), None);
    }

    /// Strings of JSON's special characters, some of which are valid JSON.
    fn texts() -> impl proptest::strategy::Strategy<Value = String> {
        "([{}\\[\\],: \"]|\\\\u[0-9d-f]{4}|\\\\.|-?[0-9.eE+]{1,4}|true|false|null|\"[a-é]{0,3}\"){0,12}"
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(2000))]
        /// Accepts the same strings as serde_json, with the same values.
        #[test]
        fn agrees_with_serde_json(text in texts()) {
            match (Json::parse(text.as_bytes()), serde_json::from_str::<Value>(&text)) {
                (Ok(json), Ok(value)) => proptest::prop_assert_eq!(json.to_value(), value),
                (Err(_), Err(_)) => {}
                (ours, theirs) => proptest::prop_assert!(false, "{ours:?} {theirs:?}"),
            }
        }

        #[test]
        fn values_survive(keys in proptest::collection::vec("\\PC{0,5}", 0..5), text in "\\PC*", number in proptest::num::i64::ANY) {
            let mut value = json!([text, number, null, { "": [[], {}] }]);
            for key in keys {
                value = json!({ key: value, "x": [1.5] });
            }
            proptest::prop_assert_eq!(parse(&value.to_string()).to_value(), value);
        }
    }
}

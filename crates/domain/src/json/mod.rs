//! JSON that stays text: validated once as a whole, and decoded only when a value is read.
//!
//! A parsed tree of values takes up to a hundred times the memory of its text, because each `{"":0}` becomes
//! a map. A [`Json`] is a slice of the text instead, so a document of any shape needs no further memory, and
//! parts that are stored stay as they were sent.
mod convert;
mod scanner;
mod strings;
mod validator;

use std::borrow::Cow;
use std::fmt::Write;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

pub use self::convert::{parse_bool, parse_integer};
use self::scanner::{Parts, WHITESPACE};
pub use self::strings::without_nul;
use self::strings::{decode, unquoted};
pub use self::validator::{JsonError, MAX_DEPTH};

/// One JSON value, as a slice of validated text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

/// The type of a [`Json`] value.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// The digits as sent.
    Number(&'a str),
    /// A decoded string.
    Text(Cow<'a, str>),
    /// An array
    Array,
    /// An object
    Object,
}

impl<'a> Json<'a> {
    /// Validates a JSON document.
    pub fn parse(text: &'a [u8]) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(text).map_err(|_| JsonError::NotUtf8)?;
        validator::validate(text)?;
        Ok(Self(text.trim_matches(WHITESPACE)))
    }

    /// Wraps text that is known to be one valid JSON value without white space around it.
    pub fn from_valid(text: &'a str) -> Self {
        Self(text)
    }

    /// The JSON text of the value.
    pub fn as_json(self) -> &'a str {
        self.0
    }

    /// Decodes the value, except for arrays and objects.
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

    /// Whether the value is `null`.
    pub fn is_null(self) -> bool {
        self.0.starts_with('n')
    }

    /// Whether the value is an object.
    pub fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// Whether the value is an array.
    pub fn is_array(self) -> bool {
        self.0.starts_with('[')
    }

    /// Whether the value is a string.
    pub fn is_string(self) -> bool {
        self.0.starts_with('"')
    }

    /// Returns the decoded string, or `None` if the value is not a string.
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        self.is_string().then(|| decode(self.0))
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
        self.entries().filter(|(key, _)| key.is(name)).last().map(|(_, value)| value)
    }

    /// The items of an array. `None` for any other type.
    pub fn items(self) -> Option<impl Iterator<Item = Self> + Clone + use<'a>> {
        let parts = Parts { text: Some(self.0.strip_prefix('[')?) };
        Some(parts.map(Self))
    }

    /// The fields of an object. Empty for any other type.
    pub fn entries(self) -> impl Iterator<Item = (Key<'a>, Self)> + Clone + use<'a> {
        let mut parts = Parts { text: self.0.strip_prefix('{') };
        std::iter::from_fn(move || Some((Key(parts.next()?), Self(parts.next()?))))
    }

    /// A number that is the same for equal values, whatever the order of fields and the white space. It takes
    /// no memory, unlike a comparison of parsed values. Numbers are equal if their digits are.
    pub fn fingerprint(self) -> u64 {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        match self.kind() {
            Kind::Object => {
                let fields = self.entries();
                let fields = fields.map(|(key, value)| hasher.hash_one((key.decoded(), value.fingerprint())));
                hasher.hash_one(('{', fields.fold(0, u64::wrapping_add)))
            }
            Kind::Array => {
                let items = self.items().into_iter().flatten();
                items.fold(hasher.hash_one('['), |list, item| hasher.hash_one((list, item.fingerprint())))
            }
            Kind::Text(text) => hasher.hash_one(('"', text)),
            Kind::Number(_) | Kind::Bool(_) | Kind::Null => hasher.hash_one(self.0),
        }
    }

    /// Appends the value as strict RFC 8259 JSON. Raw control characters in strings, which forms can
    /// contain, are escaped.
    pub fn write_strict(self, json: &mut String) {
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

    /// Returns the text of an object in which a field has another value. The other fields stay as they are.
    #[must_use]
    pub fn with_field(self, name: &str, value: &str) -> String {
        let mut text = String::with_capacity(self.0.len() + name.len() + value.len() + 4);
        text.push('{');
        for (key, old) in self.entries().filter(|(key, _)| !key.is(name)) {
            text.extend([key.0, ":", old.0, ","]);
        }
        text.extend([&serde_json::Value::from(name).to_string(), ":", value, "}"]);
        text
    }

    /// Returns the text of an object without a field.
    #[must_use]
    pub fn without_field(self, name: &str) -> String {
        let mut text = String::with_capacity(self.0.len());
        text.push('{');
        for (key, value) in self.entries().filter(|(key, _)| !key.is(name)) {
            text.extend([if text.len() > 1 { "," } else { "" }, key.0, ":", value.0]);
        }
        text.push('}');
        text
    }
}

/// The name of a field, as JSON text with its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a>(&'a str);

impl<'a> Key<'a> {
    /// Wraps a string that is known to be a field's name.
    pub fn from_valid(name: Json<'a>) -> Self {
        Self(name.0)
    }

    /// Whether the decoded name is this one.
    pub fn is(self, name: &str) -> bool {
        let raw = unquoted(self.0);
        if raw.contains('\\') { decode(self.0) == name } else { raw == name }
    }

    /// The decoded name.
    pub fn decoded(self) -> Cow<'a, str> {
        decode(self.0)
    }

    /// The name as a JSON string.
    pub fn as_json(self) -> Json<'a> {
        Json(self.0)
    }
}

#[cfg(test)]
mod tests;

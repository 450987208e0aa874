//! JSON as text: members and items are found without building a tree.
//!
//! A tree of values takes up to a hundred times the memory of its text (`{"":0}` is six bytes). Requests of 10 MiB are
//! therefore read from the text itself, and sub-documents that are stored stay text.
use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Brackets that may be open at the same time.
pub const MAX_DEPTH: usize = 64;

/// Any JSON value. Unlike `serde::de::IgnoredAny`, it checks the escapes of strings.
struct Valid;

impl<'de> Deserialize<'de> for Valid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValidVisitor)
    }
}

struct ValidVisitor;

impl<'de> Visitor<'de> for ValidVisitor {
    type Value = Valid;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Valid, E> {
        Ok(Valid)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Valid, E> {
        Ok(Valid)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Valid, E> {
        Ok(Valid)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Valid, E> {
        Ok(Valid)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Valid, E> {
        Ok(Valid)
    }

    fn visit_str<E>(self, _: &str) -> Result<Valid, E> {
        Ok(Valid)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Valid, A::Error> {
        while items.next_element::<Valid>()?.is_some() {}
        Ok(Valid)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Valid, A::Error> {
        while members.next_entry::<Valid, Valid>()?.is_some() {}
        Ok(Valid)
    }
}

/// One value of a valid document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawJson<'a>(&'a str);

impl<'a> RawJson<'a> {
    /// Checks a whole document. `None` if it is not JSON or nested deeper than [`MAX_DEPTH`].
    pub fn parse(document: &'a str) -> Option<Self> {
        if depth(document) > MAX_DEPTH || serde_json::from_str::<Valid>(document).is_err() {
            return None;
        }
        Some(Self(document.trim_ascii()))
    }

    /// A value of a document that was checked before.
    pub fn from_valid(text: &'a str) -> Self {
        Self(text)
    }

    /// The text of the value.
    pub fn as_text(self) -> &'a str {
        self.0
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// Whether it is a string.
    pub fn is_string(self) -> bool {
        self.0.starts_with('"')
    }

    /// The contents of a string.
    pub fn string(self) -> Option<String> {
        if self.is_string() { serde_json::from_str(self.0).ok() } else { None }
    }

    /// An integer of 64 bits.
    pub fn integer(self) -> Option<i64> {
        if self.is_string() { None } else { self.0.parse().ok() }
    }

    /// The last member of this name.
    pub fn get(self, name: &str) -> Option<Self> {
        self.members().filter(|(key, _)| key.is(name)).last().map(|(_, value)| value)
    }

    /// The members of an object; none of any other value.
    pub fn members(self) -> impl Iterator<Item = (Key<'a>, Self)> {
        let mut rest = self.0.strip_prefix('{').unwrap_or_default();
        std::iter::from_fn(move || {
            let (key, after) = next_value(rest)?;
            let (value, after) = next_value(after.trim_ascii_start().strip_prefix(':')?)?;
            rest = after;
            Some((Key(key), Self(value)))
        })
    }

    /// The items of an array; `None` of any other value.
    pub fn items(self) -> Option<impl Iterator<Item = Self>> {
        let mut rest = self.0.strip_prefix('[')?;
        Some(std::iter::from_fn(move || {
            let (value, after) = next_value(rest)?;
            rest = after;
            Some(Self(value))
        }))
    }

    /// The text of an object in which a member has another value. Other members stay as they are.
    #[must_use]
    pub fn with_member(self, name: &str, value: &str) -> String {
        let mut text = String::with_capacity(self.0.len() + name.len() + value.len() + 4);
        text.push('{');
        for (key, old) in self.members().filter(|(key, _)| !key.is(name)) {
            text.extend([key.0, ":", old.0, ","]);
        }
        text.extend([&serde_json::Value::from(name).to_string(), ":", value, "}"]);
        text
    }

    /// The text of an object without a member.
    #[must_use]
    pub fn without_member(self, name: &str) -> String {
        let mut text = String::with_capacity(self.0.len());
        text.push('{');
        for (key, value) in self.members().filter(|(key, _)| !key.is(name)) {
            text.extend([if text.len() > 1 { "," } else { "" }, key.0, ":", value.0]);
        }
        text.push('}');
        text
    }
}

/// The name of a member, with its quotes.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a>(&'a str);

impl Key<'_> {
    fn is(self, name: &str) -> bool {
        let bare = self.0.get(1..self.0.len().saturating_sub(1)).unwrap_or_default();
        if bare.contains('\\') {
            serde_json::from_str::<String>(self.0).is_ok_and(|key| key == name)
        } else {
            bare == name
        }
    }
}

/// The first value of a list, and the text after it. A comma before it is skipped.
fn next_value(list: &str) -> Option<(&str, &str)> {
    let list = list.trim_ascii_start();
    let list = list.strip_prefix(',').unwrap_or(list).trim_ascii_start();
    let end = end_of_value(list.as_bytes());
    (end > 0).then(|| list.split_at(end))
}

/// The length of the value at the start of valid JSON; 0 at a closing bracket or the end.
fn end_of_value(json: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < json.len() {
        match json[at] {
            b'"' => {
                at = end_of_string(json, at);
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
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

/// The position after the string that starts at `start`.
fn end_of_string(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < json.len() {
        match json[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    json.len()
}

/// The greatest number of brackets that are open at the same time.
fn depth(json: &str) -> usize {
    let json = json.as_bytes();
    let (mut depth, mut deepest, mut at) = (0_usize, 0, 0);
    while at < json.len() {
        match json[at] {
            b'"' => {
                at = end_of_string(json, at);
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    deepest
}

/// Removes every escaped U+0000 from JSON text. PostgreSQL cannot store it.
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

const NUL: &str = "\\u0000";

/// Whether JSON text has an escaped U+0000.
pub fn has_nul(json: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn tree(raw: RawJson<'_>) -> Value {
        if raw.is_object() {
            let members = raw
                .members()
                .map(|(key, value)| (serde_json::from_str::<String>(key.0).unwrap(), tree(value)));
            Value::Object(members.collect())
        } else if let Some(items) = raw.items() {
            Value::Array(items.map(tree).collect())
        } else {
            serde_json::from_str(raw.as_text()).unwrap()
        }
    }

    #[test]
    fn every_value_is_found() {
        let text = r#" { "a" : [1 , -2.5e3,"x,]}\"",[ ],{ }] ,"b\u0061":{"c": null}, "d":true } "#;
        let raw = RawJson::parse(text).unwrap();
        assert_eq!(tree(raw), serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(raw.get("ba").unwrap().get("c").unwrap().as_text(), "null");
        assert_eq!((raw.get("x"), raw.get("d").unwrap().get("e")), (None, None));
        assert_eq!(RawJson::parse(r#"{"a":1,"a":2}"#).unwrap().get("a").unwrap().integer(), Some(2));
        assert_eq!(RawJson::parse(r#""\u00fc""#).unwrap().string().as_deref(), Some("ü"));
    }

    #[test]
    fn members_are_replaced_and_removed() {
        let raw = RawJson::parse(r#"{"a": 1, "b": [2], "a": 3}"#).unwrap();
        assert_eq!(raw.with_member("a", "\"5\""), r#"{"b":[2],"a":"5"}"#);
        assert_eq!(raw.without_member("a"), r#"{"b":[2]}"#);
        assert_eq!(RawJson::parse("{}").unwrap().without_member("a"), "{}");
    }

    #[test]
    fn invalid_and_deep_documents_are_refused() {
        for text in ["", "{", "[1,]", "{\"a\":1}}", "nul", "\"\u{0}\"", r#"{"\ud800":1}"#, r#"["\udc00"]"#] {
            assert_eq!(RawJson::parse(text), None, "{text}");
        }
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(RawJson::parse(&nested(MAX_DEPTH)).is_some());
        assert_eq!(RawJson::parse(&nested(MAX_DEPTH + 1)), None);
    }

    #[test]
    fn nul_is_removed_from_strings_and_keys() {
        let text = r#"{"a\u0000":"\u0000b\\u0000\\\u0000c\n","d":"\\"}"#;
        assert_eq!(without_nul(text), r#"{"a":"b\\u0000\\c\n","d":"\\"}"#);
        assert!(has_nul(text) && !has_nul(r#""\\u0000""#));
    }

    proptest::proptest! {
        #[test]
        fn trees_are_the_same(key in "\\PC{0,9}", text in "\\PC*", number in proptest::num::i64::ANY) {
            let value = json!({ key.clone(): [text, { "": number }, [], null], "z": { key: {} } });
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                proptest::prop_assert_eq!(tree(RawJson::parse(&text).unwrap()), value.clone());
            }
        }

        #[test]
        fn removing_nul_keeps_json_valid(text in "([a\\\\\"u0]|\\x00){0,20}") {
            let json = serde_json::to_string(&text).unwrap();
            let read: String = serde_json::from_str(&without_nul(&json)).unwrap();
            proptest::prop_assert_eq!(read, text.replace('\0', ""));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]{}:,\" 0a\\\\]{0,30}") {
            if let Some(raw) = RawJson::parse(&text) {
                let _ = tree(raw);
            }
        }
    }
}

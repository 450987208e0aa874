//! Parameters, each of which knows its name: `counters[k8s_api_proxy_request]`.
use std::collections::BTreeSet;

use endpoint::DeferredParams;
use serde_json::{Map, Value};

use crate::error::KasError;

/// The parameters of a request.
#[derive(Debug, Default)]
pub struct Params(pub Map<String, Value>);

impl Params {
    /// Reads the request's parameters, once it is known who sent them.
    pub async fn read(sent: DeferredParams<KasError>) -> Result<Self, KasError> {
        Ok(Self(sent.read().await?.to_map()?))
    }

    pub fn field(&self, name: &str) -> Field<'_> {
        Field::new(name.to_owned(), self.0.get(name))
    }
}

/// What is wrong with parameters, in the order in which they were looked at.
#[derive(Debug, Default)]
pub struct Problems(Vec<String>);

impl Problems {
    pub fn add(&mut self, field: &Field<'_>, problem: &str) {
        self.0.push(format!("{} {problem}", field.name));
    }

    /// Nothing is done with parameters of which one is wrong.
    pub fn none(self) -> Result<(), KasError> {
        if self.0.is_empty() { Ok(()) } else { Err(KasError::Parameters(self.0.join(", "))) }
    }
}

/// A parameter, there or not; `null` is not there.
#[derive(Debug, Clone)]
pub struct Field<'a> {
    name: String,
    pub value: Option<&'a Value>,
}

impl<'a> Field<'a> {
    fn new(name: String, value: Option<&'a Value>) -> Self {
        Self { name, value: value.filter(|value| !value.is_null()) }
    }

    pub fn is_there(&self) -> bool {
        self.value.is_some()
    }

    /// A field of an object; of anything else none is there.
    pub fn get(&self, key: &str) -> Self {
        Self::new(format!("{}[{key}]", self.name), self.value.and_then(|value| value.get(key)))
    }

    /// Whether an object has a field: asked before `get`, it spares the names of fields that nobody sent.
    pub fn has(&self, key: &str) -> bool {
        self.value.and_then(|value| value.get(key)).is_some()
    }

    /// The same, and a problem where it is not there.
    #[must_use]
    pub fn required(self, problems: &mut Problems) -> Self {
        if !self.is_there() {
            problems.add(&self, "is missing");
        }
        self
    }

    fn read<T>(&self, problems: &mut Problems, read: impl FnOnce(&'a Value) -> Option<T>) -> Option<T> {
        let value = read(self.value?);
        if value.is_none() {
            problems.add(self, "is invalid");
        }
        value
    }

    pub fn integer(&self, problems: &mut Problems) -> Option<i64> {
        self.read(problems, integer)
    }

    /// A text. No database text holds a NUL.
    pub fn text(&self, problems: &mut Problems) -> Option<&'a str> {
        self.read(problems, |value| value.as_str().filter(|text| !text.contains('\0')))
    }

    /// A text that says something.
    pub fn filled(self, problems: &mut Problems) -> Option<&'a str> {
        let field = self.required(problems);
        let text = field.text(problems)?;
        if text.trim().is_empty() {
            problems.add(&field, "is empty");
        }
        Some(text)
    }

    pub fn object(&self, problems: &mut Problems) -> Option<&'a Map<String, Value>> {
        self.read(problems, Value::as_object)
    }

    /// An object without a NUL anywhere in it, for a column that could not hold one.
    pub fn document(&self, problems: &mut Problems) -> Option<&'a Map<String, Value>> {
        self.read(problems, |value| value.as_object().filter(|_| !has_nul(value)))
    }

    /// The items of a list, each named when it is taken; of nothing, none.
    pub fn items(&self, problems: &mut Problems) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let items = self.read(problems, Value::as_array);
        let list = self.name.clone();
        let named = move |(index, item)| Field { name: format!("{list}[{index}]"), value: Some(item) };
        items.into_iter().flatten().enumerate().map(named)
    }

    /// What the items of a list say. One that cannot be read makes the whole list invalid, and no item is named.
    pub fn set<T: Ord>(
        &self,
        problems: &mut Problems,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Option<BTreeSet<T>> {
        self.read(problems, |value| value.as_array()?.iter().map(read).collect())
    }
}

/// A whole number, as a number or as its decimal text: protobuf's JSON has texts.
pub fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) if text.starts_with('+') => None,
        Value::String(text) => text.parse().ok(),
        value => value.as_i64(),
    }
}

/// Whether a text anywhere in a value holds a NUL.
pub fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || has_nul(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn params(value: Value) -> Params {
        let Value::Object(map) = value else { panic!("an object") };
        Params(map)
    }

    #[test]
    fn integers_are_numbers_or_their_texts() {
        let params = params(
            json!({ "a": 5, "b": "-7", "c": null, "d": 1.5, "e": true, "f": "5x", "g": "", "h": u64::MAX, "i": [1], "j": " 5 ", "k": "+5", "l": "-" }),
        );
        let mut problems = Problems::default();
        let read = ["a", "b", "c", "absent"].map(|name| params.field(name).integer(&mut problems));
        assert_eq!(read, [Some(5), Some(-7), None, None]);
        let bad = ["d", "e", "f", "g", "h", "i", "j", "k", "l"];
        assert_eq!(bad.map(|name| params.field(name).integer(&mut problems)), [None; 9]);
        let expected = bad.map(|name| format!("{name} is invalid")).join(", ");
        assert_eq!(problems.none().unwrap_err().to_string(), expected);
    }

    #[test]
    fn one_bad_item_makes_a_set_invalid() {
        let params = params(json!({ "a": [2, "1", 2], "b": [1, null, "x"], "c": 1, "d": null, "e": [] }));
        let mut problems = Problems::default();
        let read = ["a", "b", "c", "d", "e"].map(|name| params.field(name).set(&mut problems, integer));
        assert_eq!(read, [Some(BTreeSet::from([1, 2])), None, None, None, Some(BTreeSet::new())]);
        assert_eq!(problems.none().unwrap_err().to_string(), "b is invalid, c is invalid");
    }

    #[test]
    fn a_problem_names_the_whole_way() {
        let params = params(json!({ "v": { "l": { "n": " ", "z": "a\0" }, "i": [{ "t": 1 }] } }));
        let (mut problems, v) = (Problems::default(), params.field("v"));
        v.get("l").get("n").filled(&mut problems);
        v.get("l").get("k").filled(&mut problems);
        v.get("l").get("z").text(&mut problems);
        v.get("i").items(&mut problems).next().unwrap().get("t").text(&mut problems);
        v.get("i").object(&mut problems);
        let expected = "v[l][n] is empty, v[l][k] is missing, v[l][z] is invalid, v[i][0][t] is invalid, v[i] is invalid";
        assert_eq!(problems.none().unwrap_err().to_string(), expected);
        assert!(has_nul(&json!({ "a": [{ "b\0": 1 }] })) && !has_nul(&json!({ "a": ["b", 1, null] })));
    }
}

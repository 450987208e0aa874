//! Parameters, each of which knows its full name: `counters[k8s_api_proxy_request]`.
//!
//! They stay text, so that a request of 10 MiB needs little memory beside its body. The number of values is
//! not limited.
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use domain::json::{Json, without_nul};
use endpoint::DeferredParams;

use crate::error::KasError;

/// The parameters of a request, as the text of a JSON object.
#[derive(Debug)]
pub struct Params(String);

impl Params {
    /// Reads the parameters of an authenticated request.
    pub async fn read(sent: DeferredParams<KasError>) -> Result<Self, KasError> {
        Ok(Self(sent.read().await?.to_json()))
    }

    pub fn into_text(self) -> String {
        self.0
    }

    /// The same parameters without U+0000 in any string or key.
    #[must_use]
    pub fn without_nul(self) -> Self {
        Self(without_nul(&self.0).into_owned())
    }

    pub fn field(&self, name: &'static str) -> Field<'_> {
        Field::new(FieldName::new(name), Json::from_valid(&self.0).get(name))
    }
}

/// The number of errors in a response. A list in a body of 10 MiB can hold millions of invalid items.
const MAX_PROBLEMS: usize = 1_000;

/// The first errors of a request, in the order in which the parameters were read.
#[derive(Debug, Default)]
pub struct Problems(Vec<String>);

impl Problems {
    pub fn add(&mut self, field: &Field<'_>, problem: &str) {
        if self.0.len() < MAX_PROBLEMS {
            self.0.push(format!("{} {problem}", field.name));
        }
    }

    /// An error, if there is any problem.
    pub fn check(self) -> Result<(), KasError> {
        if self.0.is_empty() { Ok(()) } else { Err(KasError::Parameters(self.0.join(", "))) }
    }
}

/// The most parts that a [`FieldName`] can have. The longest is `events[NAME][0][extra_telemetry_data][NAME]`.
const MAX_PARTS: usize = 6;

/// The full name of a parameter. Only an error writes it as text: a body of 10 MiB can hold millions of values.
#[derive(Debug, Clone, Copy)]
struct FieldName {
    parts: [NamePart; MAX_PARTS],
    length: usize,
}

#[derive(Debug, Clone, Copy)]
enum NamePart {
    Member(&'static str),
    Item(usize),
}

impl FieldName {
    fn new(name: &'static str) -> Self {
        Self { parts: [NamePart::Member(name); MAX_PARTS], length: 1 }
    }

    fn with(mut self, part: NamePart) -> Self {
        debug_assert!(self.length < MAX_PARTS, "{self} has {MAX_PARTS} parts");
        if let Some(next) = self.parts.get_mut(self.length) {
            *next = part;
            self.length += 1;
        }
        self
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().take(self.length).enumerate() {
            match part {
                NamePart::Member(name) if index == 0 => f.write_str(name)?,
                NamePart::Member(name) => write!(f, "[{name}]")?,
                NamePart::Item(item) => write!(f, "[{item}]")?,
            }
        }
        Ok(())
    }
}

/// A parameter, present or not. `null` counts as absent.
#[derive(Debug, Clone)]
pub struct Field<'a> {
    name: FieldName,
    pub value: Option<Json<'a>>,
}

impl<'a> Field<'a> {
    fn new(name: FieldName, value: Option<Json<'a>>) -> Self {
        Self { name, value: value.filter(|value| !value.is_null()) }
    }

    pub fn is_present(&self) -> bool {
        self.value.is_some()
    }

    /// A member of an object. Other values have none.
    pub fn get(&self, key: &'static str) -> Self {
        Self::new(self.name.with(NamePart::Member(key)), self.value.and_then(|value| value.get(key)))
    }

    /// The same field, and a problem if it is absent.
    #[must_use]
    pub fn required(self, problems: &mut Problems) -> Self {
        if !self.is_present() {
            problems.add(&self, "is missing");
        }
        self
    }

    fn read<T>(&self, problems: &mut Problems, read: impl FnOnce(Json<'a>) -> Option<T>) -> Option<T> {
        let value = read(self.value?);
        if value.is_none() {
            problems.add(self, "is invalid");
        }
        value
    }

    /// An optional integer, sent as a number or as a decimal string: in protobuf's JSON, integers of 64 bits are
    /// strings. The empty string counts as absent.
    pub fn integer(&self, problems: &mut Problems) -> Option<i64> {
        if self.value.is_some_and(|value| value.as_json() == "\"\"") {
            return None;
        }
        self.read(problems, Json::to_integer)
    }

    /// An integer that must be present.
    pub fn required_integer(self, problems: &mut Problems) -> Option<i64> {
        self.required(problems).read(problems, Json::to_integer)
    }

    /// A string. PostgreSQL cannot store a NUL.
    pub fn string(&self, problems: &mut Problems) -> Option<String> {
        self.read(problems, |value| value.as_str().filter(|text| !text.contains('\0')).map(Cow::into_owned))
    }

    /// A string; a value of another type counts as absent.
    pub fn lenient_string(&self) -> Option<String> {
        self.value?.as_str().map(Cow::into_owned)
    }

    /// A string that must be present and not blank.
    pub fn filled_string(self, problems: &mut Problems) -> Option<String> {
        let field = self.required(problems);
        let text = field.string(problems)?;
        if text.trim().is_empty() {
            problems.add(&field, "is empty");
        }
        Some(text)
    }

    pub fn object(&self, problems: &mut Problems) -> Option<Json<'a>> {
        self.read(problems, |value| Some(value).filter(|value| value.is_object()))
    }

    /// The JSON text of an object, without U+0000, which PostgreSQL cannot store.
    pub fn document(&self, problems: &mut Problems) -> Option<Cow<'a, str>> {
        self.object(problems).map(|value| without_nul(value.as_json()))
    }

    /// The items of a list, each named when it is read. An absent list has none.
    pub fn items(&self, problems: &mut Problems) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let items = self.read(problems, Json::items);
        named(self.name, items)
    }

    /// The items of a list; a value of another type counts as absent.
    pub fn lenient_items(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        named(self.name, self.value.and_then(Json::items))
    }

    /// The set of a list's items. One invalid item makes the whole list invalid; no item is named.
    pub fn set<T: Ord>(
        &self,
        problems: &mut Problems,
        read: impl Fn(Json<'a>) -> Option<T>,
    ) -> Option<BTreeSet<T>> {
        self.read(problems, |value| value.items()?.map(read).collect())
    }
}

fn named<'a>(
    list: FieldName,
    items: Option<impl Iterator<Item = Json<'a>> + 'a>,
) -> Box<dyn Iterator<Item = Field<'a>> + 'a> {
    let items = items.into_iter().flatten().enumerate();
    Box::new(
        items.map(move |(index, item)| Field { name: list.with(NamePart::Item(index)), value: Some(item) }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn params(value: &Value) -> Params {
        Params(value.to_string())
    }

    #[test]
    fn integers_are_numbers_or_decimal_strings() {
        let params = params(&json!({
            "a": 5, "b": "-7", "c": null, "d": 1.5, "e": true, "f": "5x", "g": "", "h": u64::MAX, "i": [1],
            "j": " 5 ", "k": "+5", "l": "-", "m": " ",
        }));
        let mut problems = Problems::default();
        let read = ["a", "b", "c", "absent", "g"].map(|name| params.field(name).integer(&mut problems));
        assert_eq!(read, [Some(5), Some(-7), None, None, None]);
        let bad = ["d", "e", "f", "h", "i", "j", "k", "l", "m"];
        assert_eq!(bad.map(|name| params.field(name).integer(&mut problems)), [None; 9]);
        params.field("g").required_integer(&mut problems);
        params.field("c").required_integer(&mut problems);
        let mut expected = bad.map(|name| format!("{name} is invalid")).to_vec();
        expected.extend(["g is invalid".to_owned(), "c is missing".to_owned()]);
        assert_eq!(problems.check().unwrap_err().to_string(), expected.join(", "));
    }

    #[test]
    fn invalid_item_makes_a_set_invalid() {
        let params = params(&json!({ "a": [2, "1", 2], "b": [1, null, "x"], "c": 1, "d": null, "e": [] }));
        let mut problems = Problems::default();
        let read =
            ["a", "b", "c", "d", "e"].map(|name| params.field(name).set(&mut problems, Json::to_integer));
        assert_eq!(read, [Some(BTreeSet::from([1, 2])), None, None, None, Some(BTreeSet::new())]);
        assert_eq!(problems.check().unwrap_err().to_string(), "b is invalid, c is invalid");
    }

    #[test]
    fn only_the_first_problems_are_reported() {
        let params = params(&json!({ "l": vec![0; MAX_PROBLEMS + 1] }));
        let mut problems = Problems::default();
        for item in params.field("l").items(&mut problems) {
            item.object(&mut problems);
        }
        let expected: Vec<String> = (0..MAX_PROBLEMS).map(|index| format!("l[{index}] is invalid")).collect();
        assert_eq!(problems.check().unwrap_err().to_string(), expected.join(", "));
    }

    #[test]
    fn problem_has_the_full_name_of_the_parameter() {
        let params = params(&json!({ "v": { "l": { "n": " ", "z": "a\0" }, "i": [{ "t": 1 }] } }));
        let (mut problems, v) = (Problems::default(), params.field("v"));
        v.get("l").get("n").filled_string(&mut problems);
        v.get("l").get("k").filled_string(&mut problems);
        v.get("l").get("z").string(&mut problems);
        v.get("i").items(&mut problems).next().unwrap().get("t").string(&mut problems);
        v.get("i").object(&mut problems);
        let expected = "v[l][n] is empty, v[l][k] is missing, v[l][z] is invalid, v[i][0][t] is invalid, \
                        v[i] is invalid";
        assert_eq!(problems.check().unwrap_err().to_string(), expected);
    }
}

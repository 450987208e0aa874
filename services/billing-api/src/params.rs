//! Parameters, read as Grape reads them: one response reports every error.
use std::cell::RefCell;

use chrono::{NaiveDate, NaiveDateTime};
use domain::billing::{Patch, date};
use endpoint::DeferredParams;
use serde_json::{Map, Value};

use crate::error::BillingError;

/// The number of errors in a response.
const MAX_ERRORS: usize = 10;

/// Reads the parameters with `f`, or reports what is wrong with them.
pub async fn read<T>(
    sent: DeferredParams<BillingError>,
    f: impl FnOnce(&Fields<'_>) -> T,
) -> Result<T, BillingError> {
    let (map, errors) = (sent.read().await?.to_map()?, RefCell::default());
    let value = f(&Fields { map: &map, prefix: String::new(), errors: &errors });
    let errors = errors.into_inner();
    if errors.is_empty() { Ok(value) } else { Err(BillingError::Parameters(errors.join(", "))) }
}

/// The fields of an object. Errors are collected; the value that a method returns after an error is never used.
#[derive(Debug)]
pub struct Fields<'a> {
    map: &'a Map<String, Value>,
    prefix: String,
    errors: &'a RefCell<Vec<String>>,
}

impl<'a> Fields<'a> {
    /// The full name of a parameter: `packs[0][expires_at]`.
    fn name(&self, field: &str) -> String {
        if self.prefix.is_empty() { field.to_owned() } else { format!("{}[{field}]", self.prefix) }
    }

    fn add_error(&self, text: String) {
        let mut errors = self.errors.borrow_mut();
        if errors.len() < MAX_ERRORS {
            errors.push(text);
        }
    }

    fn note(&self, field: &str, problem: &str) {
        self.add_error(format!("{} {problem}", self.name(field)));
    }

    /// Reports that only one of these fields may be present.
    pub fn are_exclusive(&self, fields: &[&str]) {
        let names: Vec<String> = fields.iter().map(|field| self.name(field)).collect();
        self.add_error(format!("{} are mutually exclusive", names.join(", ")));
    }

    pub fn is_invalid(&self, field: &str) {
        self.note(field, "is invalid");
    }

    pub fn is_missing(&self, field: &str) {
        self.note(field, "is missing");
    }

    pub fn has_no_valid_value(&self, field: &str) {
        self.note(field, "does not have a valid value");
    }

    pub fn is_empty(&self, field: &str) {
        self.note(field, "is empty");
    }

    pub fn has_empty_list(&self, field: &str) -> bool {
        matches!(self.map.get(field), Some(Value::Array(values)) if values.is_empty())
    }

    /// Whether a field is present and not null.
    pub fn has(&self, field: &str) -> bool {
        self.map.get(field).is_some_and(|value| !value.is_null())
    }

    /// An optional value. Null and the empty string mean the same.
    fn optional<T>(&self, field: &str, parse: impl Fn(&Value) -> Option<T>) -> Patch<T> {
        match self.map.get(field) {
            None => Patch::Absent,
            Some(Value::Null) => Patch::Null,
            Some(Value::String(text)) if text.is_empty() => Patch::Null,
            Some(value) => parse(value).map_or_else(
                || {
                    self.is_invalid(field);
                    Patch::Absent
                },
                Patch::Value,
            ),
        }
    }

    fn required<T: Default>(&self, field: &str, parse: impl Fn(&Value) -> Option<T>) -> T {
        match self.map.get(field) {
            None | Some(Value::Null) => self.is_missing(field),
            Some(value) => match parse(value) {
                Some(value) => return value,
                None => self.is_invalid(field),
            },
        }
        T::default()
    }

    /// A date that can be changed but not cleared.
    pub fn changed_date(&self, field: &str) -> Option<NaiveDate> {
        let date = self.date(field);
        if date == Patch::Null {
            self.is_invalid(field);
        }
        date.value()
    }

    pub fn date(&self, field: &str) -> Patch<NaiveDate> {
        self.optional(field, to_date)
    }

    pub fn required_date(&self, field: &str) -> NaiveDate {
        self.required(field, to_date)
    }

    pub fn required_timestamp(&self, field: &str) -> NaiveDateTime {
        self.required(field, |value| date::parse_timestamp(value.as_str()?))
    }

    pub fn integer(&self, field: &str) -> Patch<i32> {
        self.optional(field, to_integer)
    }

    pub fn required_integer(&self, field: &str) -> i32 {
        self.required(field, to_integer)
    }

    pub fn required_id(&self, field: &str) -> i64 {
        self.required(field, to_id)
    }

    pub fn id(&self, field: &str) -> Option<i64> {
        self.optional(field, to_id).value()
    }

    pub fn boolean(&self, field: &str) -> Patch<bool> {
        self.optional(field, to_boolean)
    }

    pub fn text(&self, field: &str) -> Option<String> {
        match self.map.get(field)? {
            Value::Null => None,
            value => {
                let text = to_text(value);
                if text.is_none() {
                    self.is_invalid(field);
                }
                text
            }
        }
    }

    pub fn required_text(&self, field: &str) -> String {
        self.required(field, to_text)
    }

    /// An optional object.
    pub fn object(&self, field: &str) -> Option<Fields<'a>> {
        match self.map.get(field) {
            None | Some(Value::Null) => None,
            Some(Value::Object(map)) => Some(Fields { map, prefix: self.name(field), errors: self.errors }),
            Some(_) => {
                self.is_invalid(field);
                None
            }
        }
    }

    /// The names of the fields.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.map.keys().map(String::as_str)
    }

    /// A list of objects: an array, or what a form writes as `name[0][…]`, `name[1][…]`.
    pub fn objects(&self, field: &str) -> Vec<Fields<'a>> {
        let values: Option<Vec<&'a Value>> = match self.map.get(field) {
            None | Some(Value::Null) => {
                self.is_missing(field);
                return Vec::new();
            }
            Some(Value::Array(values)) => Some(values.iter().collect()),
            Some(Value::Object(map)) => numbered(map),
            Some(_) => None,
        };
        let Some(values) = values else {
            self.is_invalid(field);
            return Vec::new();
        };
        let list = self.name(field);
        let object = |(at, value): (usize, &'a Value)| {
            let Value::Object(map) = value else {
                self.is_invalid(&format!("{field}[{at}]"));
                return None;
            };
            Some(Fields { map, prefix: format!("{list}[{at}]"), errors: self.errors })
        };
        values.into_iter().enumerate().filter_map(object).collect()
    }
}

/// The values of an object whose keys are numbers, in numeric order.
fn numbered(map: &Map<String, Value>) -> Option<Vec<&Value>> {
    let mut numbered = map
        .iter()
        .map(|(name, value)| Some((name.parse::<u32>().ok()?, value)))
        .collect::<Option<Vec<_>>>()?;
    numbered.sort_by_key(|(number, _)| *number);
    (!numbered.is_empty()).then(|| numbered.into_iter().map(|(_, value)| value).collect())
}

fn to_date(value: &Value) -> Option<NaiveDate> {
    date::parse(value.as_str()?)
}

fn to_id(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            if digits.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
        }
        _ => None,
    }
}

fn to_integer(value: &Value) -> Option<i32> {
    to_id(value)?.try_into().ok()
}

fn to_boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(yes) => Some(*yes),
        Value::Number(number) => match number.as_i64() {
            Some(1) => Some(true),
            Some(0) => Some(false),
            _ => None,
        },
        Value::String(text) => match text.as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// PostgreSQL cannot store a NUL, and no parameter needs one.
fn to_text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(yes) => yes.to_string(),
        _ => return None,
    };
    (!text.contains('\0')).then_some(text)
}

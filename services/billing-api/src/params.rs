//! Parameters, read as Grape reads them: one response reports every error.
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, NaiveDateTime};
use domain::billing::{Patch, date};
use domain::json::Json;
use endpoint::DeferredParams;

use crate::error::BillingError;

/// The number of errors in a response.
const MAX_ERRORS: usize = 10;

/// Reads the parameters with `f`, or reports what is wrong with them.
pub async fn read<T>(
    sent: DeferredParams<BillingError>,
    f: impl FnOnce(&Fields<'_>) -> T,
) -> Result<T, BillingError> {
    let (params, errors) = (sent.read().await?.to_json(), RefCell::default());
    let value = f(&Fields { object: Json::from_valid(&params), prefix: String::new(), errors: &errors });
    let errors = errors.into_inner();
    if errors.is_empty() { Ok(value) } else { Err(BillingError::Parameters(errors.join(", "))) }
}

/// The fields of an object, which stay text. Errors are collected; the value that a method returns after an
/// error is never used.
#[derive(Debug)]
pub struct Fields<'a> {
    object: Json<'a>,
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
    pub fn are_exclusive(&self, fields: &BTreeSet<String>) {
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
        self.object.get(field).and_then(Json::items).is_some_and(|mut items| items.next().is_none())
    }

    /// A value that is not null.
    fn present(&self, field: &str) -> Option<Json<'a>> {
        self.object.get(field).filter(|value| !value.is_null())
    }

    /// Whether a field is present and not null.
    pub fn has(&self, field: &str) -> bool {
        self.present(field).is_some()
    }

    /// An optional value. Null and the empty string mean the same.
    fn optional<T>(&self, field: &str, parse: impl Fn(Json<'a>) -> Option<T>) -> Patch<T> {
        match self.object.get(field) {
            None => Patch::Absent,
            Some(value) if value.is_null() || value.as_json() == "\"\"" => Patch::Null,
            Some(value) => parse(value).map_or_else(
                || {
                    self.is_invalid(field);
                    Patch::Absent
                },
                Patch::Value,
            ),
        }
    }

    fn required<T: Default>(&self, field: &str, parse: impl Fn(Json<'a>) -> Option<T>) -> T {
        match self.present(field) {
            None => self.is_missing(field),
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
        self.required(field, |value| date::parse_timestamp(&value.as_str()?))
    }

    pub fn integer(&self, field: &str) -> Patch<i32> {
        self.optional(field, to_integer)
    }

    pub fn required_integer(&self, field: &str) -> i32 {
        self.required(field, to_integer)
    }

    pub fn required_id(&self, field: &str) -> i64 {
        self.required(field, Json::to_integer)
    }

    pub fn id(&self, field: &str) -> Option<i64> {
        self.optional(field, Json::to_integer).value()
    }

    pub fn boolean(&self, field: &str) -> Patch<bool> {
        self.optional(field, Json::to_bool)
    }

    pub fn text(&self, field: &str) -> Option<String> {
        let text = to_text(self.present(field)?);
        if text.is_none() {
            self.is_invalid(field);
        }
        text
    }

    pub fn required_text(&self, field: &str) -> String {
        self.required(field, to_text)
    }

    /// An optional object.
    pub fn object(&self, field: &str) -> Option<Fields<'a>> {
        let object = self.present(field)?;
        if object.is_object() {
            return Some(Fields { object, prefix: self.name(field), errors: self.errors });
        }
        self.is_invalid(field);
        None
    }

    /// The names of the fields, in alphabetical order.
    pub fn names(&self) -> BTreeSet<Cow<'a, str>> {
        self.object.entries().map(|(name, _)| name.decoded()).collect()
    }

    /// A list of objects: an array, or what a form writes as `name[0][…]`, `name[1][…]`. It ends early once
    /// no further error is reported, so that invalid entries take no memory.
    pub fn objects<'b>(&'b self, field: &str) -> Box<dyn Iterator<Item = Fields<'a>> + 'b> {
        let Some(value) = self.present(field) else {
            self.is_missing(field);
            return Box::new(std::iter::empty());
        };
        let values: Option<Values<'a>> = match value.items() {
            Some(items) => Some(Box::new(items)),
            None => numbered(value).map(|values| Box::new(values.into_values()) as Values<'a>),
        };
        let Some(values) = values else {
            self.is_invalid(field);
            return Box::new(std::iter::empty());
        };
        let (list, field, errors) = (self.name(field), field.to_owned(), self.errors);
        let values = values.take_while(move |_| errors.borrow().len() < MAX_ERRORS);
        Box::new(values.enumerate().filter_map(move |(at, object)| {
            if !object.is_object() {
                self.is_invalid(&format!("{field}[{at}]"));
                return None;
            }
            Some(Fields { object, prefix: format!("{list}[{at}]"), errors: self.errors })
        }))
    }
}

type Values<'a> = Box<dyn Iterator<Item = Json<'a>> + 'a>;

/// The values of an object whose keys are all numbers, by number. `None` for anything else.
fn numbered(value: Json<'_>) -> Option<BTreeMap<u32, Json<'_>>> {
    let values = value.entries().map(|(name, value)| Some((name.decoded().parse().ok()?, value)));
    values.collect::<Option<BTreeMap<_, _>>>().filter(|values| !values.is_empty())
}

fn to_date(value: Json<'_>) -> Option<NaiveDate> {
    date::parse(&value.as_str()?)
}

fn to_integer(value: Json<'_>) -> Option<i32> {
    value.to_integer()?.try_into().ok()
}

fn to_text(value: Json<'_>) -> Option<String> {
    value.to_storable_text().map(Cow::into_owned)
}

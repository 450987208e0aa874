//! The fields that a request collects for its line in the log.
use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::rc::Rc;

use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value};

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// One of a fixed set of strings. It is not copied.
    Word(&'static str),
    Json(Value),
}

impl Serialize for FieldValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Word(word) => serializer.serialize_str(word),
            Self::Json(value) => value.serialize(serializer),
        }
    }
}

impl From<&'static str> for FieldValue {
    fn from(word: &'static str) -> Self {
        Self::Word(word)
    }
}

impl<T: Into<Value>> From<Vec<T>> for FieldValue {
    fn from(values: Vec<T>) -> Self {
        Self::Json(values.into())
    }
}

macro_rules! from {
    ($($kind:ty)*) => {
        $(impl From<$kind> for FieldValue {
            fn from(value: $kind) -> Self {
                Self::Json(value.into())
            }
        })*
    };
}

from!(Value Number String bool i32 i64 u32 u64 usize);

/// The fields of one request, by their names in the [dictionary](crate::dictionary). Clones share their values.
#[derive(Debug, Clone, Default)]
pub struct LogFields(Rc<RefCell<Vec<(&'static str, FieldValue)>>>);

impl LogFields {
    /// Adds a field, or replaces its value.
    pub fn set(&self, name: &'static str, value: impl Into<FieldValue>) {
        let mut fields = self.0.borrow_mut();
        match fields.iter_mut().find(|(present, _)| *present == name) {
            Some((_, present)) => *present = value.into(),
            None => fields.push((name, value.into())),
        }
    }

    /// The value of a field that has one of a fixed set of strings.
    pub fn word(&self, name: &str) -> Option<&'static str> {
        self.get(name, |value| if let FieldValue::Word(word) = value { Some(*word) } else { None })
    }

    /// The value of a field that has an integer.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.get(name, |value| if let FieldValue::Json(value) = value { value.as_i64() } else { None })
    }

    fn get<T>(&self, name: &str, read: impl FnOnce(&FieldValue) -> Option<T>) -> Option<T> {
        self.0.borrow().iter().find(|(present, _)| *present == name).and_then(|(_, value)| read(value))
    }

    /// The value of the field `json.fields` of an event, which adds all of these fields to its line. `None`
    /// if there are none.
    ///
    /// Errors are the only values that a subscriber can recognise by their type, so this is one.
    pub fn as_value(&self) -> Option<&(dyn Error + 'static)> {
        if self.0.borrow().is_empty() { None } else { Some(self) }
    }

    /// Copies the fields.
    pub(crate) fn to_vec(&self) -> Vec<(&'static str, FieldValue)> {
        self.0.borrow().clone()
    }
}

/// A JSON object, for the log of a terminal.
impl fmt::Display for LogFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.0.borrow();
        let object: Map<String, Value> = fields
            .iter()
            .map(|(name, value)| match value {
                FieldValue::Word(word) => ((*name).to_owned(), Value::from(*word)),
                FieldValue::Json(value) => ((*name).to_owned(), value.clone()),
            })
            .collect();
        Value::Object(object).fmt(f)
    }
}

impl Error for LogFields {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_value_of_a_field_counts() {
        let fields = LogFields::default();
        assert!(fields.as_value().is_none());
        fields.set("decision", "denied");
        fields.set("gl_user_id", 7_i64);
        fields.set("decision", "allowed");
        assert_eq!((fields.word("decision"), fields.integer("decision")), (Some("allowed"), None));
        assert_eq!((fields.word("gl_user_id"), fields.integer("gl_user_id")), (None, Some(7)));
        assert_eq!(fields.as_value().unwrap().to_string(), r#"{"decision":"allowed","gl_user_id":7}"#);
    }
}

//! The fields of an event or of a span as JSON values.
//!
//! `tracing` has no structured values. A field `json.NAME` whose text is JSON is therefore logged as `NAME` with the
//! parsed value, and the members of the object in `json.fields` are logged as fields of their own. [`LogFields`] in
//! `json.fields` are logged without being formatted in between.

use std::{borrow::Cow, error::Error, fmt};

use serde_json::{Number, Value};
use tracing::field::{Field, Visit};

use crate::{FieldValue, LogFields};

/// Named values in the order in which they were recorded, each name once.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(Cow<'static, str>, FieldValue)>);

/// The prefix of fields whose text is JSON.
const JSON: &str = "json.";
/// The field whose members are logged as fields.
const MEMBERS: &str = "json.fields";

impl Fields {
    /// Collects the fields that `record` passes to the visitor.
    pub(super) fn collect(record: impl FnOnce(&mut Self)) -> Self {
        let mut fields = Self::default();
        record(&mut fields);
        fields
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Cow<'static, str>, &FieldValue)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes a field and returns it.
    pub(super) fn take(&mut self, key: &str) -> Option<FieldValue> {
        let index = self.0.iter().position(|(name, _)| *name == key)?;
        Some(self.0.remove(index).1)
    }

    /// Applies later values of the same span.
    pub(super) fn update(&mut self, later: Self) {
        for (key, value) in later.0 {
            self.set(key, value);
        }
    }

    fn set(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<FieldValue>) {
        let (key, value) = (key.into(), value.into());
        match self.0.iter_mut().find(|(name, _)| *name == key) {
            Some((_, present)) => *present = value,
            None => self.0.push((key, value)),
        }
    }

    fn record(&mut self, field: &Field, value: impl Into<FieldValue>) {
        if let Some(key) = key(field.name()) {
            self.set(key, value);
        }
    }

    fn record_json(&mut self, field: &Field, name: &'static str, text: &str) {
        match serde_json::from_str(text) {
            Ok(Value::Object(members)) if field.name() == MEMBERS => {
                members.into_iter().for_each(|(member, value)| self.set(member, value));
            }
            Ok(value) => self.set(name, value),
            Err(_) => self.set(name, text.to_owned()),
        }
    }
}

/// The name under which a field is logged, or `None` if it is not.
fn key(name: &'static str) -> Option<&'static str> {
    match name {
        "error" => Some("error_message"),
        // A name with a dot is an attribute of a span, for the tracer only.
        _ if name.contains('.') => None,
        _ => Some(name.strip_prefix("r#").unwrap_or(name)),
    }
}

/// Formats an error and its causes. A cause that the text already contains is not repeated.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if let Some(number) = Number::from_f64(value) {
            self.record(field, number);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        match Number::from_i128(value) {
            Some(number) => self.record(field, number),
            None => self.record(field, value.to_string()),
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        match Number::from_u128(value) {
            Some(number) => self.record(field, number),
            None => self.record(field, value.to_string()),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.record(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if let Some(name) = field.name().strip_prefix(JSON) {
            self.record_json(field, name, value);
        } else if let Some(key) = key(field.name()) {
            self.set(key, value.to_owned());
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if let Some(fields) = value.downcast_ref::<LogFields>() {
            fields.to_vec().into_iter().for_each(|(name, value)| self.set(name, value));
        } else {
            self.record(field, chain(value));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if let Some(name) = field.name().strip_prefix(JSON) {
            self.record_json(field, name, &format!("{value:?}"));
        } else if let Some(key) = key(field.name()) {
            // Attributes for the tracer are not even formatted.
            self.set(key, format!("{value:?}"));
        }
    }
}

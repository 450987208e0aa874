//! The fields of a JSON object, found once.
use std::ops::Range;

use domain::json::{Json, Key};

/// The text of a JSON object and the positions of its fields.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    text: String,
    fields: Vec<Field>,
}

/// The byte ranges of a key and its value.
#[derive(Debug, Clone)]
struct Field {
    key: Range<u32>,
    value: Range<u32>,
}

impl Fields {
    /// Finds the fields of an object in valid JSON text.
    pub fn new(text: String) -> Self {
        let start = text.as_ptr().addr();
        let offset = |at: usize| u32::try_from(at - start).unwrap_or(u32::MAX);
        let range = |json: Json<'_>| {
            let from = json.as_json().as_ptr().addr();
            offset(from)..offset(from + json.as_json().len())
        };
        let entries = Json::from_valid(&text).entries();
        let mut fields = Vec::with_capacity(entries.clone().count());
        fields.extend(entries.map(|(key, value)| Field { key: range(key.as_json()), value: range(value) }));
        Self { text, fields }
    }

    fn slice(&self, range: &Range<u32>) -> Json<'_> {
        let (start, end) = (range.start as usize, range.end as usize);
        Json::from_valid(self.text.get(start..end).unwrap_or_default())
    }

    pub fn get(&self, name: &str) -> Option<Json<'_>> {
        let field = self.fields.iter().rev().find(|field| self.key(field).is(name))?;
        Some(self.slice(&field.value))
    }

    fn key(&self, field: &Field) -> Key<'_> {
        Key::from_valid(self.slice(&field.key))
    }

    pub fn all(&self) -> impl Iterator<Item = (Key<'_>, Json<'_>)> {
        self.fields.iter().map(|field| (self.key(field), self.slice(&field.value)))
    }

    /// The text of the object; empty without fields.
    pub fn json(&self) -> &str {
        &self.text
    }
}

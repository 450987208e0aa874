//! The nested arrays and objects that the bracketed names of a form describe.
use std::collections::HashMap;

use super::error::NestedParamsError;
use super::form_value::{Text, quote};

/// One value of a form.
pub(super) enum Node<'a> {
    Text(Text<'a>),
    List(Vec<Node<'a>>),
    Object(Box<Object<'a>>),
}

/// Fields in form order.
#[derive(Default)]
pub(super) struct Object<'a> {
    fields: Vec<(String, Node<'a>)>,
    /// The index of each name, built once there are many fields.
    positions: HashMap<String, usize>,
}

/// The number of fields from which on lookups use a hash map.
const MANY_FIELDS: usize = 16;

/// The parameter already has a different shape.
pub(super) struct OtherShape;

impl<'a> Node<'a> {
    /// Creates the container that the next part of a name requires: an array or an object.
    fn container(parts: &[&str]) -> Self {
        if parts.first().is_some_and(|part| part.is_empty()) {
            Self::List(Vec::with_capacity(1))
        } else {
            Self::Object(Box::default())
        }
    }

    fn insert(&mut self, parts: &[&str], value: Text<'a>) -> Result<(), OtherShape> {
        match (self, parts) {
            (Self::List(list), ["", rest @ ..]) => append(list, rest, value),
            (Self::Object(object), [name, rest @ ..]) if !name.is_empty() => object.insert(name, rest, value),
            (node @ Self::Text(_), []) => {
                *node = Self::Text(value);
                Ok(())
            }
            _ => Err(OtherShape),
        }
    }

    /// Whether the full name already has a value. A name that contains an array can always take another
    /// value.
    fn has(&self, parts: &[&str]) -> bool {
        match (self, parts) {
            (_, []) => true,
            (Self::Object(object), [name, rest @ ..]) if !name.is_empty() => {
                object.position(name).is_some_and(|at| object.fields[at].1.has(rest))
            }
            _ => false,
        }
    }

    fn write(&self, json: &mut String) -> Result<(), NestedParamsError> {
        match self {
            Self::Text(text) => text.write(json)?,
            Self::Object(object) => object.write(json)?,
            Self::List(list) => {
                json.push('[');
                for (at, item) in list.iter().enumerate() {
                    json.push_str(if at > 0 { "," } else { "" });
                    item.write(json)?;
                }
                json.push(']');
            }
        }
        Ok(())
    }
}

/// Appends a value to an array. If the last object already has the name, the value starts a new object.
fn append<'a>(list: &mut Vec<Node<'a>>, rest: &[&str], value: Text<'a>) -> Result<(), OtherShape> {
    if rest.is_empty() {
        list.push(Node::Text(value));
        return Ok(());
    }
    match list.last_mut() {
        Some(last @ Node::Object(_)) if !rest[0].is_empty() && !last.has(rest) => last.insert(rest, value),
        _ => {
            let mut node = Node::container(rest);
            node.insert(rest, value)?;
            list.push(node);
            Ok(())
        }
    }
}

impl<'a> Object<'a> {
    fn position(&self, name: &str) -> Option<usize> {
        if self.fields.len() > MANY_FIELDS {
            self.positions.get(name).copied()
        } else {
            self.fields.iter().position(|(known, _)| known == name)
        }
    }

    /// Adds a value under a name and the further parts of its full name.
    pub fn insert(&mut self, name: &str, rest: &[&str], value: Text<'a>) -> Result<(), OtherShape> {
        if let Some(at) = self.position(name) {
            return self.fields[at].1.insert(rest, value);
        }
        let mut node = if rest.is_empty() { Node::Text(value) } else { Node::container(rest) };
        node.insert(rest, value)?;
        if self.fields.is_empty() {
            self.fields.reserve_exact(1);
        }
        self.fields.push((name.to_owned(), node));
        if self.fields.len() == MANY_FIELDS + 1 {
            let names = self.fields.iter().enumerate();
            self.positions = names.map(|(at, (name, _))| (name.clone(), at)).collect();
        } else if self.fields.len() > MANY_FIELDS {
            self.positions.insert(name.to_owned(), self.fields.len() - 1);
        }
        Ok(())
    }

    /// Writes the object as JSON.
    pub fn write(&self, json: &mut String) -> Result<(), NestedParamsError> {
        json.push('{');
        for (at, (name, node)) in self.fields.iter().enumerate() {
            json.push_str(if at > 0 { "," } else { "" });
            quote(name, json);
            json.push(':');
            node.write(json)?;
        }
        json.push('}');
        Ok(())
    }
}

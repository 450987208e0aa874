//! The nested arrays and objects that the bracketed names of a form describe.
//!
//! All nodes are in one list and refer to each other by position, so that a form of many pairs takes little
//! more memory than its text.
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use hashbrown::HashTable;

use super::error::NestedParamsError;
use super::form_value::{Text, quote};

/// The parameter already has a different shape.
pub(super) struct OtherShape;

/// The position of a node. The root is first and has no siblings, so 0 also means "none".
type Id = u32;

const ROOT: Id = 0;

enum Content<'a> {
    Text(Text<'a>),
    List { first: Id, last: Id },
    Object { first: Id, last: Id },
}

struct Node<'a> {
    content: Content<'a>,
    /// The name within the parent, as a range of the tree's names; empty in an array.
    name: Range<u32>,
    parent: Id,
    next: Id,
}

/// An object of named values, in form order.
pub(super) struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    /// The names of all nodes, one after another.
    names: String,
    /// The nodes that have a name, by parent and name.
    named: HashTable<Id>,
    hasher: RandomState,
}

impl<'a> Tree<'a> {
    pub fn new() -> Self {
        let content = Content::Object { first: 0, last: 0 };
        Self {
            nodes: vec![Node { content, name: 0..0, parent: ROOT, next: 0 }],
            names: String::new(),
            named: HashTable::new(),
            hasher: RandomState::new(),
        }
    }

    /// Adds the value of `name[part][part]…`, whose parts are `rest`. An empty part is an array. A value replaces
    /// an earlier one with the same name.
    pub fn insert(&mut self, name: &str, rest: &[&str], value: Text<'a>) -> Result<(), OtherShape> {
        let mut node = self.field(ROOT, name, rest, value);
        for (at, part) in rest.iter().enumerate() {
            let rest = &rest[at + 1..];
            node = match self.node(node).content {
                Content::List { last, .. } if part.is_empty() => self.item(node, last, rest, value),
                Content::Object { .. } if !part.is_empty() => self.field(node, part, rest, value),
                _ => return Err(OtherShape),
            };
        }
        match &mut self.nodes[node as usize].content {
            Content::Text(text) => *text = value,
            _ => return Err(OtherShape),
        }
        Ok(())
    }

    /// The field with this name, which is created if it is missing.
    fn field(&mut self, parent: Id, name: &str, rest: &[&str], value: Text<'a>) -> Id {
        self.find(parent, name).unwrap_or_else(|| self.push(parent, name, rest, value))
    }

    /// The item of an array that takes the next value: the last object if it does not have the name yet,
    /// otherwise a new item.
    fn item(&mut self, list: Id, last: Id, rest: &[&str], value: Text<'a>) -> Id {
        let names_a_field = rest.first().is_some_and(|part| !part.is_empty());
        let is_object = last != 0 && matches!(self.node(last).content, Content::Object { .. });
        if names_a_field && is_object && !self.has(last, rest) {
            return last;
        }
        self.push(list, "", rest, value)
    }

    /// Whether the full name already has a value. A name that contains an array can always take another
    /// value.
    fn has(&self, mut node: Id, rest: &[&str]) -> bool {
        for part in rest {
            let found = self.find(node, part).filter(|_| !part.is_empty());
            let Some(found) = found else { return false };
            node = found;
        }
        true
    }

    fn find(&self, parent: Id, name: &str) -> Option<Id> {
        let hash = self.hasher.hash_one((parent, name));
        self.named.find(hash, |id| self.node(*id).parent == parent && self.name(*id) == name).copied()
    }

    /// Appends a node: a text, or the container that the next part of the name requires.
    fn push(&mut self, parent: Id, name: &str, rest: &[&str], value: Text<'a>) -> Id {
        let content = match rest.first().copied() {
            None => Content::Text(value),
            Some("") => Content::List { first: 0, last: 0 },
            Some(_) => Content::Object { first: 0, last: 0 },
        };
        // A form has less than a million nodes, and a body less than 4 GiB.
        let position = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let start = position(self.names.len());
        self.names.push_str(name);
        let id = position(self.nodes.len());
        self.nodes.push(Node { content, name: start..position(self.names.len()), parent, next: 0 });
        let before = match &mut self.nodes[parent as usize].content {
            Content::List { first, last } | Content::Object { first, last } => {
                if *first == 0 {
                    *first = id;
                }
                std::mem::replace(last, id)
            }
            Content::Text(_) => 0,
        };
        if before != 0 {
            self.nodes[before as usize].next = id;
        }
        if matches!(self.node(parent).content, Content::Object { .. }) {
            let Self { nodes, names, named, hasher } = self;
            let hash = |id: &Id| {
                let node = &nodes[*id as usize];
                hasher.hash_one((node.parent, &names[node.name.start as usize..node.name.end as usize]))
            };
            named.insert_unique(hash(&id), id, hash);
        }
        id
    }

    fn node(&self, id: Id) -> &Node<'a> {
        &self.nodes[id as usize]
    }

    fn name(&self, id: Id) -> &str {
        let name = &self.node(id).name;
        &self.names[name.start as usize..name.end as usize]
    }

    /// Writes the root as JSON.
    pub fn write(&self, json: &mut String) -> Result<(), NestedParamsError> {
        self.write_node(ROOT, json)
    }

    fn write_node(&self, id: Id, json: &mut String) -> Result<(), NestedParamsError> {
        match &self.node(id).content {
            Content::Text(text) => text.write(json),
            Content::List { first, .. } => self.write_children('[', *first, ']', json, |_, _| {}),
            Content::Object { first, .. } => self.write_children('{', *first, '}', json, |id, json| {
                quote(self.name(id), json);
                json.push(':');
            }),
        }
    }

    fn write_children(
        &self,
        open: char,
        first: Id,
        close: char,
        json: &mut String,
        before: impl Fn(Id, &mut String),
    ) -> Result<(), NestedParamsError> {
        json.push(open);
        let mut child = first;
        while child != 0 {
            json.push_str(if child == first { "" } else { "," });
            before(child, json);
            self.write_node(child, json)?;
            child = self.node(child).next;
        }
        json.push(close);
        Ok(())
    }
}

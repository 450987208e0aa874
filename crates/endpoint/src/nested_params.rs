//! Decodes the parameters of a request: query string and body, in every encoding, into one JSON object.
//!
//! This is the only decoder. `a=1`, `a[]=1` and `a[b]=1` become the same object that a JSON body would be. A
//! parameter that does not fit is an error and is never dropped, because a parameter that restricts the
//! request must not get lost.
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::ops::Range;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use futures_util::stream;
use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use crate::json::{Json, JsonError, MAX_DEPTH, key_is};
use crate::{RestError, body};

/// The maximum number of name-value pairs in a form.
pub const MAX_PAIRS: usize = 250_000;
/// The maximum number of values in a tree. Each may take some hundred bytes.
const MAX_TREE_VALUES: usize = 250_000;
/// The maximum number of name parts in a form; `a[b]` has two. Each part may become an object.
const MAX_NAME_PARTS: usize = 2 * MAX_PAIRS;
/// The maximum length, in characters, of a parameter's name in an error message.
const MAX_NAME: usize = 100;
/// The number of bytes that the multipart reader gets at a time.
const CHUNK_SIZE: usize = 64 * 1024;

/// Why the parameters cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NestedParamsError {
    /// The body does not match its `Content-Type`; the string gives the reason.
    #[error("message body does not match declared format")]
    Unreadable(String),
    /// A parameter has two different shapes, or an invalid name.
    #[error("{0} is invalid")]
    Invalid(String),
    #[error("The provided content-type '{0}' is not supported.")]
    UnsupportedMediaType(String),
    /// The form has more than `MAX_PAIRS` pairs, or the tree would have more than `MAX_TREE_VALUES`
    /// values.
    #[error("too many parameters")]
    TooMany,
}

impl NestedParamsError {
    fn unreadable(reason: impl Into<String>) -> Self {
        Self::Unreadable(reason.into())
    }

    fn invalid(name: &str) -> Self {
        Self::Invalid(name.chars().take(MAX_NAME).collect())
    }

    fn not_utf8() -> Self {
        Self::unreadable("the parameters are not in UTF-8")
    }
}

impl From<NestedParamsError> for RestError {
    fn from(error: NestedParamsError) -> Self {
        match error {
            NestedParamsError::Unreadable(reason) => Self::BadRequest(reason),
            NestedParamsError::Invalid(name) => Self::invalid(&name),
            NestedParamsError::UnsupportedMediaType(media_type) => Self::UnsupportedMediaType(media_type),
            NestedParamsError::TooMany => Self::TooLarge,
        }
    }
}

/// The parameters of a request. A body parameter replaces a query parameter with the same name.
#[derive(Debug, Clone, Default)]
pub struct NestedParams {
    query: Fields,
    body: Fields,
}

/// Parameters that are read only after the caller is authenticated. [`read`](Self::read) receives the body.
///
/// Extractors run concurrently. An unauthorised caller must get that error before any error about the body,
/// and must not use memory that other requests need.
pub struct DeferredParams<E> {
    request: HttpRequest,
    payload: Payload,
    error: PhantomData<E>,
}

impl<E> std::fmt::Debug for DeferredParams<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeferredParams")
    }
}

impl<E> FromRequest for DeferredParams<E> {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(Ok(Self { request: request.clone(), payload: payload.take(), error: PhantomData }))
    }
}

impl<E: From<RestError> + From<NestedParamsError>> DeferredParams<E> {
    /// Receives the body and decodes the parameters.
    pub async fn read(mut self) -> Result<NestedParams, E> {
        let body = body::read(&self.request, &mut self.payload).await?;
        Ok(NestedParams::decode(self.request.query_string(), content_type(&self.request), body).await?)
    }
}

/// The request's `Content-Type`. A value that is not text counts as an unknown type.
pub(crate) fn content_type(request: &HttpRequest) -> &str {
    request.headers().get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("?"))
}

impl NestedParams {
    /// Decodes query string and body. A body without a content type is JSON if it starts like JSON,
    /// otherwise a form.
    pub async fn decode(query: &str, content_type: &str, body: Bytes) -> Result<Self, NestedParamsError> {
        let query = form(query.as_bytes())?;
        let Some(first) = body.trim_ascii().first().copied() else {
            return Ok(Self { query, body: Fields::default() });
        };
        let body = match essence(content_type).as_str() {
            "application/json" => json(body)?,
            "application/x-www-form-urlencoded" => form(&body)?,
            "multipart/form-data" => multipart(content_type, body).await?,
            "" if matches!(first, b'{' | b'[' | b'"') => json(body)?,
            "" => form(&body)?,
            other => return Err(NestedParamsError::UnsupportedMediaType(other.to_owned())),
        };
        Ok(Self { query, body })
    }

    /// Takes parameters from a JSON object.
    pub fn from_json(json: Json<'_>) -> Self {
        Self { query: Fields::default(), body: Fields::new(json.as_json().to_owned()) }
    }

    /// Returns a parameter; `null` counts as absent.
    pub fn get(&self, name: &str) -> Option<Json<'_>> {
        self.sent(name).filter(|value| !value.is_null())
    }

    /// Returns a parameter as sent, including `null`.
    pub fn sent(&self, name: &str) -> Option<Json<'_>> {
        self.body.get(name).or_else(|| self.query.get(name))
    }

    /// Parses all parameters into a tree. The number of values is limited, because a tree takes up to a
    /// hundred times the memory of the text.
    pub fn to_map(&self) -> Result<Map<String, Value>, NestedParamsError> {
        if self.query.json().values() + self.body.json().values() > MAX_TREE_VALUES {
            return Err(NestedParamsError::TooMany);
        }
        let mut map = self.query.json().to_map();
        map.append(&mut self.body.json().to_map());
        Ok(map)
    }

    /// All parameters as the text of one JSON object. A body parameter replaces a query parameter with the
    /// same name.
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(self.query.text.len() + self.body.text.len() + 2);
        json.push('{');
        let query =
            self.query.all().filter(|(key, _)| self.body.get(&key.as_str().unwrap_or_default()).is_none());
        for (key, value) in query.chain(self.body.all()) {
            json.push_str(if json.len() > 1 { "," } else { "" });
            key.write_strict(&mut json);
            json.push(':');
            value.write_strict(&mut json);
        }
        json.push('}');
        json
    }
}

/// The text of a JSON object and the positions of its fields.
#[derive(Debug, Clone, Default)]
struct Fields {
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
    fn new(text: String) -> Self {
        let start = text.as_ptr().addr();
        let offset = |at: usize| u32::try_from(at - start).unwrap_or(u32::MAX);
        let range = |json: Json<'_>| {
            let from = json.as_json().as_ptr().addr();
            offset(from)..offset(from + json.as_json().len())
        };
        let entries = Json::trusted(&text).entries();
        let mut fields = Vec::with_capacity(entries.clone().count());
        fields.extend(entries.map(|(key, value)| Field { key: range(key), value: range(value) }));
        Self { text, fields }
    }

    fn slice(&self, range: &Range<u32>) -> Json<'_> {
        let (start, end) = (range.start as usize, range.end as usize);
        Json::trusted(self.text.get(start..end).unwrap_or_default())
    }

    fn get(&self, name: &str) -> Option<Json<'_>> {
        let field = self.fields.iter().rev().find(|field| key_is(&self.slice(&field.key), name))?;
        Some(self.slice(&field.value))
    }

    fn all(&self) -> impl Iterator<Item = (Json<'_>, Json<'_>)> {
        self.fields.iter().map(|field| (self.slice(&field.key), self.slice(&field.value)))
    }

    fn json(&self) -> Json<'_> {
        Json::trusted(&self.text)
    }
}

/// A media type without its parameters.
pub(crate) fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Accepts an object, `null`, or a string that contains an object, as in the documented example of kas-api.
fn json(body: Bytes) -> Result<Fields, NestedParamsError> {
    let json = parse(&body)?;
    if let Some(text) = json.as_str() {
        let object = Json::parse(text.as_bytes()).map_err(|_| not_an_object())?;
        return if object.is_object() {
            Ok(Fields::new(object.as_json().to_owned()))
        } else {
            Err(not_an_object())
        };
    }
    if json.is_null() {
        return Ok(Fields::default());
    }
    if !json.is_object() {
        return Err(not_an_object());
    }
    // Reuses the body's buffer unless it is shared.
    let mut text = String::from_utf8(body.into()).map_err(|_| NestedParamsError::not_utf8())?;
    text.truncate(text.trim_ascii_end().len());
    text.drain(..text.len() - text.trim_ascii_start().len());
    Ok(Fields::new(text))
}

fn not_an_object() -> NestedParamsError {
    NestedParamsError::unreadable("the body is not a JSON object")
}

fn parse(json: &[u8]) -> Result<Json<'_>, NestedParamsError> {
    Json::parse(json).map_err(|error| {
        NestedParamsError::unreadable(match error {
            JsonError::TooDeep => "the JSON is nested too deeply".to_owned(),
            error => format!("the body is not JSON: {error}"),
        })
    })
}

/// Splits a query string or form into names and values. Spaces, slashes and brackets need not be encoded,
/// because curl does not encode them.
pub(crate) fn pairs(text: &[u8]) -> impl Iterator<Item = (Vec<u8>, &[u8])> {
    text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        (percent_decoded(parts.next().unwrap_or_default()), parts.next().unwrap_or_default())
    })
}

/// Decodes one part of a form.
pub(crate) fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    // A plus sign encodes a space.
    for (at, part) in bytes.split(|byte| *byte == b'+').enumerate() {
        if at > 0 {
            decoded.push(b' ');
        }
        decoded.extend(percent_decode(part));
    }
    decoded
}

fn form(text: &[u8]) -> Result<Fields, NestedParamsError> {
    let mut form = Form::default();
    for (name, value) in pairs(text) {
        form.add(name, Text::Encoded(value))?;
    }
    form.finish(text.len())
}

async fn multipart(content_type: &str, body: Bytes) -> Result<Fields, NestedParamsError> {
    let broken =
        |error: multer::Error| NestedParamsError::unreadable(format!("the body is not multipart: {error}"));
    let boundary = multer::parse_boundary(content_type).map_err(broken)?;
    let length = body.len();
    let chunks = (0..length).step_by(CHUNK_SIZE).map(move |at| body.slice(at..length.min(at + CHUNK_SIZE)));
    let mut parts = multer::Multipart::new(stream::iter(chunks.map(Ok::<Bytes, Infallible>)), boundary);
    let mut values = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        let Some(name) = part.name().map(ToOwned::to_owned) else { continue };
        if values.len() == MAX_PAIRS {
            return Err(NestedParamsError::TooMany);
        }
        values.push((name, part.bytes().await.map_err(broken)?));
    }
    let mut form = Form::default();
    for (name, value) in &values {
        form.add(name.clone().into_bytes(), Text::Plain(value))?;
    }
    form.finish(length)
}

/// The fields of a form by name.
#[derive(Default)]
struct Form<'a> {
    root: Object<'a>,
    pairs: usize,
    parts: usize,
}

/// A value as it appears in the body.
#[derive(Clone, Copy)]
enum Text<'a> {
    Encoded(&'a [u8]),
    Plain(&'a [u8]),
}

enum Node<'a> {
    Text(Text<'a>),
    List(Vec<Node<'a>>),
    Object(Box<Object<'a>>),
}

/// Fields in form order.
#[derive(Default)]
struct Object<'a> {
    fields: Vec<(String, Node<'a>)>,
    /// The index of each name, built once there are many fields.
    positions: HashMap<String, usize>,
}

/// The number of fields from which on lookups use a hash map.
const MANY_FIELDS: usize = 16;

/// The parameter already has a different shape.
struct OtherShape;

impl<'a> Form<'a> {
    fn add(&mut self, name: Vec<u8>, value: Text<'a>) -> Result<(), NestedParamsError> {
        let name = String::from_utf8(name).map_err(|_| NestedParamsError::not_utf8())?;
        let (root, parts) = name_parts(&name)?;
        self.pairs += 1;
        self.parts += parts.len();
        if self.pairs > MAX_PAIRS || self.parts > MAX_NAME_PARTS {
            return Err(NestedParamsError::TooMany);
        }
        self.root.insert(root, &parts, value).map_err(|OtherShape| NestedParamsError::invalid(root))
    }

    /// Writes the form as the text of a JSON object.
    fn finish(self, length: usize) -> Result<Fields, NestedParamsError> {
        if self.pairs == 0 {
            return Ok(Fields::default());
        }
        let mut json = String::with_capacity(length + 16);
        self.root.write(&mut json)?;
        Ok(Fields::new(json))
    }
}

/// Splits a name into its parts: `a[b][]` is `a`, `b` and the empty name of an array.
fn name_parts(name: &str) -> Result<(&str, Vec<&str>), NestedParamsError> {
    let Some(open) = name.find('[') else { return Ok((name, Vec::new())) };
    let (root, mut rest) = name.split_at(open);
    let invalid = || NestedParamsError::invalid(if root.is_empty() { name } else { root });
    if root.is_empty() {
        return Err(invalid());
    }
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').ok_or_else(invalid)?;
        let (part, after) =
            inner.split_once(']').filter(|(part, _)| !part.contains('[')).ok_or_else(invalid)?;
        parts.push(part);
        rest = after;
        if parts.len() == MAX_DEPTH {
            return Err(invalid());
        }
    }
    Ok((root, parts))
}

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

    fn insert(&mut self, name: &str, rest: &[&str], value: Text<'a>) -> Result<(), OtherShape> {
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

    fn write(&self, json: &mut String) -> Result<(), NestedParamsError> {
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

impl Text<'_> {
    fn write(self, json: &mut String) -> Result<(), NestedParamsError> {
        match self {
            Self::Plain(bytes) => {
                quote(std::str::from_utf8(bytes).map_err(|_| NestedParamsError::not_utf8())?, json);
            }
            Self::Encoded(bytes) => {
                let text = String::from_utf8(percent_decoded(bytes));
                quote(&text.map_err(|_| NestedParamsError::not_utf8())?, json);
            }
        }
        Ok(())
    }
}

/// Writes a JSON string. Control characters are not escaped, so that the output is at most twice as long as
/// the input.
fn quote(text: &str, json: &mut String) {
    json.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\\']) {
        json.push_str(&rest[..at]);
        json.push('\\');
        json.push_str(&rest[at..=at]);
        rest = &rest[at + 1..];
    }
    json.push_str(rest);
    json.push('"');
}

#[cfg(test)]
mod tests;

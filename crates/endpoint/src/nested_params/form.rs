//! Decodes query strings and forms, which may be URL-encoded or multipart, into the text of a JSON object.
use std::convert::Infallible;

use actix_web::http::header::{CONTENT_DISPOSITION, ContentDisposition, DispositionParam, HeaderValue};
use actix_web::web::Bytes;
use domain::json::MAX_DEPTH;
use futures_util::stream;

use super::error::NestedParamsError;
use super::fields::Fields;
use super::form_tree::{OtherShape, Tree};
use super::form_value::{Text, percent_decoded};

/// The maximum number of name-value pairs in a form.
pub const MAX_PAIRS: usize = 250_000;
/// The maximum number of name parts in a form; `a[b]` has two. Each part may become an object.
const MAX_NAME_PARTS: usize = 2 * MAX_PAIRS;
/// The number of bytes that the multipart reader gets at a time.
const CHUNK_SIZE: usize = 64 * 1024;

/// Splits a query string or form into names and values. Spaces, slashes and brackets need not be encoded,
/// because curl does not encode them.
pub(crate) fn pairs(text: &[u8]) -> impl Iterator<Item = (Vec<u8>, &[u8])> {
    text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        (percent_decoded(parts.next().unwrap_or_default()), parts.next().unwrap_or_default())
    })
}

/// Decodes a query string or a form.
pub(super) fn urlencoded(text: &[u8]) -> Result<Fields, NestedParamsError> {
    let mut form = Form::new();
    for (name, value) in pairs(text) {
        form.add(name, Text::Encoded(value))?;
    }
    form.finish(text.len())
}

/// Decodes a multipart form.
pub(super) async fn multipart(content_type: &str, body: Bytes) -> Result<Fields, NestedParamsError> {
    let broken =
        |error: multer::Error| NestedParamsError::unreadable(format!("the body is not multipart: {error}"));
    let boundary = multer::parse_boundary(content_type).map_err(broken)?;
    let length = body.len();
    let chunks = (0..length).step_by(CHUNK_SIZE).map(move |at| body.slice(at..length.min(at + CHUNK_SIZE)));
    let mut parts = multer::Multipart::new(stream::iter(chunks.map(Ok::<Bytes, Infallible>)), boundary);
    let mut form = MultipartText { text: Vec::with_capacity(length), parts: Vec::new() };
    while let Some(mut part) = parts.next_field().await.map_err(broken)? {
        if form.parts.len() == MAX_PAIRS {
            return Err(NestedParamsError::TooMany);
        }
        form.text.extend(part_name(part.headers().get(CONTENT_DISPOSITION.as_str()))?.as_bytes());
        let value = form.text.len();
        while let Some(chunk) = part.chunk().await.map_err(broken)? {
            form.text.extend(&chunk);
        }
        form.parts.push((value, form.text.len()));
    }
    form.decode(length)
}

/// The names and values of a multipart form, one after another.
struct MultipartText {
    text: Vec<u8>,
    /// Where the value of each part starts and ends.
    parts: Vec<(usize, usize)>,
}

impl MultipartText {
    fn decode(&self, length: usize) -> Result<Fields, NestedParamsError> {
        let mut form = Form::new();
        let mut start = 0;
        for (value, end) in &self.parts {
            form.add(self.text[start..*value].into(), Text::Plain(&self.text[*value..*end]))?;
            start = *end;
        }
        form.finish(length)
    }
}

/// The name in the `Content-Disposition` of a part. A part without exactly one readable name is refused,
/// because a parameter that restricts the request must not get lost.
fn part_name(header: Option<&impl AsRef<[u8]>>) -> Result<String, NestedParamsError> {
    let unreadable = || NestedParamsError::unreadable("a part of the body has no readable name");
    let header = header.and_then(|value| HeaderValue::from_bytes(value.as_ref()).ok());
    let disposition = header.and_then(|value| ContentDisposition::from_raw(&value).ok());
    let disposition = disposition.filter(ContentDisposition::is_form_data).ok_or_else(unreadable)?;
    let mut names = disposition.parameters.iter().filter_map(DispositionParam::as_name);
    match (names.next(), names.next()) {
        (Some(name), None) => Ok(name.to_owned()),
        _ => Err(unreadable()),
    }
}

/// The fields of a form by name.
struct Form<'a> {
    tree: Tree<'a>,
    pairs: usize,
    parts: usize,
}

impl<'a> Form<'a> {
    fn new() -> Self {
        Self { tree: Tree::new(), pairs: 0, parts: 0 }
    }

    fn add(&mut self, name: Vec<u8>, value: Text<'a>) -> Result<(), NestedParamsError> {
        let name = String::from_utf8(name).map_err(|_| NestedParamsError::not_utf8())?;
        let (root, parts) = name_parts(&name)?;
        self.pairs += 1;
        self.parts += parts.len();
        if self.pairs > MAX_PAIRS || self.parts > MAX_NAME_PARTS {
            return Err(NestedParamsError::TooMany);
        }
        self.tree.insert(root, &parts, value).map_err(|OtherShape| NestedParamsError::invalid(root))
    }

    /// Writes the form as the text of a JSON object.
    fn finish(self, length: usize) -> Result<Fields, NestedParamsError> {
        if self.pairs == 0 {
            return Ok(Fields::default());
        }
        let mut json = String::with_capacity(length + 16);
        self.tree.write(&mut json)?;
        drop(self.tree);
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

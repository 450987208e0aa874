//! Parameters as a tree: objects and lists in one another, as Grape reads them, whatever form the body has.
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use serde_json::{Map, Value};

use crate::params::{JSON_DEPTH, MOST_VALUES, essence, extent, has_too_many, multipart_pairs, pairs};
use crate::{RestError, body};

/// The parameters of a request: query string and body as one, the body before the query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NestedParams(pub Map<String, Value>);

/// Why there are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NestedParamsError {
    #[error("message body does not match declared format")]
    Unreadable,
    #[error("The provided content-type '{0}' is not supported.")]
    UnsupportedMediaType(String),
    #[error("there are too many values")]
    TooMany,
}

/// What was sent as parameters, good or bad: extractors run side by side, and whoever may not ask must hear that before
/// anything is said of the body.
#[derive(Debug)]
pub struct DeferredParams<E>(Result<NestedParams, E>);

impl<E: From<RestError> + From<NestedParamsError> + 'static> FromRequest for DeferredParams<E> {
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Infallible>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, body) = (request.clone(), body::read(request, payload));
        Box::pin(async move {
            let read = async {
                let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
                let content_type = content_type.unwrap_or_default();
                Ok(NestedParams::decode(request.query_string(), content_type, body.await?).await?)
            };
            Ok(Self(read.await))
        })
    }
}

impl<E> DeferredParams<E> {
    /// The parameters, once it is known who sends them.
    pub fn tree(self) -> Result<NestedParams, E> {
        self.0
    }
}

impl NestedParams {
    /// Reads query string and body. A body without a type is JSON if it begins as JSON does, else a form.
    pub async fn decode(query: &str, content_type: &str, body: Bytes) -> Result<Self, NestedParamsError> {
        let mut tree = form(query.as_bytes())?;
        let trimmed = body.trim_ascii();
        if trimmed.is_empty() {
            return Ok(Self(tree));
        }
        let further = match essence(content_type).as_str() {
            "application/json" => json(trimmed)?,
            "application/x-www-form-urlencoded" => form(&body)?,
            "multipart/form-data" => {
                nested(multipart_pairs(content_type, body).await.map_err(|_| NestedParamsError::Unreadable)?)?
            }
            "" if matches!(trimmed[0], b'{' | b'[' | b'"') => json(trimmed)?,
            "" => form(&body)?,
            other => return Err(NestedParamsError::UnsupportedMediaType(other.to_owned())),
        };
        tree.extend(further);
        Ok(Self(tree))
    }
}

/// An object; or a text that holds one, as the page's own example sends it.
fn json(body: &[u8]) -> Result<Map<String, Value>, NestedParamsError> {
    match parse_json(body)? {
        Value::String(text) => match parse_json(text.as_bytes())? {
            Value::Object(map) => Ok(map),
            _ => Err(NestedParamsError::Unreadable),
        },
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        _ => Err(NestedParamsError::Unreadable),
    }
}

/// Reads JSON that is neither too deep nor of too many values.
pub fn parse_json(json: &[u8]) -> Result<Value, NestedParamsError> {
    let (depth, values) = extent(json);
    if depth > JSON_DEPTH {
        return Err(NestedParamsError::Unreadable);
    }
    if values > MOST_VALUES {
        return Err(NestedParamsError::TooMany);
    }
    serde_json::from_slice(json).map_err(|_| NestedParamsError::Unreadable)
}

fn form(text: &[u8]) -> Result<Map<String, Value>, NestedParamsError> {
    if has_too_many(text) { Err(NestedParamsError::TooMany) } else { nested(pairs(text)) }
}

/// Each part of a name counts as a value: there may be an object or a list for it.
fn nested(pairs: Option<Vec<(String, String)>>) -> Result<Map<String, Value>, NestedParamsError> {
    let (mut map, mut values) = (Map::new(), 0);
    for (name, value) in pairs.ok_or(NestedParamsError::Unreadable)? {
        let segments = segments(&name);
        if segments.len() > JSON_DEPTH {
            return Err(NestedParamsError::Unreadable);
        }
        values += segments.len();
        if values > MOST_VALUES {
            return Err(NestedParamsError::TooMany);
        }
        insert(&mut map, &segments, Value::String(value))?;
    }
    Ok(map)
}

/// `a[b][]` is `a`, `b` and the list's empty name. What is no such name is one name.
fn segments(name: &str) -> Vec<&str> {
    let whole = || vec![name];
    let Some((root, rest)) = name.split_once('[').filter(|(root, _)| !root.is_empty()) else {
        return whole();
    };
    let Some(inner) = rest.strip_suffix(']') else { return whole() };
    std::iter::once(root).chain(inner.split("][")).collect()
}

fn insert(map: &mut Map<String, Value>, segments: &[&str], value: Value) -> Result<(), NestedParamsError> {
    let [name, rest @ ..] = segments else { return Err(NestedParamsError::Unreadable) };
    match rest {
        [] => drop(map.insert((*name).to_owned(), value)),
        ["", rest @ ..] => {
            let list = map.entry(*name).or_insert_with(|| Value::Array(Vec::new()));
            append(list.as_array_mut().ok_or(NestedParamsError::Unreadable)?, rest, value)?;
        }
        rest => {
            let inner = map.entry(*name).or_insert_with(|| Value::Object(Map::new()));
            insert(inner.as_object_mut().ok_or(NestedParamsError::Unreadable)?, rest, value)?;
        }
    }
    Ok(())
}

/// A name that the last object of a list has already begins the next object.
fn append(list: &mut Vec<Value>, rest: &[&str], value: Value) -> Result<(), NestedParamsError> {
    if rest.is_empty() {
        list.push(value);
        return Ok(());
    }
    if !list.last().is_some_and(|last| last.is_object() && !has(last, rest)) {
        list.push(Value::Object(Map::new()));
    }
    let newest = list.last_mut().and_then(Value::as_object_mut).ok_or(NestedParamsError::Unreadable)?;
    insert(newest, rest, value)
}

/// Whether an object has a value under the whole name. A name with a list in it can have one more.
fn has(object: &Value, name: &[&str]) -> bool {
    let is_of_list = name.iter().skip(1).any(|segment| segment.is_empty());
    !is_of_list && name.iter().try_fold(object, |inner, segment| inner.get(*segment)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FORM: &str = "application/x-www-form-urlencoded";

    async fn decode(query: &str, content_type: &str, body: &str) -> Result<Value, NestedParamsError> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        NestedParams::decode(query, content_type, body).await.map(|tree| Value::Object(tree.0))
    }

    #[actix_web::test]
    async fn nested_names_are_a_tree() {
        let body = "counters[a]=1&counters[b]=2&uuids[]=x&uuids[]=y&e[n][][u]=1&e[n][][p]=2&e[n][][u]=3&plain=4&odd]=5";
        let expected = json!({
            "counters": { "a": "1", "b": "2" }, "uuids": ["x", "y"], "e": { "n": [{ "u": "1", "p": "2" }, { "u": "3" }] },
            "plain": "4", "odd]": "5",
        });
        assert_eq!(decode("", FORM, body).await, Ok(expected.clone()));
        assert_eq!(decode(body, "", "").await, Ok(expected.clone()));
        assert_eq!(decode("", "", body).await, Ok(expected.clone()));
        assert_eq!(
            decode("plain=q", "application/json; charset=utf-8", &expected.to_string()).await,
            Ok(expected)
        );
    }

    #[actix_web::test]
    async fn a_whole_name_that_is_there_begins_the_next_object() {
        for (body, expected) in [
            ("e[][d][v]=1&e[][d][v]=2", json!({ "e": [{ "d": { "v": "1" } }, { "d": { "v": "2" } }] })),
            ("e[][d][v]=1&e[][d][w]=2", json!({ "e": [{ "d": { "v": "1", "w": "2" } }] })),
            ("e[][d][]=1&e[][d][]=2", json!({ "e": [{ "d": ["1", "2"] }] })),
            ("e[]=1&e[][d]=2", json!({ "e": ["1", { "d": "2" }] })),
        ] {
            assert_eq!(decode("", FORM, body).await, Ok(expected), "{body}");
        }
        assert_eq!(decode("", FORM, "e[][d]=1&e[][d][v]=2").await, Err(NestedParamsError::Unreadable));
    }

    #[actix_web::test]
    async fn a_text_that_holds_json_is_read_as_that() {
        let object = json!({ "alert": { "title": "minimal" } });
        let twice = Value::String(object.to_string()).to_string();
        for content_type in ["application/json", ""] {
            assert_eq!(decode("", content_type, &twice).await, Ok(object.clone()));
        }
        let thrice = Value::String(twice).to_string();
        assert_eq!(decode("", "application/json", &thrice).await, Err(NestedParamsError::Unreadable));
    }

    #[actix_web::test]
    async fn what_is_no_tree_is_refused() {
        for body in ["{", "[1]", "7", "true", "\"x\"", "{\"a\":1}}"] {
            assert_eq!(
                decode("", "application/json", body).await,
                Err(NestedParamsError::Unreadable),
                "{body}"
            );
        }
        for body in ["a=1&a[b]=2", "a[]=1&a[b]=2", "a[b]=1&a[]=2", "a=%FF"] {
            assert_eq!(decode("", FORM, body).await, Err(NestedParamsError::Unreadable), "{body}");
        }
        let deep = format!("a{}=1", "[b]".repeat(64));
        assert_eq!(decode("", FORM, &deep).await, Err(NestedParamsError::Unreadable));
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
        assert_eq!(decode("", "application/json", &deep).await, Err(NestedParamsError::Unreadable));
        let unsupported = NestedParamsError::UnsupportedMediaType("text/plain".to_owned());
        assert_eq!(decode("", "text/plain", "x").await, Err(unsupported));
        assert_eq!(decode("", "text/plain", " ").await, Ok(json!({})));
        assert_eq!(decode("", "application/json", "null").await, Ok(json!({})));
    }

    #[actix_web::test]
    async fn there_are_not_more_than_250_000_values() {
        fn list(values: usize) -> String {
            format!("{{\"a\":[{}1]}}", "1,".repeat(values - 2))
        }
        fn pairs(pairs: usize) -> String {
            format!("a=1{}", "&a=1".repeat(pairs - 1))
        }
        for values in [MOST_VALUES, MOST_VALUES + 1] {
            let bodies = [
                ("application/json", list(values)),
                ("application/json", Value::String(list(values)).to_string()),
                (FORM, pairs(values)),
                // Each pair is two values: an object, and a text in it.
                (FORM, "a[b]=1&".repeat(values.div_ceil(2))),
            ];
            for (content_type, body) in bodies {
                let refused = decode("", content_type, &body).await == Err(NestedParamsError::TooMany);
                assert_eq!(refused, values > MOST_VALUES);
            }
        }
        assert_eq!(decode(&pairs(MOST_VALUES + 1), "", "").await, Err(NestedParamsError::TooMany));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(query in "[a\\[\\]=&%]*", body in proptest::collection::vec(proptest::num::u8::ANY, 0..200), kind in 0..4_usize) {
            let kinds = ["application/json", FORM, "multipart/form-data; boundary=X", ""];
            let _ = futures_util::FutureExt::now_or_never(NestedParams::decode(&query, kinds[kind], Bytes::from(body)));
        }
    }
}

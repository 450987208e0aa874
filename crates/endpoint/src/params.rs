//! Parameters: the query string and the body as one, whatever form the body has.
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use futures_util::stream;
use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use crate::{RestError, body};

/// Arrays and objects that stand in one another, at most.
pub(crate) const JSON_DEPTH: usize = 64;

/// Values of JSON, or pairs of a form, that are read at most: one takes up to some hundred bytes once it is read.
pub(crate) const MOST_VALUES: usize = 250_000;

/// The parameters of a request. What the body says wins over the query string; `null` is not there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params(Map<String, Value>);

impl FromRequest for Params {
    type Error = RestError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, RestError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, body) = (request.clone(), body::read(request, payload));
        Box::pin(async move {
            let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            Self::decode(request.query_string(), content_type.unwrap_or_default(), body.await?).await
        })
    }
}

impl Params {
    /// Reads query string and body.
    pub async fn decode(query: &str, content_type: &str, body: Bytes) -> Result<Self, RestError> {
        let mut params = form(query.as_bytes())?;
        params.extend(decode_body(content_type, body).await?);
        params.retain(|_, value| !value.is_null());
        Ok(Self(params))
    }

    /// A text; a number or a truth value is taken for its text.
    pub fn text(&self, name: &str) -> Result<Option<String>, RestError> {
        self.0.get(name).map(|value| text(name, value)).transpose()
    }

    /// A text that must be there; a blank one is not.
    pub fn required_text(&self, name: &str) -> Result<String, RestError> {
        self.text(name)?.filter(|text| !text.trim().is_empty()).ok_or_else(|| RestError::missing(name))
    }

    /// A whole number, as a number or as its decimal text. Blank text is not there.
    pub fn id(&self, name: &str) -> Result<Option<i64>, RestError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => text.trim().parse().map(Some).map_err(|_| RestError::invalid(name)),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| RestError::invalid(name)),
        }
    }

    /// A switch: a truth value or its text.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, RestError> {
        match self.text(name)?.as_deref().map(str::trim) {
            None | Some("") => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(_) => Err(RestError::invalid(name)),
        }
    }

    /// The parameters that stand in another: an object, or the `name[field]` of a form.
    pub fn object(&self, name: &str) -> Result<Self, RestError> {
        match self.0.get(name) {
            Some(Value::Object(map)) => {
                Ok(Self(map.clone().into_iter().filter(|(_, value)| !value.is_null()).collect()))
            }
            Some(_) => Err(RestError::invalid(name)),
            None => {
                let field = |key: &str| {
                    key.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']').map(ToOwned::to_owned)
                };
                Ok(Self(
                    self.0.iter().filter_map(|(key, value)| Some((field(key)?, value.clone()))).collect(),
                ))
            }
        }
    }

    /// Texts: an array, or one bare value.
    pub fn list(&self, name: &str) -> Result<Vec<String>, RestError> {
        match self.0.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => {
                values.iter().filter(|value| !value.is_null()).map(|value| text(name, value)).collect()
            }
            Some(value) => Ok(vec![text(name, value)?]),
        }
    }
}

/// No database text holds a NUL, and no parameter needs one.
fn text(name: &str, value: &Value) -> Result<String, RestError> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(yes) => yes.to_string(),
        _ => return Err(RestError::invalid(name)),
    };
    if text.contains('\0') { Err(RestError::invalid(name)) } else { Ok(text) }
}

async fn decode_body(content_type: &str, body: Bytes) -> Result<Map<String, Value>, RestError> {
    let essence = essence(content_type);
    if body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    match essence.as_str() {
        "application/json" => json(&body),
        "application/x-www-form-urlencoded" => form(&body),
        "multipart/form-data" => multipart(content_type, body).await,
        "" if body.trim_ascii_start().starts_with(b"{") => json(&body),
        _ => Err(RestError::UnsupportedMediaType(essence)),
    }
}

/// A media type without its parameters.
pub(crate) fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn json(body: &[u8]) -> Result<Map<String, Value>, RestError> {
    let (depth, values) = extent(body);
    if depth > JSON_DEPTH {
        return Err(RestError::BadRequest("the JSON is nested too deeply".to_owned()));
    }
    if values > MOST_VALUES {
        return Err(RestError::TooLarge);
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(RestError::BadRequest("the body is not a JSON object".to_owned())),
        Err(error) => Err(RestError::BadRequest(format!("the body is not JSON: {error}"))),
    }
}

/// How many brackets are open at once, at most, and how many values there are: what opens and what stands after a
/// comma. What is in texts does not count.
pub(crate) fn extent(json: &[u8]) -> (usize, usize) {
    let (mut depth, mut deepest, mut values) = (0_usize, 0, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
                values += 1;
            }
            b',' if !in_text => values += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    (deepest, values)
}

fn form(text: &[u8]) -> Result<Map<String, Value>, RestError> {
    if has_too_many(text) { Err(RestError::TooLarge) } else { flat(pairs(text)) }
}

fn flat(pairs: Option<Vec<(String, String)>>) -> Result<Map<String, Value>, RestError> {
    let not_text = || RestError::BadRequest("the parameters are not in UTF-8".to_owned());
    let pairs = pairs.ok_or_else(not_text)?;
    if pairs.len() > MOST_VALUES {
        return Err(RestError::TooLarge);
    }
    let mut map = Map::new();
    for (name, value) in pairs {
        insert(&mut map, name, value);
    }
    Ok(map)
}

/// Whether a form has more pairs than are read, without reading them.
pub(crate) fn has_too_many(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'&').nth(MOST_VALUES).is_some()
}

/// `a=1&b[]=x&b[]=y`; `None` where one is no text. Blanks, slashes and brackets need not be encoded: curl does not encode them.
pub(crate) fn pairs(text: &[u8]) -> Option<Vec<(String, String)>> {
    let texts = |(name, value)| Some((String::from_utf8(name).ok()?, String::from_utf8(value).ok()?));
    bytes_of_pairs(text).map(texts).collect()
}

pub(crate) fn bytes_of_pairs(text: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let mut part = || decoded(parts.next().unwrap_or_default());
        (part(), part())
    })
}

fn decoded(bytes: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).collect()
}

/// A name that ends in `[]` names a list; of other names the last value counts.
fn insert(map: &mut Map<String, Value>, name: String, value: String) {
    match name.strip_suffix("[]") {
        None => drop(map.insert(name, Value::String(value))),
        Some(list) => match map.get_mut(list) {
            Some(Value::Array(values)) => values.push(Value::String(value)),
            _ => drop(map.insert(list.to_owned(), Value::Array(vec![Value::String(value)]))),
        },
    }
}

async fn multipart(content_type: &str, body: Bytes) -> Result<Map<String, Value>, RestError> {
    let pairs = multipart_pairs(content_type, body).await;
    flat(pairs.map_err(|error| RestError::BadRequest(format!("the body is not multipart: {error}")))?)
}

/// The same of a form in parts.
pub(crate) async fn multipart_pairs(
    content_type: &str,
    body: Bytes,
) -> Result<Option<Vec<(String, String)>>, multer::Error> {
    let boundary = multer::parse_boundary(content_type)?;
    let whole = stream::once(async { Ok::<Bytes, std::convert::Infallible>(body) });
    let mut parts = multer::Multipart::new(whole, boundary);
    let mut pairs = Vec::new();
    while let Some(part) = parts.next_field().await? {
        if let Some(name) = part.name().map(ToOwned::to_owned) {
            let value = part.bytes().await?;
            let Ok(value) = String::from_utf8(value.into()) else { return Ok(None) };
            pairs.push((name, value));
            if pairs.len() > MOST_VALUES {
                break; // whoever reads them refuses them
            }
        }
    }
    Ok(Some(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    async fn decode(query: &str, content_type: &str, body: &'static [u8]) -> Value {
        match Params::decode(query, content_type, Bytes::from_static(body)).await {
            Ok(params) => Value::Object(params.0),
            Err(error) => Value::String(error.to_string()),
        }
    }

    #[actix_web::test]
    async fn every_form_means_the_same() {
        let expected = json!({ "a": "1", "b": ["x", "y z"] });
        let form = "application/x-www-form-urlencoded";
        assert_eq!(decode("a=2", form, b"a=1&b[]=x&b%5B%5D=y+z").await, expected);
        assert_eq!(decode("", form, b"a=1&b[]=x&b[]=y z&").await, expected);
        assert_eq!(
            decode("b[]=q", "application/json; charset=utf-8", br#"{"a":"1","b":["x","y z"],"c":null}"#)
                .await,
            expected
        );
        assert_eq!(decode("", "", br#"{"a":"1","b":["x","y z"]}"#).await, expected);
        let multipart = b"--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--X\r\nContent-Disposition: form-data; name=\"b[]\"\r\n\r\nx\r\n--X\r\nContent-Disposition: form-data; name=\"b[]\"\r\n\r\ny z\r\n--X--\r\n";
        assert_eq!(decode("", "multipart/form-data; boundary=X", multipart).await, expected);
    }

    #[actix_web::test]
    async fn what_is_no_form_is_refused() {
        assert_eq!(decode("", "application/json", b"").await, json!({}));
        assert_eq!(
            decode("", "application/json", b"[1]").await,
            json!("Bad request - the body is not a JSON object")
        );
        let broken = decode("", "application/json", b"{").await;
        assert!(broken.as_str().unwrap().starts_with("Bad request - the body is not JSON: "), "{broken}");
        for text in ["a=%FF", "%FF=a"] {
            let mangled = json!("Bad request - the parameters are not in UTF-8");
            assert_eq!(decode(text, "", b"").await, mangled);
            assert_eq!(decode("", "application/x-www-form-urlencoded", text.as_bytes()).await, mangled);
        }
        let unsupported = "The provided content-type 'text/plain' is not supported.";
        assert_eq!(decode("", "text/plain", b"{}").await, json!(unsupported));
        assert!(decode("", "multipart/form-data; boundary=X", b"nonsense").await.is_string());
    }

    #[actix_web::test]
    async fn json_is_not_deeper_than_64() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        let read = |text: String| Params::decode("", "application/json", Bytes::from(text));
        assert!(read(nested(64)).await.is_ok());
        assert!(read(nested(65)).await.is_err());
        assert!(read(format!("{{\"a\":\"{}\"}}", "[".repeat(100))).await.is_ok());
    }

    #[actix_web::test]
    async fn there_are_not_more_than_250_000_values() {
        let form = "application/x-www-form-urlencoded";
        let json = |values: usize| format!("{{\"a\":[{}1]}}", "1,".repeat(values - 2));
        let text = format!("{{\"a\":\"{}\"}}", ",".repeat(MOST_VALUES + 1));
        let pairs = |pairs: usize| format!("a=1{}", "&a=1".repeat(pairs - 1));
        for (content_type, most) in
            [("application/json", json(MOST_VALUES)), ("", text), (form, pairs(MOST_VALUES))]
        {
            assert!(Params::decode("", content_type, Bytes::from(most)).await.is_ok(), "{content_type}");
        }
        for (content_type, more) in [
            ("application/json", json(MOST_VALUES + 1)),
            ("", json(MOST_VALUES + 1)),
            (form, pairs(MOST_VALUES + 1)),
        ] {
            let refused = Params::decode("", content_type, Bytes::from(more)).await;
            assert!(matches!(refused, Err(RestError::TooLarge)), "{content_type}");
        }
        let query = pairs(MOST_VALUES + 1);
        assert!(matches!(Params::decode(&query, "", Bytes::new()).await, Err(RestError::TooLarge)));
    }

    #[actix_web::test]
    async fn values_are_read_as_what_they_should_be() {
        let body =
            br#"{"n":7,"s":"8","bad":"8x","f":1.5,"o":{},"z":"a\u0000b","blank":" ","l":["a",1],"one":"a"}"#;
        let params = Params::decode("", "application/json", Bytes::from_static(body)).await.unwrap();
        assert_eq!(params.id("n").unwrap(), Some(7));
        assert_eq!(params.id("s").unwrap(), Some(8));
        assert_eq!(params.id("blank").unwrap(), None);
        assert_eq!(params.id("absent").unwrap(), None);
        assert_eq!(params.text("n").unwrap().as_deref(), Some("7"));
        assert_eq!(params.list("l").unwrap(), ["a", "1"]);
        assert_eq!(params.list("one").unwrap(), ["a"]);
        for (name, error) in [
            ("bad", params.id("bad").err()),
            ("f", params.id("f").err()),
            ("o", params.text("o").err()),
            ("z", params.text("z").err()),
        ] {
            assert_eq!(error.unwrap().to_string(), format!("Bad request - {name} is invalid"));
        }
        assert_eq!(
            params.required_text("absent").unwrap_err().to_string(),
            "Bad request - absent is missing"
        );
    }

    #[actix_web::test]
    async fn what_stands_in_another_is_read_in_either_form() {
        let json = br#"{"stats":{"wants":3,"haves":null},"bad":[1],"yes":true,"no":"0","maybe":"x"}"#;
        let json = Params::decode("", "application/json", Bytes::from_static(json)).await.unwrap();
        let form = "application/x-www-form-urlencoded";
        let form = Params::decode("stats[wants]=3&stats=", form, Bytes::from_static(b"other[haves]=1")).await;
        assert_eq!(json.object("stats").unwrap(), Params(json!({ "wants": 3 }).as_object().unwrap().clone()));
        assert!(form.unwrap().object("stats").is_err(), "a text holds nothing");
        let form =
            Params::decode("stats[wants]=3&stat[haves]=1&stats[open=1", "", Bytes::new()).await.unwrap();
        assert_eq!(
            form.object("stats").unwrap(),
            Params(json!({ "wants": "3" }).as_object().unwrap().clone())
        );
        assert_eq!(form.object("absent").unwrap(), Params::default());
        assert!(json.object("bad").is_err());
        let flags = ["yes", "no", "absent"].map(|name| json.flag(name).unwrap());
        assert_eq!(flags, [Some(true), Some(false), None]);
        assert!(json.flag("maybe").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200), kind in 0..4_usize) {
            let kinds = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=X", ""];
            let _ = futures_util::FutureExt::now_or_never(Params::decode("a[]=1&a=2", kinds[kind], Bytes::from(body)));
        }
    }
}

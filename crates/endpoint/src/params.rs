//! Typed access to parameters by name. The first parameter that cannot be read is the error.
use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use domain::json::{Json, Kind, parse_bool, parse_integer};

use crate::nested_params::content_type;
use crate::{NestedParams, RestError, body};

/// The parameters of a request.
///
/// `null` and an empty string count as absent, and so does a blank string unless a string is expected. A
/// value of another type or shape is an error, because a parameter that restricts the request must not get
/// lost.
#[derive(Debug, Clone, Default)]
pub struct Params(NestedParams);

impl FromRequest for Params {
    type Error = RestError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, RestError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, body) = (request.clone(), body::read(request, payload));
        Box::pin(async move {
            let body = body.await?;
            Self::decode(request.query_string(), content_type(&request), body).await
        })
    }
}

impl Params {
    /// Decodes query string and body.
    pub async fn decode(query: &str, content_type: &str, body: Bytes) -> Result<Self, RestError> {
        Ok(Self(NestedParams::decode(query, content_type, body).await?))
    }

    /// Returns a string. A number or a boolean is converted to a string.
    pub fn text(&self, name: &str) -> Result<Option<String>, RestError> {
        let text = self.0.get(name).map(|value| text(name, value)).transpose()?;
        Ok(text.filter(|text| !text.is_empty()).map(Cow::into_owned))
    }

    /// Returns a string that must be present and not blank.
    pub fn required_text(&self, name: &str) -> Result<String, RestError> {
        self.text(name)?.filter(|text| !text.trim().is_empty()).ok_or_else(|| RestError::missing(name))
    }

    /// Returns an integer, sent as a number or a decimal string.
    pub fn id(&self, name: &str) -> Result<Option<i64>, RestError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let id = match value.kind() {
            Kind::Text(text) if text.trim().is_empty() => return Ok(None),
            Kind::Text(text) => parse_integer(text.trim()),
            _ => value.as_i64(),
        };
        id.map(Some).ok_or_else(|| RestError::invalid(name))
    }

    /// Returns a boolean, sent as `true`, `false`, `1` or `0`.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, RestError> {
        match self.text(name)?.as_deref().map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) => parse_bool(text).map(Some).ok_or_else(|| RestError::invalid(name)),
        }
    }

    /// Returns the parameters inside an object; empty if the object is absent.
    pub fn object(&self, name: &str) -> Result<Self, RestError> {
        match self.0.get(name) {
            None => Ok(Self::default()),
            Some(value) if value.is_object() => Ok(Self(NestedParams::from_json(value))),
            Some(_) => Err(RestError::invalid(name)),
        }
    }

    /// Returns an array of strings. A single string counts as an array of one.
    pub fn list(&self, name: &str) -> Result<Vec<String>, RestError> {
        Ok(self.strings(name)?.map(Cow::into_owned).collect())
    }

    /// The strings of [`list`](Self::list), one by one: a body of 20 MiB can hold millions. All of them are
    /// checked first.
    pub fn strings<'a>(
        &'a self,
        name: &str,
    ) -> Result<impl Iterator<Item = Cow<'a, str>> + Clone + use<'a>, RestError> {
        let value = self.0.get(name);
        let single = value.filter(|value| !value.is_array());
        let single = single.map(|value| text(name, value)).transpose()?;
        let items = value.and_then(Json::items).into_iter().flatten().filter(|item| !item.is_null());
        items.clone().try_for_each(|item| text(name, item).map(drop))?;
        let strings = items.filter_map(Json::to_text);
        Ok(strings.chain(single.filter(|text| !text.trim().is_empty())))
    }

    /// Checks the shape of an array of strings that is not used.
    pub fn check_list(&self, name: &str) -> Result<(), RestError> {
        self.strings(name).map(drop)
    }
}

/// Rejects strings that contain NUL, which the databases cannot store.
fn text<'a>(name: &str, value: Json<'a>) -> Result<Cow<'a, str>, RestError> {
    value.to_storable_text().ok_or_else(|| RestError::invalid(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FORM: &str = "application/x-www-form-urlencoded";

    async fn decode(query: &str, content_type: &str, body: &'static [u8]) -> Params {
        Params::decode(query, content_type, Bytes::from_static(body)).await.unwrap()
    }

    #[actix_web::test]
    async fn values_are_read_by_type() {
        let body = br#"{"n":7,"s":"8","bad":"8x","f":1.5,"o":{},"z":"a\u0000b","blank":" ","l":["a",1,null],
            "one":"a","empty":"","none":[],"null":null}"#;
        let params = decode("null=1", "application/json", body).await;
        assert_eq!(params.id("n").unwrap(), Some(7));
        assert_eq!(params.id("s").unwrap(), Some(8));
        assert_eq!(params.text("n").unwrap().as_deref(), Some("7"));
        assert_eq!(params.text("blank").unwrap().as_deref(), Some(" "));
        assert_eq!(params.list("l").unwrap(), ["a", "1"]);
        assert_eq!(params.list("one").unwrap(), ["a"]);
        assert!(params.check_list("l").is_ok() && params.check_list("absent").is_ok());
        for absent in ["blank", "empty", "null", "absent"] {
            assert_eq!(params.id(absent).unwrap(), None, "{absent}");
            assert_eq!(params.flag(absent).unwrap(), None, "{absent}");
            assert!(params.list(absent).unwrap().is_empty(), "{absent}");
            let missing = params.required_text(absent).unwrap_err().to_string();
            assert_eq!(missing, format!("Bad request - {absent} is missing"));
        }
        assert_eq!(params.text("empty").unwrap(), None);
        assert!(params.list("none").unwrap().is_empty());
        for (name, error) in [
            ("bad", params.id("bad").err()),
            ("f", params.id("f").err()),
            ("o", params.text("o").err()),
            ("l", params.text("l").err()),
            ("z", params.text("z").err()),
            ("o", params.list("o").err()),
            ("z", params.list("z").err()),
            ("z", params.check_list("z").err()),
        ] {
            assert_eq!(error.unwrap().to_string(), format!("Bad request - {name} is invalid"));
        }
    }

    #[actix_web::test]
    async fn a_wrong_shape_is_an_error_in_every_encoding() {
        let multipart = |name: &str| {
            format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n1\r\n--X--\r\n")
        };
        for (name, value) in
            [("p[a]", json!({ "a": "1" })), ("p[]", json!(["1"])), ("p[0]", json!({ "0": "1" }))]
        {
            let form = format!("{name}=1");
            for (query, content_type, body) in [
                (form.as_str(), "", String::new()),
                ("", FORM, form.clone()),
                ("", "", form.clone()),
                ("p=1", "multipart/form-data; boundary=X", multipart(name)),
                ("p=1", "application/json", json!({ "p": value }).to_string()),
            ] {
                let params = Params::decode(query, content_type, Bytes::from(body)).await.unwrap();
                let what = format!("{name} {content_type}");
                assert!(
                    params.text("p").is_err() && params.id("p").is_err() && params.flag("p").is_err(),
                    "{what}"
                );
                assert_eq!(params.list("p").is_ok(), value.is_array(), "{what}");
                assert_eq!(params.object("p").is_ok(), value.is_object(), "{what}");
            }
        }
    }

    #[actix_web::test]
    async fn an_object_has_parameters_of_its_own() {
        let json =
            decode("", "", br#"{"stats":{"wants":3,"haves":null},"bad":[1],"yes":true,"no":"0"}"#).await;
        let form = decode("stats[haves]=9", FORM, b"stats[wants]=3&other=1").await;
        for params in [&json, &form] {
            let stats = params.object("stats").unwrap();
            assert_eq!((stats.id("wants").unwrap(), stats.id("haves").unwrap()), (Some(3), None));
            assert_eq!(params.object("absent").unwrap().id("wants").unwrap(), None);
        }
        assert!(json.object("bad").is_err() && form.object("other").is_err());
        assert_eq!(["yes", "no"].map(|name| json.flag(name).unwrap()), [Some(true), Some(false)]);
        assert!(form.object("stats").unwrap().flag("wants").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200), kind in 0..4_usize) {
            let kinds = ["application/json", FORM, "multipart/form-data; boundary=X", ""];
            let _ = futures_util::FutureExt::now_or_never(Params::decode("a[]=1&a=2", kinds[kind], Bytes::from(body)));
        }
    }
}

//! Decodes the parameters of a request: query string and body, in every encoding, into one JSON object.
//!
//! This is the only decoder. `a=1`, `a[]=1` and `a[b]=1` become the same object that a JSON body would be. A
//! parameter that does not fit is an error and is never dropped, because a parameter that restricts the
//! request must not get lost.
mod error;
mod fields;
mod form;
mod form_tree;
mod form_value;

use std::collections::HashSet;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use domain::json::{Json, JsonError};

pub use self::error::NestedParamsError;
use self::fields::Fields;
pub(crate) use self::form::pairs;
pub(crate) use self::form_value::percent_decoded;
use crate::{RestError, body};

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
        let query = form::urlencoded(query.as_bytes())?;
        let Some(first) = body.trim_ascii().first().copied() else {
            return Ok(Self { query, body: Fields::default() });
        };
        let body = match media_type(content_type).as_str() {
            "application/json" => json(body)?,
            "application/x-www-form-urlencoded" => form::urlencoded(&body)?,
            "multipart/form-data" => form::multipart(content_type, body).await?,
            "" if matches!(first, b'{' | b'[' | b'"') => json(body)?,
            "" => form::urlencoded(&body)?,
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

    /// All parameters as the text of one JSON object. A body parameter replaces a query parameter with the
    /// same name.
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(self.query.json().len() + self.body.json().len() + 2);
        json.push('{');
        let mut names: HashSet<_> = self.query.all().map(|(key, _)| key.decoded()).collect();
        if !names.is_empty() {
            for (key, _) in self.body.all() {
                names.remove(&key.decoded());
            }
        }
        let query = self.query.all().filter(|(key, _)| names.contains(&key.decoded()));
        for (key, value) in query.chain(self.body.all()) {
            json.push_str(if json.len() > 1 { "," } else { "" });
            key.as_json().write_strict(&mut json);
            json.push(':');
            value.write_strict(&mut json);
        }
        json.push('}');
        json
    }
}

/// The media type of a `Content-Type`, or of one entry of `Accept`, in lower case and without parameters.
pub fn media_type(content_type: &str) -> String {
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

#[cfg(test)]
mod tests;

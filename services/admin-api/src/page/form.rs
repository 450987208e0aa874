//! Form parsing and origin checks.
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderName, ORIGIN};
use actix_web::{FromRequest, HttpRequest};
use endpoint::{Core, DeferredParams};

use super::error::PageError;
use crate::error::AdminError;
use crate::params::Params;

/// The fields of a form or of a query.
#[derive(Debug)]
pub struct Form(Params);

impl FromRequest for Form {
    type Error = PageError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let params = DeferredParams::<AdminError>::from_request(request, payload);
        Box::pin(async move {
            let Ok(params) = params.await;
            Ok(Self(Params::read(params).await?))
        })
    }
}

impl Form {
    /// Returns a field, or an empty string if it is missing.
    pub fn text(&self, name: &'static str) -> Result<String, PageError> {
        Ok(self.0.text(name)?.unwrap_or_default())
    }

    /// Returns a field without surrounding white space.
    pub fn trimmed(&self, name: &'static str) -> Result<String, PageError> {
        Ok(self.text(name)?.trim().to_owned())
    }

    /// Returns a search term.
    pub fn search(&self, name: &'static str) -> Result<String, PageError> {
        Ok(self.0.search(name)?)
    }

    /// Returns an integer, or `None` if the field is missing or not a number.
    pub fn number(&self, name: &'static str) -> Result<Option<i64>, PageError> {
        match self.0.integer(name) {
            Err(AdminError::Parameter(..)) => Ok(None),
            read => Ok(read?),
        }
    }
}

/// Whether the request was sent by one of our own pages. Browsers report the origin; other clients have no
/// session that could be misused.
pub fn is_same_origin(request: &HttpRequest, core: &Core) -> bool {
    let header = |name: HeaderName| request.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
    let site = header(HeaderName::from_static("sec-fetch-site"));
    let Some(own) = endpoint::origin(request, core) else { return false };
    let host = |origin: &str| origin.split_once("://").map(|(_, host)| host.to_ascii_lowercase());
    site.is_none_or(|site| ["same-origin", "none"].contains(&site))
        && header(ORIGIN).is_none_or(|origin| host(origin).is_some() && host(origin) == host(&own))
}

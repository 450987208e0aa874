//! Reads the parts of a request: path, query, headers and body.
use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE};
use actix_web::web::{Data, Payload};
use database::scim::Scope;
use endpoint::{MIB, RestError, body, log_field, media_type};
use percent_encoding::percent_decode;
use scim::Object;

use crate::{App, ROOT, ScimError};

pub(crate) const SCIM_JSON: &str = "application/scim+json";
pub(crate) const JSON: &str = "application/json";

/// The memory that the JSON values of all requests may use together. A tree of values takes up to a hundred
/// times the memory of its text.
pub(crate) const VALUES_BUDGET: usize = 96 * MIB;
/// The memory of the values for each delimiter of the text, with the copies that a PATCH makes.
const BYTES_PER_DELIMITER: usize = 900;

/// The first path segments after a base path.
const RESOURCES: &[&str] =
    &["Users", ".search", "Groups", "Me", "Bulk", "ServiceProviderConfig", "ResourceTypes", "Schemas"];

/// The base path of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    pub scope: Scope,
}

impl Base {
    /// Parses the raw path, which is split before it is decoded.
    pub(crate) fn from_request(request: &HttpRequest, relative_url_root: &str) -> Option<Self> {
        let path = request.uri().path();
        let rest = path.strip_prefix(relative_url_root)?.strip_prefix(ROOT)?.strip_prefix('/')?;
        let segments: Vec<&str> = rest.split('/').collect();
        let scope = match segments.as_slice() {
            ["application", ..] => Scope::Instance,
            ["groups", group @ ..] if !group.is_empty() => {
                Scope::Group(decode(&group[..group_length(group)].join("/")))
            }
            _ => return None,
        };
        Some(Self { scope })
    }
}

/// The number of segments in the group's path: one, or all before the last resource.
fn group_length(segments: &[&str]) -> usize {
    let is_resource = |segment: &&str| RESOURCES.contains(segment);
    if segments.get(1).is_none_or(is_resource) {
        return 1;
    }
    segments.iter().rposition(is_resource).unwrap_or(1).max(1)
}

/// Decodes a segment. Invalid UTF-8 and NUL are replaced, so they match no group.
fn decode(segment: &str) -> String {
    percent_decode(segment.as_bytes()).decode_utf8_lossy().replace('\0', "\u{fffd}")
}

/// The id at the end of the path. An id that no database could store is not found.
pub(crate) fn id(request: &HttpRequest) -> Result<String, ScimError> {
    let path = request.uri().path();
    let segment = path.strip_suffix('/').unwrap_or(path).rsplit('/').next().unwrap_or_default();
    let id = scim::decode_segment(segment).filter(|id| !id.contains('\0'));
    id.ok_or_else(|| ScimError::not_found("User not found"))
}

/// The names and values of the query. `+` encodes a space.
pub(crate) fn query(request: &HttpRequest) -> Vec<(String, String)> {
    let text = |part: &str| {
        let spaced = part.replace('+', " ");
        percent_decode(spaced.as_bytes()).decode_utf8_lossy().into_owned()
    };
    let pairs = request.query_string().split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (text(name), text(value))
        })
        .collect()
}

/// Whether any media type of `Accept` satisfies the predicate.
pub(crate) fn accepts(request: &HttpRequest, is_it: impl Fn(&str) -> bool) -> bool {
    media_types(request).iter().any(|media_type| is_it(media_type))
}

/// The media types of `Accept`, in lower case and without parameters.
pub(crate) fn media_types(request: &HttpRequest) -> Vec<String> {
    let headers = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    headers
        .flat_map(|value| value.split(','))
        .map(media_type)
        .filter(|media_type| !media_type.is_empty())
        .collect()
}

/// Parses the body as a JSON object.
pub(crate) async fn object(request: &HttpRequest, payload: Payload) -> Result<Object, ScimError> {
    let content_type = request.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    let sent_type = content_type.map(media_type).unwrap_or_default();
    if !["", JSON, SCIM_JSON].contains(&sent_type.as_str()) {
        return Err(RestError::UnsupportedMediaType(sent_type).into());
    }
    let body = body::read(request, &mut payload.into_inner()).await?;
    reserve(request, &body).await?;
    Ok(Object::parse(&body)?)
}

/// Reserves memory for the JSON values of a body until the request ends.
async fn reserve(request: &HttpRequest, body: &[u8]) -> Result<(), RestError> {
    let Some(app) = request.app_data::<Data<App>>() else { return Err(RestError::TooLarge) };
    let delimiters = body.iter().filter(|byte| b"{[,:".contains(byte)).count();
    app.values_budget.reserve(request, delimiters * BYTES_PER_DELIMITER).await
}

/// Logs the names of unknown attributes in a PATCH. Values are not logged, because they may be personal
/// data.
pub(crate) fn log_ignored(names: &[String]) {
    if !names.is_empty() {
        log_field("ignored_attributes", names.to_vec());
    }
}

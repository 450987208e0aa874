//! The common parts of responses: media type, entity tags, and errors for unknown paths.
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpRequest, HttpResponse, HttpResponseBuilder};
use scim::{Group, Node, Selection, User};

use crate::{App, Representation, ScimError, ScimProvider, request};

/// Builds a response with a document.
pub(crate) fn body(answer: &mut HttpResponseBuilder, document: &Node) -> HttpResponse {
    // All keys of a document are strings, so serializing it cannot fail.
    answer.content_type(request::SCIM_JSON).body(serde_json::to_string(document).unwrap_or_default())
}

/// Builds a response with one user, reduced to the selected attributes.
pub(crate) fn user(
    answer: &mut HttpResponseBuilder,
    provider: &ScimProvider,
    user: &User,
    selection: &Selection,
) -> HttpResponse {
    if provider.representation == Representation::Rfc {
        answer.insert_header((ETAG, user.etag()));
    }
    body(answer, &selection.select(provider.show(user)))
}

/// Builds a response with one group.
pub(crate) fn group(
    answer: &mut HttpResponseBuilder,
    provider: &ScimProvider,
    group: &Group,
    selection: &Selection,
) -> HttpResponse {
    if provider.representation == Representation::Rfc {
        answer.insert_header((ETAG, group.etag()));
    }
    body(answer, &selection.select(provider.show_group(group)))
}

/// A resource that has a version.
pub(crate) trait Versioned {
    /// The type of the resource, for messages.
    const NAME: &str;

    fn etag(&self) -> String;
}

impl Versioned for User {
    const NAME: &str = "user";

    fn etag(&self) -> String {
        self.etag()
    }
}

impl Versioned for Group {
    const NAME: &str = "group";

    fn etag(&self) -> String {
        self.etag()
    }
}

/// Checks the `If-Match` header against the version of the resource.
pub(crate) fn precondition<R: Versioned>(
    request: &HttpRequest,
) -> impl Fn(&R) -> Result<(), scim::Error> + use<R> {
    let expected = tags(request, &IF_MATCH);
    move |resource| {
        if expected.is_empty() || contains_version(&expected, resource) {
            return Ok(());
        }
        Err(scim::Error::new(412, format!("The version of the {} is {}", R::NAME, resource.etag())))
    }
}

/// Whether the client already has this version (`If-None-Match`).
pub(crate) fn is_known(request: &HttpRequest, resource: &impl Versioned) -> bool {
    contains_version(&tags(request, &IF_NONE_MATCH), resource)
}

/// Entity tags are compared weakly (RFC 9110 §8.8.3.2).
fn contains_version(tags: &[String], resource: &impl Versioned) -> bool {
    let strong = |tag: &str| tag.trim_start_matches("W/").to_owned();
    tags.iter().any(|tag| tag == "*" || strong(tag) == strong(&resource.etag()))
}

fn tags(request: &HttpRequest, name: &actix_web::http::header::HeaderName) -> Vec<String> {
    let values = request.headers().get_all(name).filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().to_owned())
        .filter(|tag| !tag.is_empty())
        .collect()
}

/// Sets the media type to `application/scim+json`, unless the client accepts only plain JSON.
pub(crate) async fn media_type<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let accepted = request::media_types(request.request());
    let only_json = !accepted.is_empty() && accepted.iter().all(|media_type| media_type == request::JSON);
    let mut answer = next.call(request).await?;
    if only_json && answer.headers().contains_key(CONTENT_TYPE) {
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(request::JSON));
    }
    Ok(answer)
}

/// The response for an unknown path, for authenticated clients.
pub(crate) async fn not_found(_: ScimProvider) -> Result<HttpResponse, ScimError> {
    Err(ScimError::not_found("There is nothing at this path"))
}

/// `/Me` and `/Bulk`
pub(crate) async fn not_implemented(_: Data<App>, _: ScimProvider) -> Result<HttpResponse, ScimError> {
    Err(scim::Error::new(501, "This part of SCIM is not supported").into())
}

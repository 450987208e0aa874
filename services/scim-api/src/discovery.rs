//! `GET …/ServiceProviderConfig`, `GET …/ResourceTypes`, `GET …/Schemas`, and each document by its id
use actix_web::{HttpRequest, HttpResponse};
use scim::{Error as Refusal, Node, USER, message, schema, search};

use crate::{ScimError, ScimProvider, answer, request};

/// Documents are not searched (RFC 7644 §4).
fn document(request: &HttpRequest, document: &Node) -> Result<HttpResponse, ScimError> {
    if search::has_filter(&request::query(request)) {
        return Err(Refusal::new(403, "Discovery takes no filter").into());
    }
    Ok(answer::body(&mut HttpResponse::Ok(), document))
}

pub(crate) async fn service_provider_config(
    provider: ScimProvider,
    request: HttpRequest,
) -> Result<HttpResponse, ScimError> {
    document(&request, &schema::service_provider_config(&provider.base_url))
}

pub(crate) async fn resource_types(
    provider: ScimProvider,
    request: HttpRequest,
) -> Result<HttpResponse, ScimError> {
    document(&request, &message::whole_list(vec![schema::user_type(&provider.base_url)]))
}

pub(crate) async fn resource_type(
    provider: ScimProvider,
    request: HttpRequest,
) -> Result<HttpResponse, ScimError> {
    if request::id(&request)? != "User" {
        return Err(ScimError::not_found("There is no such type of resource"));
    }
    document(&request, &schema::user_type(&provider.base_url))
}

pub(crate) async fn schemas(provider: ScimProvider, request: HttpRequest) -> Result<HttpResponse, ScimError> {
    let schema = schema::user_schema(&provider.base_url, provider.tenant.mode);
    document(&request, &message::whole_list(vec![schema]))
}

pub(crate) async fn schema(provider: ScimProvider, request: HttpRequest) -> Result<HttpResponse, ScimError> {
    if !request::id(&request)?.eq_ignore_ascii_case(USER) {
        return Err(ScimError::not_found("There is no such schema"));
    }
    document(&request, &schema::user_schema(&provider.base_url, provider.tenant.mode))
}

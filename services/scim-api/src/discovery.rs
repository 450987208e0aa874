//! `GET …/ServiceProviderConfig`, `GET …/ResourceTypes`, `GET …/Schemas`, and each document by its id
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use scim::{GROUP, Node, USER, message, schema, search};

use crate::{App, ScimError, ScimProvider, answer, request};

/// Builds a response with a document. Discovery documents cannot be filtered (RFC 7644 §4).
fn document(request: &HttpRequest, document: &Node) -> Result<HttpResponse, ScimError> {
    if search::has_filter(&request::query(request)) {
        return Err(scim::Error::new(403, "Discovery takes no filter").into());
    }
    Ok(answer::body(&mut HttpResponse::Ok(), document))
}

pub(crate) async fn service_provider_config(
    provider: ScimProvider,
    request: HttpRequest,
) -> Result<HttpResponse, ScimError> {
    document(&request, &schema::service_provider_config(&provider.base_url))
}

/// Whether the documents include groups: without a SAML group link no group can be created.
async fn lists_groups(app: &App, provider: &ScimProvider) -> Result<bool, ScimError> {
    if !app.has_groups(provider).await? {
        return Ok(false);
    }
    app.read(database::scim::groups::has_links).await
}

pub(crate) async fn resource_types(
    app: Data<App>,
    provider: ScimProvider,
    request: HttpRequest,
) -> Result<HttpResponse, ScimError> {
    let mut types = vec![schema::user_type(&provider.base_url)];
    if lists_groups(&app, &provider).await? {
        types.push(schema::group_type(&provider.base_url));
    }
    document(&request, &message::whole_list(types))
}

pub(crate) async fn resource_type(
    app: Data<App>,
    provider: ScimProvider,
    request: HttpRequest,
) -> Result<HttpResponse, ScimError> {
    match request::id(&request)?.as_str() {
        "User" => document(&request, &schema::user_type(&provider.base_url)),
        "Group" if lists_groups(&app, &provider).await? => {
            document(&request, &schema::group_type(&provider.base_url))
        }
        _ => Err(ScimError::not_found("There is no such type of resource")),
    }
}

pub(crate) async fn schemas(
    app: Data<App>,
    provider: ScimProvider,
    request: HttpRequest,
) -> Result<HttpResponse, ScimError> {
    let mut schemas = vec![schema::user_schema(&provider.base_url, provider.tenant.mode.mutability())];
    if lists_groups(&app, &provider).await? {
        schemas.push(schema::group_schema(&provider.base_url));
    }
    document(&request, &message::whole_list(schemas))
}

pub(crate) async fn schema(
    app: Data<App>,
    provider: ScimProvider,
    request: HttpRequest,
) -> Result<HttpResponse, ScimError> {
    let urn = request::id(&request)?;
    if urn.eq_ignore_ascii_case(USER) {
        return document(
            &request,
            &schema::user_schema(&provider.base_url, provider.tenant.mode.mutability()),
        );
    }
    if urn.eq_ignore_ascii_case(GROUP) && lists_groups(&app, &provider).await? {
        return document(&request, &schema::group_schema(&provider.base_url));
    }
    Err(ScimError::not_found("There is no such schema"))
}

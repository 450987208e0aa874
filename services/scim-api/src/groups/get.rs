//! `GET …/Groups/{id}`
use actix_web::http::header::ETAG;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use database::scim::groups;
use endpoint::log_field;
use scim::search;

use crate::{App, Representation, ScimError, ScimProvider, answer, request};

/// Returns a group, or 304 if the client has this version.
pub(crate) async fn handler(
    app: Data<App>,
    provider: ScimProvider,
    request: HttpRequest,
) -> Result<HttpResponse, ScimError> {
    app.require_groups(&provider).await?;
    let selection = search::selection(&request::query(&request));
    let (id, tenant) = (request::id(&request)?, provider.tenant.clone());
    let with_members = selection.includes("members");
    let found = app.read(move |conn| groups::find(conn, &tenant, &id, with_members)).await?;
    let group = found.ok_or_else(super::not_found)?;
    log_field("scim_group_uid", group.id.clone());
    if provider.representation == Representation::Rfc && answer::is_known(&request, &group) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, group.etag())).finish());
    }
    Ok(answer::group(&mut HttpResponse::Ok(), &provider, &group, &selection))
}

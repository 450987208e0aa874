//! `PATCH …/Groups/{id}`
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use database::scim::groups;
use scim::{Group, GroupPatch, search};

use crate::audit::Operation;
use crate::{App, ScimError, ScimProvider, answer, request};

/// Applies all operations or none. The response is empty unless the client selects attributes.
pub(crate) async fn handler(
    app: Data<App>,
    provider: ScimProvider,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ScimError> {
    app.require_groups(&provider).await?;
    let patch = GroupPatch::read(&request::object(&request, payload).await?)?;
    request::log_ignored(patch.ignored());
    let (id, precondition) = (request::id(&request)?, answer::precondition::<Group>(&request));
    let (tenant, now) = (provider.tenant.clone(), app.core.clock.now());
    let work = move |conn: &mut database::Conn| groups::patch(conn, &tenant, &id, &precondition, &patch, now);
    let group = app.change_group(&provider, Operation::Update, work).await?.complete()?;
    let selection = search::selection(&request::query(&request));
    if selection.is_given() {
        return Ok(answer::group(&mut HttpResponse::Ok(), &provider, &group, &selection));
    }
    Ok(HttpResponse::NoContent().finish())
}

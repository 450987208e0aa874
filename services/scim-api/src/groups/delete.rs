//! `DELETE …/Groups/{id}`
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use database::scim::groups;
use scim::Group;

use crate::audit::Operation;
use crate::{App, ScimError, ScimProvider, answer, request};

/// Removes the SCIM group id from the SAML group links, which remain. Members lose the access that it gave
/// them.
pub(crate) async fn handler(
    app: Data<App>,
    provider: ScimProvider,
    request: HttpRequest,
) -> Result<HttpResponse, ScimError> {
    app.require_groups(&provider).await?;
    let (id, precondition) = (request::id(&request)?, answer::precondition::<Group>(&request));
    let (tenant, now) = (provider.tenant.clone(), app.core.clock.now());
    let work = move |conn: &mut database::Conn| groups::delete(conn, &tenant, &id, &precondition, now);
    // A job that was not enqueued is no error here: the group is deleted, so the client cannot repeat the
    // request.
    let _ = app.change_group(&provider, Operation::Delete, work).await?;
    Ok(HttpResponse::NoContent().finish())
}

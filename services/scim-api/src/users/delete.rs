//! `DELETE …/Users/{id}`
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use database::scim::delete;
use scim::User;

use crate::audit::Operation;
use crate::{App, ScimError, ScimProvider, answer, request};

/// Removes access and the SCIM resource. The account remains.
pub(crate) async fn handler(
    app: Data<App>,
    provider: ScimProvider,
    request: HttpRequest,
) -> Result<HttpResponse, ScimError> {
    let (id, precondition) = (request::id(&request)?, answer::precondition::<User>(&request));
    let (tenant, now) = (provider.tenant.clone(), app.core.clock.now());
    // The user is no longer found, so the client cannot repeat the request.
    let _ = app
        .change(&provider, Operation::Delete, move |conn| delete(conn, &tenant, &id, &precondition, now))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

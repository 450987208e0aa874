//! `DELETE …/Users/{id}`
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use database::scim::delete;
use scim::User;

use crate::{App, ScimError, ScimProvider, answer, request};

/// Takes access away, and the resource with it; the account stays.
pub(crate) async fn handler(
    app: Data<App>,
    provider: ScimProvider,
    request: HttpRequest,
) -> Result<HttpResponse, ScimError> {
    let (id, precondition) = (request::id(&request)?, answer::precondition::<User>(&request));
    let (tenant, now) = (provider.tenant.clone(), app.core.clock.now());
    // To ask once more would find nobody.
    let _ =
        app.change(&provider, "delete", move |conn| delete(conn, &tenant, &id, precondition, now)).await?;
    Ok(HttpResponse::NoContent().finish())
}

//! `GET …/Users/{id}`
use actix_web::http::header::ETAG;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use scim::search;

use crate::effects::log_user;
use crate::{App, Representation, ScimError, ScimProvider, answer, request};

/// Returns a user, or 304 if the client has this version.
pub(crate) async fn handler(
    app: Data<App>,
    provider: ScimProvider,
    request: HttpRequest,
) -> Result<HttpResponse, ScimError> {
    let (id, tenant, with_emails) =
        (request::id(&request)?, provider.tenant.clone(), provider.wants_emails());
    let found = app.core.pool.read(move |conn| database::scim::find(conn, &tenant, &id, with_emails)).await?;
    let found = found.ok_or_else(|| ScimError::not_found("User not found"))?;
    log_user(&found);
    let user = found.user;
    if provider.representation == Representation::Rfc && answer::is_known(&request, &user) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, user.etag())).finish());
    }
    let selection = search::selection(&request::query(&request));
    Ok(answer::user(&mut HttpResponse::Ok(), &provider, &user, &selection))
}

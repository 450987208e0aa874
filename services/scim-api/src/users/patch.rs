//! `PATCH …/Users/{id}`
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use database::scim::{Mode, change};
use scim::patch::Patch;
use scim::{User, search};

use crate::audit::Operation;
use crate::{App, ScimError, ScimProvider, answer, dialect, request};

/// Applies all operations or none. The response is empty unless the client selects attributes.
pub(crate) async fn handler(
    app: Data<App>,
    provider: ScimProvider,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ScimError> {
    let patch = Patch::read(&request::object(&request, payload).await?)?;
    request::log_ignored(patch.ignored());
    let (id, precondition) = (request::id(&request)?, answer::precondition::<User>(&request));
    let (tenant, mode, now) = (provider.tenant.clone(), provider.tenant.mode, app.core.clock.now());
    let work = move |conn: &mut database::Conn| {
        change(conn, &tenant, &id, &precondition, |user| Ok(dialect::adapt(patch.apply(user)?, mode)), now)
    };
    let changed = app.change(&provider, Operation::Update, work).await?.complete()?;
    let selection = search::selection(&request::query(&request));
    if selection.is_given() || (mode == Mode::Rfc && provider.names_scim) {
        return Ok(answer::user(&mut HttpResponse::Ok(), &provider, &changed.user, &selection));
    }
    Ok(HttpResponse::NoContent().finish())
}

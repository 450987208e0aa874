//! `PUT …/Users/{id}`
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use database::scim::change;
use scim::{Draft, User, search};

use crate::audit::Operation;
use crate::{App, ScimError, ScimProvider, answer, dialect, request};

/// Replaces the attributes of a user.
pub(crate) async fn handler(
    app: Data<App>,
    provider: ScimProvider,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ScimError> {
    let draft = Draft::read(&request::object(&request, payload).await?)?;
    let (id, precondition) = (request::id(&request)?, answer::precondition::<User>(&request));
    let (tenant, mode, now) = (provider.tenant.clone(), provider.tenant.mode, app.core.clock.now());
    let work = move |conn: &mut database::Conn| {
        change(
            conn,
            &tenant,
            &id,
            &precondition,
            |user| Ok(dialect::adapt(draft.clone().replace(user)?, mode)),
            now,
        )
    };
    let changed = app.change(&provider, Operation::Update, work).await?.complete()?;
    let selection = search::selection(&request::query(&request));
    Ok(answer::user(&mut HttpResponse::Ok(), &provider, &changed.user, &selection))
}

//! `PUT …/Groups/{id}`
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use database::scim::groups;
use scim::{Group, GroupDraft, search};

use crate::audit::Operation;
use crate::{App, ScimError, ScimProvider, answer, request};

/// Replaces the members, if the body has any.
pub(crate) async fn handler(
    app: Data<App>,
    provider: ScimProvider,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ScimError> {
    app.require_groups(&provider).await?;
    let draft = GroupDraft::read_replacement(&request::object(&request, payload).await?)?;
    let (id, precondition) = (request::id(&request)?, answer::precondition::<Group>(&request));
    let (tenant, now) = (provider.tenant.clone(), app.core.clock.now());
    let work =
        move |conn: &mut database::Conn| groups::replace(conn, &tenant, &id, &precondition, &draft, now);
    let group = app.change_group(&provider, Operation::Update, work).await?.complete()?;
    let selection = search::selection(&request::query(&request));
    Ok(answer::group(&mut HttpResponse::Ok(), &provider, &group, &selection))
}

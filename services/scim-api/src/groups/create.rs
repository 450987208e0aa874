//! `POST …/Groups`
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use database::scim::groups;
use scim::{GroupDraft, search};

use crate::audit::Operation;
use crate::{App, ScimError, ScimProvider, answer, request};

/// Assigns a SCIM group id to the SAML group links with this name.
pub(crate) async fn handler(
    app: Data<App>,
    provider: ScimProvider,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ScimError> {
    if !app.has_groups(&provider).await? {
        return Err(scim::Error::new(501, "Groups are not supported here").into());
    }
    let draft = GroupDraft::read(&request::object(&request, payload).await?)?;
    let uid = uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string();
    let (tenant, now) = (provider.tenant.clone(), app.core.clock.now());
    let work = move |conn: &mut database::Conn| groups::create(conn, &tenant, &draft, &uid, now);
    let group = app.change_group(&provider, Operation::Create, work).await?.resource;
    let selection = search::selection(&request::query(&request));
    let mut created = HttpResponse::Created();
    created.insert_header((LOCATION, group.location(&provider.groups_url())));
    Ok(answer::group(&mut created, &provider, &group, &selection))
}

//! `POST …/Groups/.search`
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use scim::Search;

use super::list;
use crate::{App, ScimError, ScimProvider, request};

/// Returns the same page as a GET, with the parameters in the body.
pub(crate) async fn handler(
    app: Data<App>,
    provider: ScimProvider,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, ScimError> {
    let body = request::object(&request, payload).await?;
    list::page(&app, &provider, Search::from_group_body(&body, &provider.groups_url())?).await
}

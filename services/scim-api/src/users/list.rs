//! `GET …/Users`
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use endpoint::log_field;
use scim::Search;

use crate::{App, ScimError, ScimProvider, answer, request};

/// Returns a page of the matching users.
pub(crate) async fn handler(
    app: Data<App>,
    provider: ScimProvider,
    request: HttpRequest,
) -> Result<HttpResponse, ScimError> {
    let search = Search::from_query(&request::query(&request), &provider.users_url())?;
    page(&app, &provider, search).await
}

/// Builds the response to a search, from a query or a body.
pub(super) async fn page(
    app: &App,
    provider: &ScimProvider,
    search: Search,
) -> Result<HttpResponse, ScimError> {
    let (tenant, asked, with_emails) = (provider.tenant.clone(), search.clone(), provider.wants_emails());
    let page =
        app.core.pool.read(move |conn| database::scim::list(conn, &tenant, &asked, with_emails)).await?;
    log_field("results", page.users.len());
    let users =
        page.users.iter().map(|stored| search.selection.select(provider.show(&stored.user))).collect();
    let list = provider.representation.list(users, page.total, &search);
    Ok(answer::body(&mut HttpResponse::Ok(), &list))
}

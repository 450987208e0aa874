//! `GET …/Groups`
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use database::scim::groups;
use endpoint::log_field;
use scim::Search;

use crate::{App, ScimError, ScimProvider, answer, request};

/// Returns a page of the matching groups. The list is empty if groups are disabled.
pub(crate) async fn handler(
    app: Data<App>,
    provider: ScimProvider,
    request: HttpRequest,
) -> Result<HttpResponse, ScimError> {
    let search = Search::from_group_query(&request::query(&request), &provider.groups_url())?;
    page(&app, &provider, search).await
}

/// Builds the response to a search, from a query or a body.
pub(super) async fn page(
    app: &App,
    provider: &ScimProvider,
    search: Search,
) -> Result<HttpResponse, ScimError> {
    let (found, total) = if app.has_groups(provider).await? {
        let (tenant, query) = (provider.tenant.clone(), search.clone());
        let with_members = search.selection.includes("members");
        let page = app.read(move |conn| groups::list(conn, &tenant, &query, with_members)).await?;
        (page.groups, page.total)
    } else {
        (Vec::new(), 0)
    };
    log_field("results", found.len());
    let shown = found.iter().map(|group| search.selection.select(provider.show_group(group))).collect();
    let list = provider.representation.list(shown, total, &search);
    Ok(answer::body(&mut HttpResponse::Ok(), &list))
}

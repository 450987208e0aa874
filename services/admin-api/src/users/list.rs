//! `GET /api/v4/users`
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use database::admin::users::{self, UserSearch, UserSummary};
use endpoint::DeferredParams;
use serde::Serialize;

use crate::error::AdminError;
use crate::paging::Paging;
use crate::params::Params;
use crate::{Admin, App};

#[derive(Serialize)]
struct Entity {
    id: i64,
    username: Option<String>,
    name: Option<String>,
    state: Option<String>,
    web_url: String,
}

/// Removes the leading `@` of a search, which GitLab ignores too.
fn without_at_sign(search: &str) -> String {
    search.strip_prefix('@').unwrap_or(search).to_owned()
}

/// Lists users.
pub async fn handler(
    app: Data<App>,
    request: HttpRequest,
    _: Admin,
    sent: DeferredParams<AdminError>,
) -> Result<HttpResponse, AdminError> {
    let params = Params::read(sent).await?;
    let paging = Paging::read(&params, "User")?;
    let username = params.text("username")?.filter(|username| !username.is_empty());
    let sought = match username {
        Some(username) => UserSearch::Username(username),
        None => UserSearch::Alike(without_at_sign(&params.search("search")?)),
    };
    let page = app.core.pool.read(move |conn| users::list(conn, &sought, paging.window())).await?;
    let base = &app.core.external_url;
    let entity = |person: UserSummary| Entity {
        web_url: format!("{base}/{}", person.username.as_deref().unwrap_or_default()),
        id: person.id,
        username: person.username,
        name: person.name,
        state: person.state,
    };
    Ok(paging.answer(&app, &request, page, |person| person.id, entity))
}

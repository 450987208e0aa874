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

/// Lists users.
pub async fn handler(
    app: Data<App>,
    request: HttpRequest,
    _: Admin,
    params: DeferredParams<AdminError>,
) -> Result<HttpResponse, AdminError> {
    let params = Params::read(params).await?;
    let paging = Paging::read(&params, "User")?;
    let username = params.text("username")?.filter(|username| !username.is_empty());
    let search = match username {
        Some(username) => UserSearch::Username(username),
        None => UserSearch::NameOrWholeEmail(params.search("search")?),
    };
    let page = app.core.pool.read(move |conn| users::list(conn, &search, paging.window())).await?;
    let base = &app.core.external_url;
    let entity = |user: UserSummary| Entity {
        web_url: format!("{base}/{}", user.username.as_deref().unwrap_or_default()),
        id: user.id,
        username: user.username,
        name: user.name,
        state: user.state,
    };
    Ok(paging.response(&app, &request, page, |user| user.id, entity))
}

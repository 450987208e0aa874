//! `GET /api/v4/namespaces`
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use database::admin::namespaces;
use endpoint::DeferredParams;
use serde::Serialize;

use crate::error::AdminError;
use crate::paging::Paging;
use crate::params::Params;
use crate::{Admin, App};

#[derive(Serialize)]
struct Entity {
    id: i64,
    name: String,
    path: String,
    kind: &'static str,
    full_path: String,
    parent_id: Option<i64>,
    /// Always null: avatars are not served.
    avatar_url: Option<String>,
    web_url: String,
}

/// Lists groups and personal namespaces.
pub async fn handler(
    app: Data<App>,
    request: HttpRequest,
    _: Admin,
    params: DeferredParams<AdminError>,
) -> Result<HttpResponse, AdminError> {
    let params = Params::read(params).await?;
    let paging = Paging::read(&params, "Namespace")?;
    let (search, top_level_only) = (params.search("search")?, params.flag("top_level_only")?);
    let page =
        app.core.pool.read(move |conn| namespaces::list(conn, &search, top_level_only, paging.window()));
    let page = page.await?;
    let base = &app.core.external_url;
    let entity = |row: namespaces::NamespaceSummary| Entity {
        id: row.id,
        name: row.name,
        path: row.path,
        kind: if row.kind == "User" { "user" } else { "group" },
        web_url: web_url(base, &row.kind, &row.full_path),
        full_path: row.full_path,
        parent_id: row.parent_id,
        avatar_url: None,
    };
    Ok(paging.response(&app, &request, page, |row| row.id, entity))
}

/// The address of a namespace in GitLab.
pub fn web_url(base: &str, kind: &str, full_path: &str) -> String {
    if kind == "User" { format!("{base}/{full_path}") } else { format!("{base}/groups/{full_path}") }
}

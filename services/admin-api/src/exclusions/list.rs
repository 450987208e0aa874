//! `GET /api/v4/namespaces/storage/limit_exclusions`
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use database::admin::exclusions::{self, Filter};
use endpoint::DeferredParams;

use super::Entity;
use crate::error::AdminError;
use crate::paging::Paging;
use crate::params::Params;
use crate::{Admin, App};

/// Lists the excluded namespaces.
pub async fn handler(
    app: Data<App>,
    request: HttpRequest,
    _: Admin,
    params: DeferredParams<AdminError>,
) -> Result<HttpResponse, AdminError> {
    let params = Params::read(params).await?;
    let paging = Paging::read(&params, "Namespaces::Storage::LimitExclusion")?;
    let (search, namespace_id) = (params.search("search")?, params.integer("namespace_id")?);
    let filter = Filter { search, namespace_id, ..Filter::default() };
    let page = app.core.pool.read(move |conn| exclusions::list(conn, &filter, paging.window())).await?;
    Ok(paging.response(
        &app,
        &request,
        page,
        |row| row.id,
        |row| Entity {
            id: row.id,
            namespace_id: row.namespace_id,
            namespace_name: row.namespace_name,
            reason: row.reason,
        },
    ))
}

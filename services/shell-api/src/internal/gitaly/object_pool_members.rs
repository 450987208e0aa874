//! `GET /api/v4/internal/gitaly/object_pool_members`
use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use database::pool_repositories;
use endpoint::{Params, RestError, log_field};
use serde::Serialize;

use crate::{App, Shell};

/// The maximum number of pools in one request.
const MOST: usize = 500;

#[derive(Serialize)]
struct Entity {
    relative_path: String,
    public: bool,
    is_upstream: bool,
}

/// Lists the repositories that use these object pools. An unknown pool has none.
pub async fn handler(app: Data<App>, _: Shell, params: Params) -> Result<HttpResponse, RestError> {
    let disk_paths = params.list("disk_paths")?;
    let storage = params.required_text("storage")?;
    let upstream_only = params.flag("upstream_only")?.unwrap_or(false);
    match disk_paths.len() {
        0 => return Err(RestError::missing("disk_paths")),
        1..=MOST => {}
        _ => return Err(RestError::BadRequest(format!("disk_paths must contain at most {MOST} items"))),
    }
    log_field("disk_paths_count", disk_paths.len());
    let mut pools: BTreeMap<String, Vec<Entity>> =
        disk_paths.iter().map(|path| (path.clone(), Vec::new())).collect();
    let find = move |conn: &mut database::Conn| {
        pool_repositories::members(conn, &disk_paths, &storage, upstream_only)
    };
    let members = app.core.pool.read(find).await?;
    log_field("results", members.len());
    for member in members {
        pools.entry(member.pool).or_default().push(Entity {
            relative_path: format!("{}.git", member.disk_path),
            public: member.public,
            is_upstream: member.is_upstream,
        });
    }
    Ok(HttpResponse::Ok().json(pools))
}

//! `POST /api/v4/internal/error_tracking/allowed`
use actix_web::HttpResponse;
use actix_web::web::Data;
use database::error_tracking;
use endpoint::{RestError, log_field};
use serde::Serialize;

use crate::{App, ErrorTracker};

#[derive(Serialize)]
struct Entity {
    enabled: bool,
}

/// Checks whether a project accepts errors with this public key.
pub async fn handler(app: Data<App>, ErrorTracker(params): ErrorTracker) -> Result<HttpResponse, RestError> {
    let project_id = params.id("project_id")?;
    let public_key = params.text("public_key")?.filter(|key| !key.trim().is_empty());
    let (Some(project_id), Some(public_key)) = (project_id, public_key) else {
        return Err(RestError::Unprocessable);
    };
    log_field("gl_project_id", project_id);
    let find = move |conn: &mut database::Conn| error_tracking::is_enabled(conn, project_id, &public_key);
    let enabled = app.core.pool.read(find).await?.ok_or(RestError::NotFound("Not found"))?;
    log_field("success", enabled);
    Ok(HttpResponse::Ok().json(Entity { enabled }))
}

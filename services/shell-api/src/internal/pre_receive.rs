//! `POST /api/v4/internal/pre_receive`
use actix_web::HttpResponse;
use actix_web::web::Data;
use domain::GlRepository;
use endpoint::{Params, RestError, log_field, log_optional_field};
use serde::Serialize;

use super::lfs::project_id;
use crate::{App, Shell};

#[derive(Serialize)]
struct Entity {
    reference_counter_increased: bool,
}

/// Marks the repository as being written, so that it is not moved during the push. Gitaly refuses the push
/// if the mark cannot be stored.
pub async fn handler(app: Data<App>, _: Shell, params: Params) -> Result<HttpResponse, RestError> {
    let gl_repository = params.required_text("gl_repository")?;
    log_field("gl_repository", gl_repository.clone());
    log_optional_field("gl_project_id", gl_repository.parse::<GlRepository>().ok().and_then(project_id));
    let increased = app.core.counters.increase_references(&gl_repository).await;
    if let Err(error) = &increased {
        tracing::error!(error = error as &dyn std::error::Error, "failed to increase the reference counter");
    }
    log_field("reference_counter_increased", increased.is_ok());
    Ok(HttpResponse::Ok().json(Entity { reference_counter_increased: increased.is_ok() }))
}

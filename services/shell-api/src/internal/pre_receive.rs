//! `POST /api/v4/internal/pre_receive`
use actix_web::HttpResponse;
use actix_web::web::Data;
use endpoint::{Params, RestError};
use serde::Serialize;

use crate::{App, Shell};

#[derive(Serialize)]
struct Entity {
    reference_counter_increased: bool,
}

/// Marks the repository as being written, so that it is not moved during the push. Gitaly refuses the push
/// if the mark cannot be stored.
pub async fn handler(app: Data<App>, _: Shell, params: Params) -> Result<HttpResponse, RestError> {
    let gl_repository = params.required_text("gl_repository")?;
    let increased = app.core.counters.increase_references(&gl_repository).await;
    if let Err(error) = &increased {
        tracing::error!(error = error as &dyn std::error::Error, "a push could not be counted");
    }
    Ok(HttpResponse::Ok().json(Entity { reference_counter_increased: increased.is_ok() }))
}

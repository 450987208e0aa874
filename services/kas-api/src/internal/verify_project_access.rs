//! `GET /api/v4/internal/kubernetes/verify_project_access`
use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::error::KasError;
use crate::params::Params;
use crate::{App, KasAgent};

/// Whether an agent may download a project's code.
pub async fn handler(
    app: Data<App>,
    KasAgent(agent): KasAgent,
    params: Params,
) -> Result<HttpResponse, KasError> {
    app.project_for(&agent, &params).await?;
    Ok(HttpResponse::NoContent().finish())
}

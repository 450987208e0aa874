//! `GET /api/v4/internal/kubernetes/verify_project_access`
use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::error::KasError;
use crate::params::Params;
use crate::{App, KasAgent};
use endpoint::DeferredParams;

/// Checks whether the agent may download the repository of a project.
pub async fn handler(
    app: Data<App>,
    KasAgent(agent, log): KasAgent,
    sent: DeferredParams<KasError>,
) -> Result<HttpResponse, KasError> {
    app.project_for(&agent, &Params::read(sent).await?, &log).await?;
    Ok(HttpResponse::NoContent().finish())
}

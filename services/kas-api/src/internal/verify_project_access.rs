//! `GET /api/v4/internal/kubernetes/verify_project_access`
use actix_web::HttpResponse;
use actix_web::web::Data;
use endpoint::DeferredParams;

use crate::error::KasError;
use crate::params::Params;
use crate::{App, KasAgent};

/// Whether an agent may download a project's code.
pub async fn handler(
    app: Data<App>,
    KasAgent(agent): KasAgent,
    sent: DeferredParams<KasError>,
) -> Result<HttpResponse, KasError> {
    app.project_for(&agent, &Params::read(sent).await?).await?;
    Ok(HttpResponse::NoContent().finish())
}

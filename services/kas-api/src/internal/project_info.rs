//! `GET /api/v4/internal/kubernetes/project_info`
use actix_web::HttpResponse;
use actix_web::web::Data;
use endpoint::DeferredParams;

use crate::error::KasError;
use crate::params::Params;
use crate::{App, KasAgent};

/// Shows where the repository of a project is, if the agent may download it.
pub async fn handler(
    app: Data<App>,
    KasAgent(agent, log): KasAgent,
    sent: DeferredParams<KasError>,
) -> Result<HttpResponse, KasError> {
    let found = app.project_for(&agent, &Params::read(sent).await?, &log).await?;
    Ok(HttpResponse::Ok().json(app.entity(found, log.0.as_ref()).await?))
}

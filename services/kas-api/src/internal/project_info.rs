//! `GET /api/v4/internal/kubernetes/project_info`
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use endpoint::{Context, DeferredParams};

use crate::error::KasError;
use crate::params::Params;
use crate::{App, KasAgent};

/// Where a project's code is, for an agent that may download it.
pub async fn handler(
    app: Data<App>,
    request: HttpRequest,
    KasAgent(agent): KasAgent,
    sent: DeferredParams<KasError>,
) -> Result<HttpResponse, KasError> {
    let found = app.project_for(&agent, &Params::read(sent).await?).await?;
    Ok(HttpResponse::Ok().json(app.entity(found, Context::of(&request).as_ref()).await?))
}

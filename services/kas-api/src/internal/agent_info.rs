//! `GET /api/v4/internal/kubernetes/agent_info`, of today's kas `GET /api/v4/internal/agents/agentk/agent_info`
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use database::git_access::ProjectId;
use endpoint::Context;

use crate::error::KasError;
use crate::{App, KasAgent};

/// Who an agent is, and where its configuration is.
pub async fn handler(
    app: Data<App>,
    request: HttpRequest,
    KasAgent(agent): KasAgent,
) -> Result<HttpResponse, KasError> {
    let found = app.project(ProjectId::Id(agent.project_id)).await?.ok_or(KasError::NoProject)?;
    let entity = app.entity(found, Context::of(&request).as_ref()).await?;
    Ok(HttpResponse::Ok().json(entity.of_agent(agent)))
}

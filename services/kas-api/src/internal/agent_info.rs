//! `GET /api/v4/internal/kubernetes/agent_info`, of today's kas `GET /api/v4/internal/agents/agentk/agent_info`
use actix_web::HttpResponse;
use actix_web::web::Data;
use database::git_access::ProjectId;

use crate::error::KasError;
use crate::{App, KasAgent};

/// Who an agent is, and where its configuration lies.
pub async fn handler(app: Data<App>, KasAgent(agent): KasAgent) -> Result<HttpResponse, KasError> {
    let found = app.project(ProjectId::Id(agent.project_id)).await?.ok_or(KasError::NoProject)?;
    Ok(HttpResponse::Ok().json(app.entity(found).await?.of_agent(agent)))
}

//! `GET /api/v4/internal/kubernetes/agent_info`, in newer releases of kas
//! `GET /api/v4/internal/agents/agentk/agent_info`
use actix_web::HttpResponse;
use actix_web::web::Data;
use database::git_access::ProjectId;

use crate::error::KasError;
use crate::{App, KasAgent};

/// Shows the agent and where the repository with its configuration is.
pub async fn handler(app: Data<App>, KasAgent(agent, log): KasAgent) -> Result<HttpResponse, KasError> {
    let found = app.project(ProjectId::Id(agent.project_id)).await?.ok_or(KasError::NoProject)?;
    let entity = app.entity(found, log.0.as_ref()).await?;
    Ok(HttpResponse::Ok().json(entity.of_agent(agent)))
}

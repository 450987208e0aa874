//! `GET /api/v4/internal/kubernetes/receptive_agents`
use actix_web::HttpResponse;
use actix_web::web::Data;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use database::agents::{self, ReceptiveAgent};
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::error::KasError;
use crate::{App, Kas};

#[derive(Serialize)]
struct Entity {
    agents: Vec<AgentEntity>,
}

#[derive(Serialize)]
struct AgentEntity {
    id: i64,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_cert: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_host: Option<String>,
    #[serde(flatten)]
    credential: Credential,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Credential {
    Jwt { private_key: String },
    Mtls { client_cert: String, client_key: String },
}

/// Lists the agents that kas dials. The response holds secrets and is never logged.
pub async fn handler(app: Data<App>, Kas(log): Kas) -> Result<HttpResponse, KasError> {
    let found = app.core.pool.read(agents::list_receptive).await?;
    let agents: Vec<_> = found.into_iter().filter_map(|agent| app.receptive_entity(agent)).collect();
    log.set("agents", agents.len());
    Ok(HttpResponse::Ok().json(Entity { agents }))
}

impl App {
    /// An agent with an unreadable credential is skipped.
    fn receptive_entity(&self, agent: ReceptiveAgent) -> Option<AgentEntity> {
        let ReceptiveAgent {
            id,
            url,
            ca_cert,
            tls_host,
            client_cert,
            client_key,
            private_key,
            private_key_iv,
        } = agent;
        let credential = match (client_cert, client_key) {
            (Some(client_cert), Some(client_key)) => Some(Credential::Mtls { client_cert, client_key }),
            _ => private_key.zip(private_key_iv).and_then(|(sealed, iv)| {
                let clear = self.key_base.get().open(&iv, &sealed)?;
                Some(Credential::Jwt { private_key: STANDARD.encode(clear.expose_secret()) })
            }),
        };
        if credential.is_none() {
            tracing::error!(agent_id = id, "failed to decrypt the credential of a receptive agent");
        }
        Some(AgentEntity { id, url, ca_cert, tls_host, credential: credential? })
    }
}

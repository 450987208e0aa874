//! `POST /api/v4/internal/kubernetes/agent_configuration`
use actix_web::HttpResponse;
use actix_web::web::Data;
use database::agents::authorizations::{self, AuthorizationOutcome, GrantedPaths};
use domain::agents::configuration::AgentConfiguration;
use domain::json::Json;
use endpoint::audit::{AuditEvent, Author, Difference, Entity, Target};
use serde_json::{Map, Value, json};

use crate::error::KasError;
use crate::params::{Field, Params, Problems};
use crate::{App, Kas};
use endpoint::DeferredParams;

/// Replaces the grants of an agent by those of its configuration.
pub async fn handler(
    app: Data<App>,
    Kas(log): Kas,
    sent: DeferredParams<KasError>,
) -> Result<HttpResponse, KasError> {
    let params = Params::read(sent).await?;
    let mut problems = Problems::default();
    let agent_id = params.field("agent_id").required_integer(&mut problems);
    let config = read(&params.field("agent_config").required(&mut problems), &mut problems);
    problems.check()?;
    // Both are present: otherwise there is a problem.
    let (agent_id, config) = (agent_id.unwrap_or_default(), config.unwrap_or_default());
    log.set_agent(agent_id, None);
    let refresh = move |conn: &mut database::Conn| authorizations::refresh(conn, agent_id, &config);
    let outcome = app.core.pool.run(refresh).await?.ok_or(KasError::NoRecord)?;
    log.set_agent(agent_id, Some(outcome.project_id));
    log.set("authorizations_added", outcome.changes.added);
    log.set("authorizations_removed", outcome.changes.removed);
    if outcome.changes.is_any() {
        audit(agent_id, outcome);
    }
    Ok(HttpResponse::NoContent().finish())
}

/// An object, or a string with the JSON of one.
fn read(field: &Field<'_>, problems: &mut Problems) -> Option<AgentConfiguration> {
    let value = field.value?;
    let configuration = match value.as_str() {
        Some(text) => {
            Json::parse(text.as_bytes()).ok().and_then(|value| AgentConfiguration::parse(value).ok())
        }
        None => AgentConfiguration::parse(value).ok(),
    };
    if configuration.is_none() {
        problems.add(field, "is invalid");
    }
    configuration
}

fn audit(agent_id: i64, outcome: AuthorizationOutcome) {
    let event = AuditEvent {
        event_name: "cluster_agent_authorizations_updated",
        author: Author::service("kas", "kas"),
        entity: Entity { kind: "Project", id: Some(outcome.project_id), path: outcome.project_path },
        target: Target { kind: "Clusters::Agent", id: Some(agent_id) },
        gl_namespace_id: None,
        difference: Some(Difference::new(paths(&outcome.before), paths(&outcome.after))),
        further: Map::new(),
    };
    event.write();
}

fn paths(granted: &GrantedPaths) -> Value {
    json!({
        "ci_access": {
            "projects": granted.ci_projects, "groups": granted.ci_groups, "instance": granted.ci_instance,
        },
        "user_access": { "projects": granted.user_projects, "groups": granted.user_groups },
    })
}

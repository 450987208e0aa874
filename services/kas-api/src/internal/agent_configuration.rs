//! `POST /api/v4/internal/kubernetes/agent_configuration`
use actix_web::HttpResponse;
use actix_web::web::Data;
use database::agents::authorizations;
use domain::agents::configuration::AgentConfiguration;
use endpoint::DeferredParams;
use serde_json::Value;

use crate::error::KasError;
use crate::params::{Field, Params, Problems, has_nul};
use crate::{App, Kas};

/// Makes the grants of an agent those of its configuration.
pub async fn handler(
    app: Data<App>,
    _: Kas,
    sent: DeferredParams<KasError>,
) -> Result<HttpResponse, KasError> {
    let params = Params::read(sent).await?;
    let mut problems = Problems::default();
    let agent_id = params.field("agent_id").required(&mut problems).integer(&mut problems);
    let config = configuration(&params.field("agent_config").required(&mut problems), &mut problems);
    problems.none()?;
    // Nothing is missing: the problems would say so.
    let (agent_id, config) = (agent_id.unwrap_or_default(), config.unwrap_or_default());
    let refresh = move |conn: &mut database::Conn| authorizations::refresh(conn, agent_id, &config);
    if app.core.pool.run(refresh).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(KasError::NoRecord)
    }
}

/// An object, or a text that holds one.
fn configuration(field: &Field<'_>, problems: &mut Problems) -> Option<AgentConfiguration> {
    let value = field.value?;
    let read = match value {
        Value::String(text) => endpoint::Json::parse(text.as_bytes()).ok().map(endpoint::Json::to_value),
        value => Some(value.clone()),
    };
    let read = read.as_ref().filter(|value| !has_nul(value)).and_then(Value::as_object);
    let configuration = read.and_then(|config| AgentConfiguration::parse(config).ok());
    if configuration.is_none() {
        problems.add(field, "is invalid");
    }
    configuration
}

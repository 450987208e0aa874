//! `POST /api/v4/internal/kubernetes/modules/cilium_alert`
use actix_web::HttpResponse;
use actix_web::web::Data;
use database::alerts;
use domain::agents::alert::Alert;
use endpoint::{DeferredParams, MIB, RestError};
use serde_json::Value;

use crate::error::KasError;
use crate::params::{Params, Problems};
use crate::{App, KasAgent};

/// Counts an alert of the agent's project, or opens it.
pub async fn handler(
    app: Data<App>,
    KasAgent(agent): KasAgent,
    sent: DeferredParams<KasError>,
) -> Result<HttpResponse, KasError> {
    let params = Params::read(sent).await?;
    let mut problems = Problems::default();
    let alert = params.field("alert").required(&mut problems).document(&mut problems);
    problems.none()?;
    // It is there: the problems would say so.
    let payload = Value::Object(alert.cloned().unwrap_or_default());
    if payload.to_string().len() > MIB {
        return Err(RestError::TooLarge.into());
    }
    let now = app.core.clock.now();
    let alert = Alert::read(payload, now);
    app.core.pool.run(move |conn| alerts::record(conn, agent.project_id, &alert, now)).await?;
    Ok(HttpResponse::NoContent().finish())
}

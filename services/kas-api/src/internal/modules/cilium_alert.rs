//! `POST /api/v4/internal/kubernetes/modules/cilium_alert`
use actix_web::HttpResponse;
use actix_web::web::Data;
use database::alerts;
use domain::agents::alert::Alert;
use domain::json::Json;

use crate::error::KasError;
use crate::params::{Params, Problems};
use crate::{App, KasAgent};
use endpoint::DeferredParams;

/// Creates an alert of the agent's project, or counts a known one.
pub async fn handler(
    app: Data<App>,
    KasAgent(agent, log): KasAgent,
    sent: DeferredParams<KasError>,
) -> Result<HttpResponse, KasError> {
    let params = Params::read(sent).await?;
    let mut problems = Problems::default();
    let payload = params.field("alert").required(&mut problems).document(&mut problems);
    problems.check()?;
    let now = app.core.clock.now();
    // An absent payload has already been reported as a problem.
    let Some(payload) = payload else { return Err(KasError::Parameters("alert is missing".to_owned())) };
    let alert = Alert::read(Json::from_valid(&payload), now);
    let record = app.core.pool.run(move |conn| alerts::record(conn, agent.project_id, &alert, now));
    let recorded = record.await?;
    log.set("alert_iid", recorded.iid);
    log.set("alert_events", recorded.events);
    Ok(HttpResponse::NoContent().finish())
}

//! `POST /api/v4/internal/kubernetes/agent_events`
use actix_web::HttpResponse;
use actix_web::web::Data;
use domain::agents::usage::{Event, REGISTER_AGENT, Report, USER_EVENTS};
use endpoint::DeferredParams;
use serde_json::{Map, Value};

use crate::error::KasError;
use crate::params::{Field, Params, Problems};
use crate::{App, Kas};

/// What an agent tells of itself when it comes: the parameter, and its name in the event.
const TOLD: &[(&str, &str)] =
    &[("agent_version", "label"), ("architecture", "property"), ("kubernetes_version", "kubernetes_version")];
const TELEMETRY: &[&str] = &["installation_method", "helm_chart_version"];

/// Notes events. All of them are noted, or none.
pub async fn handler(
    app: Data<App>,
    _: Kas,
    sent: DeferredParams<KasError>,
) -> Result<HttpResponse, KasError> {
    let mut report = report(&Params::read(sent).await?)?;
    if report.events.iter().any(|event| event.user_id.is_some() || event.project_id.is_some()) {
        let mut events = std::mem::take(&mut report.events);
        let known = move |conn: &mut database::Conn| {
            database::usage::forget_unknown(conn, &mut events)?;
            Ok(events)
        };
        report.events = app.core.pool.run(known).await?;
    }
    app.record(report).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn report(params: &Params) -> Result<Report, KasError> {
    let (mut problems, mut report) = (Problems::default(), Report::default());
    let events = params.field("events");
    events.object(&mut problems);
    for name in USER_EVENTS {
        for item in events.get(name).items(&mut problems) {
            item.object(&mut problems);
            let [user_id, project_id] =
                ["user_id", "project_id"].map(|key| item.get(key).integer(&mut problems));
            report.person(name, user_id, project_id);
        }
    }
    for item in events.get(REGISTER_AGENT).items(&mut problems) {
        item.object(&mut problems);
        report.events.push(registration(&item, &mut problems));
    }
    problems.none()?;
    Ok(report)
}

fn registration(item: &Field<'_>, problems: &mut Problems) -> Event {
    let project_id = item.get("project_id").integer(problems);
    let agent_id = item.get("agent_id").integer(problems);
    let mut properties = Map::new();
    properties.extend(agent_id.map(|id| ("value".to_owned(), Value::from(id))));
    for (parameter, name) in TOLD {
        let text = item.get(parameter).text(problems);
        properties.extend(text.map(|text| ((*name).to_owned(), Value::from(text))));
    }
    let telemetry = item.get("extra_telemetry_data");
    telemetry.object(problems);
    for name in TELEMETRY {
        let text = telemetry.get(name).text(problems);
        properties.extend(text.map(|text| ((*name).to_owned(), Value::from(text))));
    }
    Event { name: REGISTER_AGENT, user_id: None, project_id, properties }
}

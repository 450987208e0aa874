//! `POST /api/v4/internal/kubernetes/agent_events`
use actix_web::HttpResponse;
use actix_web::web::Data;
use database::usage::References;
use domain::agents::usage::{Event, REGISTER_AGENT, Report, USER_EVENTS};
use serde_json::{Map, Value};

use crate::error::KasError;
use crate::params::{Field, Params, Problems};
use crate::{App, Kas};
use endpoint::DeferredParams;

/// The parameters of a registration, and their names in the event.
const REGISTRATION: &[(&str, &str)] =
    &[("agent_version", "label"), ("architecture", "property"), ("kubernetes_version", "kubernetes_version")];
const TELEMETRY: &[&str] = &["installation_method", "helm_chart_version"];

/// Stores events, all or none. Events without an existing project are dropped.
pub async fn handler(
    app: Data<App>,
    Kas(log): Kas,
    sent: DeferredParams<KasError>,
) -> Result<HttpResponse, KasError> {
    let (mut events, mut dropped) = read(&Params::read(sent).await?)?;
    if !events.is_empty() {
        let references = References::new(&events);
        let known = app.core.pool.run(move |conn| references.known(conn)).await?;
        dropped += known.retain(&mut events);
    }
    log.set("events", events.len());
    log.set("dropped_events", dropped);
    app.record(Report { events, ..Report::default() }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Reads the events with a project, and counts the others. Those are dropped at once: a body of 10 MiB can hold three
/// million.
fn read(params: &Params) -> Result<(Vec<Event>, usize), KasError> {
    let (mut problems, mut found, mut dropped) = (Problems::default(), Vec::new(), 0);
    let mut keep = |event: Event| {
        if event.project_id.is_some() {
            found.push(event);
        } else {
            dropped += 1;
        }
    };
    let events = params.field("events");
    events.object(&mut problems);
    for name in USER_EVENTS {
        for item in events.get(name).items(&mut problems) {
            item.object(&mut problems);
            let [user_id, project_id] =
                ["user_id", "project_id"].map(|key| item.get(key).integer(&mut problems));
            keep(Event::of_user(name, user_id, project_id));
        }
    }
    for item in events.get(REGISTER_AGENT).items(&mut problems) {
        item.object(&mut problems);
        keep(read_registration(&item, &mut problems));
    }
    problems.check()?;
    Ok((found, dropped))
}

fn read_registration(item: &Field<'_>, problems: &mut Problems) -> Event {
    let project_id = item.get("project_id").integer(problems);
    let agent_id = item.get("agent_id").integer(problems);
    let mut properties = Map::new();
    properties.extend(agent_id.map(|id| ("value".to_owned(), Value::from(id))));
    for (parameter, name) in REGISTRATION {
        let text = item.get(parameter).string(problems);
        properties.extend(text.map(|text| ((*name).to_owned(), Value::from(text))));
    }
    let telemetry = item.get("extra_telemetry_data");
    telemetry.object(problems);
    for name in TELEMETRY {
        let text = telemetry.get(name).string(problems);
        properties.extend(text.map(|text| ((*name).to_owned(), Value::from(text))));
    }
    let properties = Some(Value::Object(properties).to_string().into_boxed_str());
    Event { name: REGISTER_AGENT, user_id: None, project_id, properties }
}

//! Who may ask at all: kas by its JWT, and through it an agent by its token.
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use auth::Rejection;
use auth::kas::Rules;
use chrono::TimeDelta;
use database::agents::{self, Agent};
use endpoint::Context;
use serde_json::json;

use crate::error::KasError;
use crate::{App, INFO};

/// When an agent was last here is written to the database this seldom, in minutes: at another moment for each.
const SELDOM: std::ops::RangeInclusive<i64> = 40..=55;
/// How long GitLab keeps what it knows more freshly than the database.
const FRESHER: Duration = Duration::from_hours(24);

/// A request of kas.
#[derive(Debug, Clone, Copy)]
pub struct Kas;

/// A request of kas for an agent.
#[derive(Debug, Clone)]
pub struct KasAgent(pub Agent);

/// The same, where this installation has security policies and vulnerabilities.
#[derive(Debug, Clone)]
pub struct SecurityAgent(pub Agent);

impl FromRequest for Kas {
    type Error = KasError;
    type Future = Ready<Result<Self, KasError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.app_data::<Data<App>>().ok_or(KasError::NotKas).and_then(|app| {
            let kas = kas(app, request)?;
            // Its token is a new one for each request.
            app.core.limit_rate(request, None)?;
            Ok(kas)
        }))
    }
}

impl FromRequest for KasAgent {
    type Error = KasError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, KasError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let (app, request) = (request.app_data::<Data<App>>().cloned(), request.clone());
        Box::pin(async move {
            let app = app.ok_or(KasError::NotKas)?;
            kas(&app, &request)?;
            let agent = agent(&app, &request).await?;
            app.core.limit_rate(&request, agent_token(&request))?;
            if let Some(context) = Context::of(&request) {
                let mut fields = context.fields.borrow_mut();
                fields.agent_id = Some(agent.id);
                fields.project_id = Some(agent.project_id);
            }
            track(&app, &agent).await;
            Ok(Self(agent))
        })
    }
}

impl FromRequest for SecurityAgent {
    type Error = KasError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, KasError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let enabled =
            request.app_data::<Data<App>>().is_some_and(|app| app.options.security_policies_enabled);
        let agent = KasAgent::from_request(request, payload);
        Box::pin(async move {
            let KasAgent(agent) = agent.await?;
            if enabled { Ok(Self(agent)) } else { Err(KasError::Hidden) }
        })
    }
}

fn kas(app: &App, request: &HttpRequest) -> Result<Kas, KasError> {
    let options = &app.options;
    let rules = Rules { require_audience: options.require_audience, leeway: options.jwt_leeway_seconds };
    let checked = header(request, "gitlab-kas-api-request")
        .ok_or(Rejection::Missing)
        .and_then(|token| auth::kas::verify(&app.secret.get(), token, app.core.clock.unix(), rules));
    if checked == Err(Rejection::Expired) {
        tracing::warn!("the token of kas is not valid now: its clock and ours may differ");
    }
    checked.map(|()| Kas).map_err(|rejection| {
        app.core.metrics.auth_failure(INFO.consumer, "jwt", rejection.reason());
        KasError::NotKas
    })
}

async fn agent(app: &App, request: &HttpRequest) -> Result<Agent, KasError> {
    let refuse = |rejection: Rejection| {
        app.core.metrics.auth_failure(INFO.consumer, "agent_token", rejection.reason());
        KasError::Unauthorized("")
    };
    let token = agent_token(request).filter(|token| !token.is_empty());
    let forms = app.key_base.get().stored_forms(token.ok_or_else(|| refuse(Rejection::Missing))?);
    let agent = app.core.pool.read(move |conn| agents::find_by_token(conn, &forms)).await?;
    agent.ok_or_else(|| refuse(Rejection::UnknownToken))
}

/// The first header that is there, though it be empty.
fn agent_token(request: &HttpRequest) -> Option<&str> {
    let named = ["gitlab-agentk-api-request", "gitlab-agent-api-request"];
    named.into_iter().find_map(|name| header(request, name)).or_else(|| {
        let (scheme, token) = header(request, "authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    })
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    // What is there but no text is wrong, not missing.
    request.headers().get(name).map(|value| value.to_str().unwrap_or_default())
}

/// Notes that an agent was here. It fails no request.
async fn track(app: &App, agent: &Agent) {
    let now = app.core.clock.now();
    // GitLab's own key: its pages show the fresher of the two.
    let key = format!("cache:Clusters::AgentToken:{}:attributes", agent.token_id);
    let fresh = json!({ "last_used_at": now.and_utc().to_rfc3339_opts(chrono::SecondsFormat::Millis, true) });
    if let Err(error) = app.core.counters.keep(&key, &fresh.to_string(), FRESHER).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the use of a token could not be kept");
    }
    let stale = now - TimeDelta::minutes(rand::random_range(SELDOM));
    if agent.token_last_used_at.is_some_and(|last| last >= stale) {
        return;
    }
    let agent = agent.clone();
    let noted = app.core.pool.run(move |conn| agents::touch(conn, &agent, stale, now)).await;
    if let Err(error) = noted {
        tracing::warn!(error = &error as &dyn std::error::Error, "the use of a token could not be noted");
    }
}

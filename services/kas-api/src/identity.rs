//! The callers: kas with its JWT, and through kas an agent with its token.
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
use endpoint::{Context, FieldValue};
use serde_json::json;

use crate::App;
use crate::error::KasError;

/// Minutes between two updates of a token's last use in the database. Each request uses a random number.
const LAST_USED_INTERVAL: std::ops::RangeInclusive<i64> = 40..=55;
/// How long GitLab keeps the last use of a token in its cache.
const LAST_USED_CACHE_TTL: Duration = Duration::from_hours(24);

/// A request of kas.
#[derive(Debug, Clone)]
pub struct Kas(pub RequestLog);

/// A request of kas for an agent.
#[derive(Debug, Clone)]
pub struct KasAgent(pub Agent, pub RequestLog);

/// A request of kas for an agent, if security policies are enabled.
#[derive(Debug, Clone)]
pub struct SecurityAgent(pub Agent, pub RequestLog);

/// The fields that a handler adds to the request's line in the log.
#[derive(Debug, Clone)]
pub struct RequestLog(pub Option<Context>);

impl RequestLog {
    /// Adds a field.
    pub fn set(&self, name: &'static str, value: impl Into<FieldValue>) {
        if let Some(context) = &self.0 {
            context.fields.set(name, value);
        }
    }

    /// Logs the agent and its project.
    pub fn set_agent(&self, agent_id: i64, project_id: Option<i64>) {
        if let Some(context) = &self.0 {
            context.fields.set("agent_id", agent_id);
            if let Some(project_id) = project_id {
                context.fields.set("gl_project_id", project_id);
            }
        }
    }
}

impl FromRequest for Kas {
    type Error = KasError;
    type Future = Ready<Result<Self, KasError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.app_data::<Data<App>>().ok_or(KasError::NotKas(MISSING)).and_then(|app| {
            verify_kas(app, request)?;
            // kas signs a new token for each request, so the limit counts by client address.
            app.core.limit_rate(request, None)?;
            Ok(Self(RequestLog(Context::of(request))))
        }))
    }
}

impl FromRequest for KasAgent {
    type Error = KasError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, KasError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let (app, request) = (request.app_data::<Data<App>>().cloned(), request.clone());
        Box::pin(async move {
            let app = app.ok_or(KasError::NotKas(MISSING))?;
            verify_kas(&app, &request)?;
            let agent = find_agent(&app, &request).await?;
            app.core.limit_rate(&request, agent_token(&request))?;
            let log = RequestLog(Context::of(&request));
            log.set_agent(agent.id, Some(agent.project_id));
            track_usage(&app, &agent).await;
            Ok(Self(agent, log))
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
            let KasAgent(agent, log) = agent.await?;
            if enabled { Ok(Self(agent, log)) } else { Err(KasError::Hidden) }
        })
    }
}

/// The reason of a request without a credential.
const MISSING: &str = "missing";

fn verify_kas(app: &App, request: &HttpRequest) -> Result<(), KasError> {
    let options = &app.options;
    let rules = Rules { require_audience: options.require_audience, leeway: options.jwt_leeway_seconds };
    let verified = header(request, "gitlab-kas-api-request")
        .ok_or(Rejection::Missing)
        .and_then(|token| auth::kas::verify(&app.secret.get(), token, app.core.clock.unix(), rules));
    if matches!(verified, Err(Rejection::Expired | Rejection::NotYetValid)) {
        tracing::warn!("the token of kas is not valid now: the clocks of kas and this machine may differ");
    }
    verified.map_err(|rejection| {
        app.core.reject_credential("jwt", rejection.reason());
        KasError::NotKas(rejection.reason())
    })
}

async fn find_agent(app: &App, request: &HttpRequest) -> Result<Agent, KasError> {
    let refuse = |rejection: Rejection| {
        app.core.reject_credential("agent_token", rejection.reason());
        KasError::UnknownAgent(rejection.reason())
    };
    let token =
        agent_token(request).filter(|token| !token.is_empty()).ok_or_else(|| refuse(Rejection::Missing))?;
    let forms = app.key_base.get().stored_forms(token);
    let agent = app.core.pool.read(move |conn| agents::find_by_token(conn, &forms)).await?;
    let agent = agent.ok_or_else(|| refuse(Rejection::UnknownToken))?;
    if agent.is_token_revoked() { Err(refuse(Rejection::Revoked)) } else { Ok(agent) }
}

/// The token of the first header that is present, even if it is empty.
fn agent_token(request: &HttpRequest) -> Option<&str> {
    let named = ["gitlab-agentk-api-request", "gitlab-agent-api-request"];
    let named = named.into_iter().find_map(|name| header(request, name));
    named.or_else(|| auth::bearer_token(header(request, "authorization")?))
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    // A value that is not text is a wrong credential, not a missing one.
    request.headers().get(name).map(|value| value.to_str().unwrap_or_default())
}

/// Stores the use of an agent's token. A failure does not fail the request.
async fn track_usage(app: &App, agent: &Agent) {
    let now = app.core.clock.now();
    // This is GitLab's key. GitLab shows the later one of the two times.
    let key = format!("cache:Clusters::AgentToken:{}:attributes", agent.token_id);
    let attributes =
        json!({ "last_used_at": now.and_utc().to_rfc3339_opts(chrono::SecondsFormat::Millis, true) });
    if let Err(error) =
        app.core.counters.set_with_ttl(&key, &attributes.to_string(), LAST_USED_CACHE_TTL).await
    {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "failed to cache the last use of an agent token"
        );
    }
    let stale = now - TimeDelta::minutes(rand::random_range(LAST_USED_INTERVAL));
    if agent.token_last_used_at.is_some_and(|last| last >= stale) {
        return;
    }
    let agent = agent.clone();
    let stored = app.core.pool.run(move |conn| agents::touch(conn, &agent, stale, now)).await;
    if let Err(error) = stored {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "failed to store the last use of an agent token"
        );
    }
}

//! `/-/health`, `/-/liveness`, `/-/readiness` and `/-/metrics`, for load balancers, Kubernetes and
//! Prometheus.
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use endpoint::{Context, Shared};
use futures_util::future::join_all;
use shared_state::{Store, StoreName};

/// The time limit of the checks of `?all=1`.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) fn is_health_path(path: &str) -> bool {
    path.starts_with("/-/")
}

/// Routes of the monitoring listener, which has no access control.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .route("/-/health", web::get().to(health))
        .route("/-/liveness", web::get().to(liveness))
        .route("/-/readiness", web::get().to(readiness))
        .route("/-/metrics", web::get().to(metrics));
}

/// The same routes on the main listener, for the networks in the allowlist.
pub(crate) fn guarded_routes(config: &mut ServiceConfig) {
    config.service(web::scope("/-").guard(actix_web::guard::fn_guard(|_| true)).configure(|scope| {
        scope
            .route("/health", web::get().to(async |guard: Allowed| guard.0.unwrap_or_else(ok_text)))
            .route(
                "/liveness",
                web::get().to(async |guard: Allowed, core| guarded(guard, liveness(core)).await),
            )
            .route(
                "/readiness",
                web::get()
                    .to(async |guard: Allowed, core, query| guarded(guard, readiness(core, query)).await),
            )
            .route(
                "/metrics",
                web::get().to(async |guard: Allowed, core| guarded(guard, metrics(core)).await),
            )
            .default_service(web::to(endpoint::not_found));
    }));
}

/// Contains a 404 response if the client is not in the allowlist.
struct Allowed(Option<HttpResponse>);

impl actix_web::FromRequest for Allowed {
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
        let allowlist = request.app_data::<Data<Shared>>().map(|core| core.monitoring_allowlist.as_slice());
        // A Unix socket has no address: every client of it runs on this host.
        let allowed = match Context::of(request).map(|context| context.remote_ip) {
            Some(Some(ip)) => allowlist.unwrap_or_default().iter().any(|network| network.contains(&ip)),
            Some(None) => true,
            None => false,
        };
        let refusal = || HttpResponse::NotFound().json(json!({ "error": "404 Not Found" }));
        std::future::ready(Ok(Self((!allowed).then(refusal))))
    }
}

async fn guarded(guard: Allowed, answer: impl Future<Output = HttpResponse>) -> HttpResponse {
    match guard.0 {
        Some(refusal) => refusal,
        None => answer.await,
    }
}

fn ok_text() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("GitLab OK")
}

async fn health() -> impl Responder {
    ok_text()
}

async fn liveness(core: Data<Shared>) -> HttpResponse {
    if core.lifecycle.is_alive() {
        HttpResponse::Ok().json(json!({ "status": "ok" }))
    } else {
        HttpResponse::ServiceUnavailable().json(json!({ "status": "failed" }))
    }
}

#[derive(Deserialize)]
struct ReadinessParams {
    all: Option<String>,
}

async fn readiness(core: Data<Shared>, params: Query<ReadinessParams>) -> HttpResponse {
    let master = core.lifecycle.unready().map_or(Ok(()), |why| Err(why.to_owned()));
    let mut checks = vec![("master_check", vec![master])];
    if params.all.as_deref().is_some_and(|all| !matches!(all, "" | "0" | "false")) {
        let (database, redis) = tokio::join!(
            join_all(
                core.pools().map(|pool| probe(pool.prepare(database::ping), "the database is unavailable"))
            ),
            join_all(core.counters.servers().map(|(store, names)| redis_probe(store, names))),
        );
        // Uses the result of the check at start, because a probe must be cheap.
        let tables = core.pools().map(database::Pool::check_tables).collect();
        checks.extend([
            ("db_check", database),
            ("migrations_check", tables),
            ("redis_check", if redis.is_empty() { vec![Ok(())] } else { redis }),
        ]);
    }
    let ready = checks.iter().all(|(_, results)| results.iter().all(Result::is_ok));
    let mut body = Map::from_iter([("status".to_owned(), word(ready))]);
    for (name, results) in checks {
        body.insert(name.to_owned(), results.into_iter().map(item).collect());
    }
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status).json(body)
}

/// Probes the server of these stores. The message names them unless all stores are on one server.
async fn redis_probe(store: &Store, names: Vec<StoreName>) -> Result<(), String> {
    let names: Vec<&str> = names.into_iter().map(StoreName::as_str).collect();
    let message = if names.len() == StoreName::ALL.len() {
        "Redis is unavailable".to_owned()
    } else {
        format!("Redis is unavailable ({})", names.join(", "))
    };
    probe(store.ping(), &message).await
}

fn item(result: Result<(), String>) -> Value {
    match result {
        Ok(()) => json!({ "status": word(true) }),
        Err(message) => json!({ "status": word(false), "message": message }),
    }
}

fn word(ok: bool) -> Value {
    json!(if ok { "ok" } else { "failed" })
}

async fn probe<T, E: std::error::Error>(
    probe: impl Future<Output = Result<T, E>>,
    message: &str,
) -> Result<(), String> {
    match tokio::time::timeout(PROBE_TIMEOUT, probe).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => Err(message.to_owned()),
        Err(_) => Err(format!("{message}: no answer within a second")),
    }
}

async fn metrics(core: Data<Shared>) -> HttpResponse {
    let status = core.pool.status();
    core.metrics.pool(status.size, status.busy, status.idle, status.waiting);
    core.metrics.body_budget(core.body_budget.taken(), core.body_budget.bytes());
    let mut text = core.metrics.render();
    if let Some(further) = core.further_metrics.get() {
        text.push_str(&(further.0)().await);
    }
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text)
}

//! The access log entry and the metrics of each request.
use std::time::Duration;

use actix_web::body::BodySize;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderName, USER_AGENT};
use actix_web::http::{Method, StatusCode, Version};
use telemetry::LogFields;
use tracing::Span;
use tracing::field::Empty;

use crate::health;
use endpoint::connection::Connection;
use endpoint::{Context, Core, Costs, Endpoint};

/// The parts of a request's head that the log needs, kept while the handler owns the request.
pub(super) struct Head {
    pub method: Method,
    path: String,
    query: String,
    scheme: &'static str,
    /// The version of HTTP, `1.1`.
    version: &'static str,
    user_agent: Option<String>,
    client_name: Option<String>,
}

/// How a request ended.
pub(super) struct Outcome {
    pub status: StatusCode,
    pub size: BodySize,
    /// The error that produced the response.
    pub error: Option<String>,
    pub elapsed: Duration,
    pub costs: Costs,
}

impl Head {
    pub fn of(request: &ServiceRequest) -> Self {
        let header = |name: HeaderName| request.headers().get(name)?.to_str().ok().map(ToOwned::to_owned);
        let is_tls = Connection::of(request.request()).is_some_and(|connection| connection.is_tls());
        Self {
            method: request.method().clone(),
            path: request.path().to_owned(),
            query: request.query_string().to_owned(),
            scheme: if is_tls { "https" } else { "http" },
            version: match request.version() {
                Version::HTTP_10 => "1.0",
                _ => "1.1",
            },
            user_agent: header(USER_AGENT),
            client_name: header(HeaderName::from_static("x-gitlab-client-name")),
        }
    }

    /// Whether the request is a probe or a scrape.
    pub fn is_health(&self) -> bool {
        health::is_health_path(&self.path)
    }

    fn endpoint_id(&self, endpoint: Option<&Endpoint>) -> String {
        format!("{} {}", self.method, endpoint.map_or("unmatched", |endpoint| endpoint.path))
    }

    /// The path, and the masked query unless the endpoint keeps it out of the log.
    fn url(&self, endpoint: Option<&Endpoint>) -> String {
        let logs_query = endpoint.is_none_or(|endpoint| endpoint.logs_query);
        masked(&self.path, if logs_query { &self.query } else { "" })
    }

    /// The span of the request. Its attributes follow OpenTelemetry's semantic conventions:
    /// <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>.
    pub fn span(&self, core: &Core, context: &Context) -> Span {
        let route = context.endpoint.map(|endpoint| endpoint.path);
        tracing::info_span!(
            "request",
            // Only formatted if traces are on.
            otel.name = %format_args!(
                "{}{}{}",
                self.method,
                if route.is_some() { " " } else { "" },
                route.unwrap_or_default()
            ),
            otel.kind = "server",
            otel.status_code = Empty,
            correlation_id = &*context.correlation_id,
            consumer = core.info.consumer,
            http.request.method = self.method.as_str(),
            http.route = route,
            http.response.status_code = Empty,
            url.path = self.path,
            url.scheme = self.scheme,
            client.address = context.remote_ip.map(display),
            user_agent.original = self.user_agent,
            network.protocol.version = self.version,
            "error.type" = Empty,
            gitlab.user.id = Empty,
            gitlab.project.id = Empty,
            gitlab.namespace.id = Empty,
            internal_api.decision.row = Empty,
        )
    }

    /// Records the end of a request in its span, the metrics and the log.
    pub fn finish(&self, core: &Core, context: &Context, span: &Span, outcome: Outcome) {
        let status = outcome.status;
        if self.is_health() {
            core.metrics.health_request(&self.method.as_str().to_ascii_lowercase(), status.as_u16());
            tracing::debug!(
                target: "access",
                correlation_id = &*context.correlation_id,
                method = self.method.as_str(),
                url = self.path,
                status = status.as_u16(),
                duration_s = outcome.elapsed.as_secs_f64(),
                "access"
            );
            return;
        }
        record(span, status, &context.fields);
        let (route, category) = context
            .endpoint
            .map_or(("unmatched", "not_owned"), |endpoint| (endpoint.path, endpoint.feature_category));
        let seconds = outcome.elapsed.as_secs_f64();
        core.metrics.http_request(self.method.as_str(), route, status.as_u16(), category, seconds);
        span.in_scope(|| self.log(context, route, category, outcome));
    }

    fn log(&self, context: &Context, route: &str, feature_category: &str, outcome: Outcome) {
        let Outcome { status, size, error, elapsed, costs } = outcome;
        let written = match size {
            BodySize::Sized(bytes) => bytes,
            BodySize::None | BodySize::Stream => 0,
        };
        let error = message(status, error, &context.fields);
        let calls_gitaly = costs.gitaly_calls > 0;
        let runs_git = costs.git_processes > 0;
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "access",
                    method = self.method.as_str(),
                    url = self.url(context.endpoint),
                    route,
                    endpoint_id = self.endpoint_id(context.endpoint),
                    status = status.as_u16(),
                    duration_s = elapsed.as_secs_f64(),
                    written_bytes = written,
                    db_count = costs.statements,
                    db_duration_s = costs.database_s,
                    db_wait_s = costs.database_wait_s,
                    redis_calls = costs.redis_calls,
                    redis_duration_s = costs.redis_s,
                    gitaly_calls = calls_gitaly.then_some(costs.gitaly_calls),
                    gitaly_duration_s = calls_gitaly.then_some(costs.gitaly_s),
                    git_processes = runs_git.then_some(costs.git_processes),
                    git_duration_s = runs_git.then_some(costs.git_s),
                    remote_ip = context.remote_ip.map(display),
                    user_agent = self.user_agent,
                    caller_client = self.client_name,
                    feature_category,
                    error_type = error.as_ref().and_then(|_| status.canonical_reason()),
                    error_message = error,
                    json.fields = context.fields.as_value(),
                    "access"
                )
            };
        }
        match status.as_u16() {
            500.. => line!(error),
            400 | 408 | 429 => line!(warn),
            _ => line!(info),
        }
    }
}

/// Adds what is known at the end of a request to its span.
fn record(span: &Span, status: StatusCode, fields: &LogFields) {
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.record("otel.status_code", "error");
        span.record("error.type", status.as_str());
    }
    for (attribute, name) in [
        ("gitlab.user.id", "gl_user_id"),
        ("gitlab.project.id", "gl_project_id"),
        ("gitlab.namespace.id", "gl_namespace_id"),
    ] {
        if let Some(id) = fields.integer(name) {
            span.record(attribute, id);
        }
    }
    if let Some(row) = fields.word("decision_row") {
        span.record("internal_api.decision.row", row);
    }
}

/// The message for the log. It ends with the reason if a credential was rejected.
fn message(status: StatusCode, error: Option<String>, fields: &LogFields) -> Option<String> {
    let Some(reason) = fields.word("auth_failure_reason") else { return error };
    let reason = format!("({reason})");
    let error = error.unwrap_or_else(|| status.canonical_reason().unwrap_or_default().to_owned());
    Some(if error.ends_with(&reason) { error } else { format!("{error} {reason}") })
}

/// Query parameters that contain no secret. The value of every other parameter is masked.
const SAFE_PARAMETERS: [&str; 14] = [
    "action",
    "protocol",
    "project",
    "gl_repository",
    "key_id",
    "user_id",
    "project_id",
    "namespace_id",
    "agent_id",
    "page",
    "per_page",
    "startIndex",
    "count",
    "username",
];
/// The maximum length of a logged parameter name, in bytes.
const MAX_NAME: usize = 64;

/// The path as sent, and the query with masked values.
fn masked(path: &str, query: &str) -> String {
    if query.is_empty() {
        return path.to_owned();
    }
    let pairs: Vec<String> = query.split('&').map(masked_pair).collect();
    format!("{path}?{}", pairs.join("&"))
}

fn masked_pair(pair: &str) -> String {
    let Some((name, value)) = pair.split_once('=') else { return cut(pair).to_owned() };
    let decoded = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    if SAFE_PARAMETERS.contains(&decoded.as_ref()) {
        format!("{name}={value}")
    } else {
        format!("{}=[FILTERED]", cut(name))
    }
}

fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_of_safe_parameters_are_logged() {
        let query = "key=C&key_id=11&private_token=C&pass%77ord=C&token[]=C&flag&stripe_card_fingerprint=C&key%5Fid=7\
            &KEY_ID=C&key_id[]=C&username=alice&=C&page=2=3";
        let expected = "/p?key=[FILTERED]&key_id=11&private_token=[FILTERED]&pass%77ord=[FILTERED]&token[]=[FILTERED]\
            &flag&stripe_card_fingerprint=[FILTERED]&key%5Fid=7&KEY_ID=[FILTERED]&key_id[]=[FILTERED]&username=alice\
            &=[FILTERED]&page=2=3";
        assert_eq!(masked("/p", query), expected);
        assert_eq!(masked("/p", ""), "/p");
        let long = "x".repeat(100);
        let cut = "x".repeat(64);
        assert_eq!(masked("/p", &format!("{long}=C&{long}")), format!("/p?{cut}=[FILTERED]&{cut}"));
    }
}

//! The access log entry and the metrics of each request.
use std::time::Duration;

use actix_web::body::BodySize;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderName, USER_AGENT};
use actix_web::http::{Method, StatusCode};
use serde_json::json;
use tracing::Span;

use crate::health;
use endpoint::{Context, Core, Costs, Endpoint};

/// The parts of a request's head that the log needs, kept while the handler owns the request.
pub(super) struct Head {
    pub method: Method,
    path: String,
    query: String,
    user_agent: Option<String>,
    client_name: Option<String>,
}

impl Head {
    pub fn of(request: &ServiceRequest) -> Self {
        let header = |name: HeaderName| request.headers().get(name)?.to_str().ok().map(ToOwned::to_owned);
        Self {
            method: request.method().clone(),
            path: request.path().to_owned(),
            query: request.query_string().to_owned(),
            user_agent: header(USER_AGENT),
            client_name: header(HeaderName::from_static("x-gitlab-client-name")),
        }
    }

    pub fn endpoint_id(&self, endpoint: Option<&Endpoint>) -> String {
        format!("{} {}", self.method, endpoint.map_or("unmatched", |endpoint| endpoint.path))
    }

    /// The path, and the masked query unless the endpoint keeps it out of the log.
    fn url(&self, endpoint: Option<&Endpoint>) -> String {
        let logs_query = endpoint.is_none_or(|endpoint| endpoint.logs_query);
        masked(&self.path, if logs_query { &self.query } else { "" })
    }

    #[expect(clippy::too_many_arguments, reason = "one line of the log says all of it")]
    pub fn log(
        &self,
        core: &Core,
        context: &Context,
        span: &Span,
        status: StatusCode,
        size: BodySize,
        elapsed: Duration,
        costs: &Costs,
    ) {
        let seconds = elapsed.as_secs_f64();
        let method = self.method.as_str();
        if health::is_health_path(&self.path) {
            core.metrics.health_request(&method.to_ascii_lowercase(), status.as_u16());
            span.in_scope(
                || tracing::debug!(target: "access", url = self.path, status = status.as_u16(), "access"),
            );
            return;
        }
        let route = context.endpoint.map_or("unmatched", |endpoint| endpoint.path);
        let category = context.endpoint.map_or("not_owned", |endpoint| endpoint.feature_category);
        core.metrics.http_request(method, route, status.as_u16(), category, seconds);
        let written = match size {
            BodySize::Sized(bytes) => bytes,
            BodySize::None | BodySize::Stream => 0,
        };
        let fields = context.fields.borrow();
        let further = (!fields.further.is_empty()).then(|| tracing::field::display(json!(fields.further)));
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "access",
                    method,
                    url = self.url(context.endpoint),
                    route,
                    endpoint_id = self.endpoint_id(context.endpoint),
                    status = status.as_u16(),
                    duration_s = seconds,
                    ttfb_s = seconds,
                    db_count = costs.statements,
                    db_duration_s = costs.database_s,
                    redis_calls = costs.redis_calls,
                    redis_duration_s = costs.redis_s,
                    remote_ip = context.remote_ip.map(tracing::field::display),
                    user_agent = self.user_agent,
                    written_bytes = written,
                    gl_user_id = fields.user_id,
                    gl_user_name = fields.user_name,
                    gl_project_id = fields.project_id,
                    gl_namespace_id = fields.namespace_id,
                    agent_id = fields.agent_id,
                    feature_category = category,
                    caller_client = self.client_name,
                    rate_limit_key = fields.rate_limit_key,
                    error_type = fields.error_message.as_ref().and_then(|_| status.canonical_reason()),
                    error_message = fields.error_message,
                    json.fields = further,
                    "access"
                )
            };
        }
        span.in_scope(|| match status.as_u16() {
            500.. => line!(error),
            400 | 408 | 429 => line!(warn),
            _ => line!(info),
        });
    }
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

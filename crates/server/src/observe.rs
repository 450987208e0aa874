//! The middleware around every request: correlation id, span, deadline, access log and metrics.
mod access_log;

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{ResponseHead, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError};
use futures_util::FutureExt;
use telemetry::LogFields;
use tokio::time::Instant;
use tracing::{Instrument, Span};
use ulid::Ulid;

use self::access_log::{Head, Outcome};
use crate::framing::{self, Framing};
use crate::health;
use endpoint::connection::Connection;
use endpoint::{CONTEXT, Context, Core, Endpoint, Shared, TALLY, Tally, body, client};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const UNCACHED: HeaderValue = HeaderValue::from_static("max-age=0, private, must-revalidate");
/// The time limit for paths that are not an endpoint.
const TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) async fn observe<B: MessageBody>(
    core: Data<Shared>,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let started = Instant::now();
    let connection = Connection::of(request.request()).cloned();
    // The listener reads the next request when this value is dropped.
    let _busy = connection.as_ref().map(|connection| connection.begin_request(framing::of_body(&request)));
    let framing = framing::inspect(&request);
    if framing == Framing::Untrusted {
        // The request is not logged, because its sender may not be the client of the connection.
        tracing::warn!("refused a request that follows a chunked body on the same connection");
        return Err(InternalError::from_response("untrusted framing", framing::refusal()).into());
    }
    let _running = core.lifecycle.enter();
    let _inflight = core.metrics.inflight();
    let context = context(&core, &request, started);
    request.extensions_mut().insert(context.clone());
    let head = Head::of(&request);
    // Probes and scrapes would drown all other traces.
    let span = if head.is_health() { Span::none() } else { head.span(&core, &context) };
    telemetry::set_parent(&span, |name| request.headers().get(name)?.to_str().ok().map(ToOwned::to_owned));

    route_without_slash(&mut request);
    let tally = Tally::default();
    let answer = AssertUnwindSafe(next.call(request)).catch_unwind();
    let answer = CONTEXT.scope(context.clone(), within(answer, &context));
    let answer = TALLY.scope(tally.clone(), answer).instrument(span.clone()).await;
    let answer = match answer {
        Some(Ok(answer)) => answer,
        None => Err(Interrupted::new(&core, StatusCode::SERVICE_UNAVAILABLE).into()),
        Some(Err(_panic)) => {
            core.metrics.uncaught_error();
            span.in_scope(|| tracing::error!("a request panicked"));
            Err(Interrupted::new(&core, StatusCode::INTERNAL_SERVER_ERROR).into())
        }
    };
    // A connection keeps the buffer of its largest head.
    let is_last = |connection: Rc<Connection>| connection.has_large_head.get() || connection.is_body_broken();
    let closes = core.lifecycle.is_draining()
        || framing == Framing::LastOfConnection
        || connection.is_some_and(is_last);
    let mut answer = match answer {
        Ok(answer) => Ok(answer),
        Err(error) => Err(with_headers(&error, &context, closes)),
    };
    let (status, size, error) = match &mut answer {
        Ok(answer) => {
            add_headers(answer.response_mut().head_mut(), &context, closes);
            let error = answer.response().error().map(ToString::to_string);
            (answer.status(), answer.response().body().size(), error)
        }
        Err(error) => (error.as_response_error().status_code(), BodySize::None, None),
    };
    let outcome = Outcome { status, size, error, elapsed: started.elapsed(), costs: tally.costs() };
    head.finish(&core, &context, &span, outcome);
    answer
}

fn context(core: &Core, request: &ServiceRequest, started: Instant) -> Context {
    let peer = request.peer_addr().map(|address| address.ip());
    let (remote_ip, believed) = client(peer, request.headers(), &core.trusted_proxies, core.client_entry);
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let correlation_id = match given {
        Some(id) if believed && is_request_id(id) => id.into(),
        _ => new_request_id(core).into(),
    };
    let path = request.path().strip_prefix(core.relative_url_root.as_str()).unwrap_or(request.path());
    let endpoint = find(core.info.endpoints, request.method(), path);
    let timeout = endpoint.map_or(TIMEOUT, |endpoint| endpoint.timeout);
    let max_body = endpoint.map_or(0, |endpoint| endpoint.max_body);
    let timeout = core.request_timeout.map_or(timeout, |ceiling| ceiling.min(timeout));
    Context {
        correlation_id,
        remote_ip,
        endpoint,
        max_body: core.max_body_bytes.map_or(max_body, |ceiling| ceiling.min(max_body)),
        room: body::Room::default(),
        timeout,
        // Reading the body extends it, and it starts again when the body has arrived.
        deadline: Rc::new(Cell::new(started + timeout)),
        metrics: core.metrics.clone(),
        fields: LogFields::default(),
    }
}

fn new_request_id(core: &Core) -> String {
    let milliseconds = core.clock.now().and_utc().timestamp_millis();
    Ulid::from_parts(u64::try_from(milliseconds).unwrap_or(0), rand::random()).to_string()
}

fn is_request_id(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte))
}

/// Removes a trailing slash from the path. Each route has only one form, so that routes are compared as
/// strings and not matched as a set of regular expressions. The log keeps the original path.
fn route_without_slash(request: &mut ServiceRequest) {
    let path = request.uri().path();
    let Some(shorter) = path.strip_suffix('/').filter(|shorter| !shorter.is_empty()) else { return };
    if health::is_health_path(path) {
        return;
    }
    if let Ok(uri) = shorter.parse() {
        request.match_info_mut().get_mut().update(&uri);
    }
}

fn find(endpoints: &'static [Endpoint], method: &Method, path: &str) -> Option<&'static Endpoint> {
    let path = path.strip_suffix('/').unwrap_or(path);
    // HEAD is handled as GET.
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let fits = |pattern: &str| {
        let mut segments = path.split('/');
        pattern
            .split('/')
            .all(|part| segments.next().is_some_and(|segment| part.starts_with('{') || part == segment))
            && segments.next().is_none()
    };
    endpoints.iter().find(|endpoint| endpoint.method == method.as_str() && fits(endpoint.path))
}

/// Returns the response, or `None` if the deadline has passed. The handler may move the deadline in both
/// directions.
async fn within<T>(answer: impl Future<Output = T>, context: &Context) -> Option<T> {
    let mut answer = std::pin::pin!(answer);
    let mut sleep = std::pin::pin!(tokio::time::sleep_until(context.deadline.get()));
    std::future::poll_fn(|task| {
        if let Poll::Ready(answer) = answer.as_mut().poll(task) {
            return Poll::Ready(Some(answer));
        }
        let deadline = context.deadline.get();
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        sleep.as_mut().poll(task).map(|()| None)
    })
    .await
}

fn add_headers(head: &mut ResponseHead, context: &Context, closes: bool) {
    let headers = head.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&context.correlation_id) {
        headers.insert(REQUEST_ID, id);
    }
    // Pages with confidential content and static files set this header themselves.
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, UNCACHED);
    }
    if closes {
        // A header of this name would be dropped, because actix manages the connection itself.
        head.set_connection_type(ConnectionType::Close);
    }
}

/// The handler was interrupted by its deadline or by a panic.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Interrupted {
    status: StatusCode,
    response: fn(StatusCode) -> HttpResponse,
}

impl Interrupted {
    fn new(core: &Core, status: StatusCode) -> Self {
        Self { status, response: core.info.interrupted }
    }
}

impl ResponseError for Interrupted {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        (self.response)(self.status)
    }
}

/// Adds the common headers to an error that no handler has turned into a response.
fn with_headers(error: &Error, context: &Context, closes: bool) -> Error {
    let mut answer = error.error_response();
    add_headers(answer.head_mut(), context, closes);
    InternalError::from_response("interrupted", answer).into()
}

#[cfg(test)]
mod tests {
    use telemetry::metrics::Metrics;

    use super::*;
    use endpoint::EndpointTable;
    use std::sync::LazyLock;

    #[test]
    fn request_ids_are_plain() {
        assert!(is_request_id("01ARZ3NDEKTSV4RRFFQ69G5FAV") && is_request_id("a_b.c:d-1"));
        for id in ["", "a b", "a\nb", "ü", &"a".repeat(256)] {
            assert!(!is_request_id(id));
        }
    }

    #[test]
    fn endpoints_are_found_by_method_and_path() {
        static ENDPOINTS: EndpointTable = LazyLock::new(|| {
            ["/a/b", "/a/{id}/c"].map(|path| Endpoint::get(path).to(endpoint::not_found)).into()
        });
        let found =
            |method: Method, path: &str| find(&ENDPOINTS, &method, path).map(|endpoint| endpoint.path);
        assert_eq!(found(Method::GET, "/a/b"), Some("/a/b"));
        assert_eq!(found(Method::GET, "/a/b/"), Some("/a/b"));
        assert_eq!(found(Method::GET, "/a/7/c"), Some("/a/{id}/c"));
        assert_eq!(found(Method::HEAD, "/a/b"), Some("/a/b"));
        assert_eq!(found(Method::POST, "/a/b"), None);
        assert_eq!(found(Method::GET, "/a"), None);
        assert_eq!(found(Method::GET, "/a/b/c/d"), None);
    }

    fn context(patience: Duration, timeout: Duration) -> Context {
        Context {
            correlation_id: "x".into(),
            remote_ip: None,
            endpoint: None,
            max_body: 0,
            room: body::Room::default(),
            timeout,
            deadline: Rc::new(Cell::new(Instant::now() + patience)),
            metrics: Metrics::new("test-api", "1.2.3", "unknown", &[]),
            fields: LogFields::default(),
        }
    }

    #[tokio::test]
    async fn the_deadline_is_that_of_the_work_once_the_body_has_come() {
        let (long, short) = (Duration::from_mins(10), Duration::from_millis(50));
        for (patience, timeout) in [(long, short), (Duration::ZERO, short)] {
            let context = context(patience, timeout);
            let started = Instant::now();
            let work = async {
                context.begin_work();
                std::future::pending::<()>().await;
            };
            assert_eq!(within(work, &context).await, None);
            assert!(started.elapsed() >= timeout);
        }
        assert_eq!(within(std::future::pending::<()>(), &context(short, long)).await, None);
        assert_eq!(within(async { 1 }, &context(Duration::ZERO, long)).await, Some(1));
    }
}

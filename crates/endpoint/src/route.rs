//! The endpoint table of a service: one entry describes an endpoint and is its route.
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use actix_web::http::header::ALLOW;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, Route, guard};
use serde_json::json;

pub const MIB: usize = 1024 * 1024;

/// The time limit of a handler, unless its endpoint has another.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);
/// The body limit in bytes, unless the endpoint has another.
const DEFAULT_MAX_BODY: usize = MIB;

/// Every endpoint of a service, in the order in which paths are matched.
pub type EndpointTable = LazyLock<Vec<Endpoint>>;

/// One endpoint of a service. Routes, metrics, limits, logs and tests all read this entry.
///
/// ```
/// # use endpoint::Endpoint;
/// # use actix_web::HttpResponse;
/// async fn handler() -> HttpResponse {
///     HttpResponse::NoContent().finish()
/// }
///
/// let endpoint = Endpoint::post("/api/v4/internal/example").category("not_owned").to(handler);
/// assert_eq!((endpoint.method, endpoint.max_body), ("POST", endpoint::MIB));
/// ```
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub method: &'static str,
    /// The full path, without the relative URL root.
    pub path: &'static str,
    /// GitLab's feature category.
    pub feature_category: &'static str,
    /// The time limit of the handler, counted from when the body has arrived.
    pub timeout: Duration,
    /// The maximum body size in bytes.
    pub max_body: usize,
    /// Whether the request's line in the log shows the query string.
    pub logs_query: bool,
    /// Whether the handler of GET also serves HEAD.
    pub serves_head: bool,
    /// The fields that the log line of a successful request always has, in addition to those of every line. They
    /// say what the request is about.
    pub subject: &'static [&'static str],
    route: RouteFactory,
}

/// Creates the route of an endpoint. Each worker thread has routes of its own.
#[derive(Clone)]
struct RouteFactory(Arc<dyn Fn() -> Route + Send + Sync>);

impl fmt::Debug for RouteFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RouteFactory")
    }
}

/// An [`Endpoint`] that has no handler yet.
#[derive(Debug, Clone)]
#[must_use]
pub struct EndpointBuilder {
    method: &'static str,
    path: &'static str,
    feature_category: &'static str,
    timeout: Duration,
    max_body: usize,
    logs_query: bool,
    serves_head: bool,
    subject: &'static [&'static str],
}

impl Endpoint {
    /// An endpoint that only reads. It serves HEAD, too.
    pub fn get(path: impl Into<Cow<'static, str>>) -> EndpointBuilder {
        EndpointBuilder::new("GET", path.into())
    }

    pub fn post(path: impl Into<Cow<'static, str>>) -> EndpointBuilder {
        EndpointBuilder::new("POST", path.into())
    }

    pub fn put(path: impl Into<Cow<'static, str>>) -> EndpointBuilder {
        EndpointBuilder::new("PUT", path.into())
    }

    pub fn patch(path: impl Into<Cow<'static, str>>) -> EndpointBuilder {
        EndpointBuilder::new("PATCH", path.into())
    }

    pub fn delete(path: impl Into<Cow<'static, str>>) -> EndpointBuilder {
        EndpointBuilder::new("DELETE", path.into())
    }

    fn methods(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.method).chain(self.serves_head.then_some("HEAD"))
    }

    fn route(&self) -> Route {
        let (method, serves_head) = (self.method, self.serves_head);
        (self.route.0)().guard(guard::fn_guard(move |context| {
            let requested = context.head().method.as_str();
            requested == method || (serves_head && requested == "HEAD")
        }))
    }
}

impl EndpointBuilder {
    fn new(method: &'static str, path: Cow<'static, str>) -> Self {
        Self {
            method,
            path: match path {
                Cow::Borrowed(path) => path,
                // A table is built once and lives as long as the process.
                Cow::Owned(path) => path.leak(),
            },
            feature_category: "not_owned",
            timeout: DEFAULT_TIMEOUT,
            max_body: DEFAULT_MAX_BODY,
            logs_query: true,
            serves_head: method == "GET",
            subject: &[],
        }
    }

    /// Sets GitLab's feature category. The default is `not_owned`.
    pub fn category(mut self, feature_category: &'static str) -> Self {
        self.feature_category = feature_category;
        self
    }

    /// Sets the time limit of the handler. The default is 15 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the maximum body size in bytes. The default is 1 MiB.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Names the log fields that say what a successful request is about. The default is none.
    pub fn subject(mut self, fields: &'static [&'static str]) -> Self {
        self.subject = fields;
        self
    }

    /// Keeps the query string out of the log.
    pub fn without_logged_query(mut self) -> Self {
        self.logs_query = false;
        self
    }

    /// Answers HEAD with 405, for a GET that changes something.
    pub fn without_head(mut self) -> Self {
        self.serves_head = false;
        self
    }

    /// Sets the handler.
    pub fn to<F, Args>(self, handler: F) -> Endpoint
    where
        F: Handler<Args> + Send + Sync,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let Self { method, path, feature_category, timeout, max_body, logs_query, serves_head, subject } =
            self;
        let route = RouteFactory(Arc::new(move || web::to(handler.clone())));
        Endpoint {
            method,
            path,
            feature_category,
            timeout,
            max_body,
            logs_query,
            serves_head,
            subject,
            route,
        }
    }
}

/// Adds the routes of a table. Other methods of a path get a 405 response with an `Allow` header.
pub fn add_routes<'a>(config: &mut ServiceConfig, endpoints: impl IntoIterator<Item = &'a Endpoint>) {
    for (resource, allow) in resources("", endpoints) {
        config.service(or_not_allowed(resource, allow));
    }
}

/// Creates one resource for each path, and the value of its `Allow` header. The paths are relative to the
/// scope, with which each endpoint's path begins.
pub fn resources<'a>(
    scope: &str,
    endpoints: impl IntoIterator<Item = &'a Endpoint>,
) -> Vec<(Resource, String)> {
    let mut paths: Vec<(&str, Vec<&Endpoint>)> = Vec::new();
    for endpoint in endpoints {
        match paths.iter_mut().find(|(path, _)| *path == endpoint.path) {
            Some((_, same_path)) => same_path.push(endpoint),
            None => paths.push((endpoint.path, vec![endpoint])),
        }
    }
    let resource = |(path, endpoints): (&str, Vec<&Endpoint>)| {
        let resource = web::resource(path.strip_prefix(scope).unwrap_or(path).to_owned());
        let resource = endpoints.iter().fold(resource, |resource, endpoint| resource.route(endpoint.route()));
        let allow: Vec<&str> = endpoints.iter().flat_map(|endpoint| endpoint.methods()).collect();
        (resource, allow.join(", "))
    };
    paths.into_iter().map(resource).collect()
}

/// Answers all other methods of the resource with 405 and the given `Allow` header.
pub fn or_not_allowed(resource: Resource, allow: String) -> Resource {
    resource.default_service(web::to(move || {
        let answer = HttpResponse::MethodNotAllowed()
            .insert_header((ALLOW, allow.clone()))
            .json(json!({ "error": "405 Not Allowed" }));
        async { answer }
    }))
}

/// The response for an unknown path.
pub async fn not_found() -> HttpResponse {
    HttpResponse::NotFound().json(json!({ "error": "404 Not Found" }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::{Method, StatusCode};
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, web::Path};

    async fn one(id: Path<i64>) -> String {
        format!("one {id}")
    }

    async fn all() -> &'static str {
        "all"
    }

    /// Each path serves the methods of its endpoints, in any scope; the first matching path wins.
    #[actix_web::test]
    async fn a_table_is_its_routes() {
        let table = [
            Endpoint::get("/a/things/all").to(all),
            Endpoint::get(format!("/a/{}/{{id}}", "things")).without_head().to(one),
            Endpoint::delete("/a/things/{id}").to(one),
        ];
        let flat = |config: &mut ServiceConfig| add_routes(config, &table);
        let scoped = |config: &mut ServiceConfig| {
            let scope =
                resources("/a", &table).into_iter().fold(web::scope("/a"), |scope, (resource, allow)| {
                    scope.service(or_not_allowed(resource, allow))
                });
            config.service(scope);
        };
        for routes in [&flat as &dyn Fn(&mut ServiceConfig), &scoped] {
            let app = init_service(App::new().configure(routes)).await;
            for (method, path, status, allow) in [
                (Method::GET, "/a/things/all", 200, None),
                (Method::HEAD, "/a/things/all", 200, None),
                (Method::DELETE, "/a/things/all", 405, Some("GET, HEAD")),
                (Method::GET, "/a/things/7", 200, None),
                (Method::DELETE, "/a/things/7", 200, None),
                (Method::HEAD, "/a/things/7", 405, Some("GET, DELETE")),
                (Method::POST, "/a/things/7", 405, Some("GET, DELETE")),
                (Method::GET, "/a/things", 404, None),
            ] {
                let request = TestRequest::with_uri(path).method(method.clone()).to_request();
                let answer = call_service(&app, request).await;
                let allowed = answer.headers().get(ALLOW).map(|value| value.to_str().unwrap().to_owned());
                let expected = (StatusCode::from_u16(status).unwrap(), allow.map(ToOwned::to_owned));
                assert_eq!((answer.status(), allowed), expected, "{method} {path}");
            }
        }
    }
}

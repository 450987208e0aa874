//! Endpoints as data, for routes, tests, metrics and limits.
use std::time::Duration;

use actix_web::dev::HttpServiceFactory;
use actix_web::http::Method;
use actix_web::http::header::ALLOW;
use actix_web::{HttpResponse, Resource, Route, guard, web};
use serde_json::json;

pub const MIB: usize = 1024 * 1024;

/// One endpoint of a service.
#[derive(Debug, Clone, Copy)]
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
}

impl Endpoint {
    pub const fn new(method: &'static str, path: &'static str, feature_category: &'static str) -> Self {
        let timeout = Duration::from_secs(15);
        Self { method, path, feature_category, timeout, max_body: MIB, logs_query: true }
    }

    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Keeps the query string out of the log.
    #[must_use]
    pub const fn without_logged_query(mut self) -> Self {
        self.logs_query = false;
        self
    }

    #[must_use]
    pub const fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }
}

/// Creates a resource at `path`, which has no trailing slash. Other methods get a 405 response with an
/// `Allow` header.
pub fn resource(path: &str, routes: Vec<(Method, Route)>) -> impl HttpServiceFactory + use<> {
    let (resource, allow) = with_methods(web::resource(path.to_owned()), routes);
    or_not_allowed(resource, allow)
}

/// Answers all other methods of the resource with 405 and the given `Allow` header.
pub fn or_not_allowed(resource: Resource, allow: String) -> impl HttpServiceFactory + use<> {
    resource.default_service(web::to(move || {
        let answer = HttpResponse::MethodNotAllowed()
            .insert_header((ALLOW, allow.clone()))
            .json(json!({ "error": "405 Not Allowed" }));
        async { answer }
    }))
}

/// Adds the routes to the resource and returns the value of its `Allow` header. A route for GET also serves
/// HEAD.
pub fn with_methods(mut resource: Resource, routes: Vec<(Method, Route)>) -> (Resource, String) {
    let mut allowed = Vec::new();
    for (method, route) in routes {
        allowed.push(method.to_string());
        let route = if method == Method::GET {
            allowed.push(Method::HEAD.to_string());
            route.guard(guard::Any(guard::Get()).or(guard::Head()))
        } else {
            route.method(method)
        };
        resource = resource.route(route);
    }
    (resource, allowed.join(", "))
}

/// The response for an unknown path.
pub async fn not_found() -> HttpResponse {
    HttpResponse::NotFound().json(json!({ "error": "404 Not Found" }))
}

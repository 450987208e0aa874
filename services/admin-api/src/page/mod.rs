//! The pages of the Admin area, with the functions of the API. They work without JavaScript; with it,
//! searches run while the user types.
//!
//! Every change is a form of the same origin with a token of its session, and is answered with a redirect.
mod assets;
mod audit;
mod error;
mod form;
mod identities;
mod limits;
mod list;
mod remove;
mod render;
mod session;
mod sign_in;
mod users;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Data, ServiceConfig, scope, to};
use actix_web::{HttpRequest, HttpResponse};

use endpoint::{Endpoint, or_not_allowed, resources};

use self::error::PageError;
use self::session::SignedIn;
use crate::{App, LIMITS, USERS};

/// The path of every page begins with this.
pub const ROOT: &str = "/admin";

/// The endpoints of the pages.
pub fn endpoints() -> [Endpoint; 14] {
    let path = |rest: &str| format!("{ROOT}{rest}");
    [
        Endpoint::get(path("")).category(LIMITS).to(home),
        Endpoint::get(path("/session/new")).category("system_access").to(sign_in::form),
        Endpoint::get(path("/session")).category("system_access").to(sign_in::again),
        Endpoint::post(path("/session")).category("system_access").to(sign_in::begin),
        Endpoint::delete(path("/session")).category("system_access").to(sign_in::end),
        Endpoint::get(path("/namespace_limits")).category(LIMITS).to(limits::show),
        Endpoint::post(path("/namespace_limits")).category(LIMITS).to(limits::add),
        Endpoint::get(path("/namespace_limits/namespaces")).category(LIMITS).to(limits::choices),
        Endpoint::get(path("/namespace_limits/{id}/remove")).category(LIMITS).to(remove::confirm),
        Endpoint::post(path("/namespace_limits/{id}/remove")).category(LIMITS).to(remove::remove),
        Endpoint::get(path("/users")).category(USERS).to(users::show),
        Endpoint::get(path("/users/{username}/identities")).category(USERS).to(identities::show),
        Endpoint::get(path("/audit_events")).category("audit_events").to(audit::show),
        Endpoint::get(path("/assets/{name}")).category(LIMITS).to(assets::show),
    ]
}

/// Adds the routes of the pages.
pub fn routes<'a>(config: &mut ServiceConfig, endpoints: impl IntoIterator<Item = &'a Endpoint>) {
    let mut pages = scope(ROOT).wrap(from_fn(guard));
    for (resource, allow) in resources(ROOT, endpoints) {
        pages = pages.service(or_not_allowed(resource, allow));
    }
    config.service(pages.default_service(to(nowhere)));
}

/// `GET /admin`
async fn home(app: Data<App>, _: SignedIn) -> HttpResponse {
    render::redirect(StatusCode::FOUND, &format!("{}/admin/namespace_limits", app.core.relative_url_root))
}

async fn nowhere(_: HttpRequest) -> Result<HttpResponse, PageError> {
    Err(PageError::NotFound("This page does not exist."))
}

/// Adds security headers to every response below `/admin`, so that injected content cannot run.
async fn guard<B: MessageBody + 'static>(
    app: Data<App>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    const HEADERS: &[(&str, &str)] = &[
        (
            "content-security-policy",
            "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
        ),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        // With a stricter policy, browsers would not send the origin of a form.
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ];
    let mut answer = next.call(request).await?.map_into_boxed_body();
    let root = &app.core.relative_url_root;
    let error = answer.response().error().and_then(|error| error.as_error::<PageError>());
    if let Some(page) = error.filter(|_| !root.is_empty()).map(|error| error.page(root)) {
        // A response that was generated from the error alone does not know the URL prefix.
        answer = answer.into_response(page);
    }
    let headers = answer.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(answer)
}

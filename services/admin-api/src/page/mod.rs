//! The pages of the Admin area, with the functions of the API. They work without JavaScript; with it,
//! searches run while the user types.
//!
//! Every change is a form of the same origin with a token of its session, and is answered with a redirect.
mod assets;
mod audit;
mod cookies;
mod draft;
mod error;
mod form;
mod identities;
mod limits;
mod list;
mod remove;
mod render;
mod return_to;
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

use self::error::{PageError, is_by_script};
pub(crate) use self::session::SCHEME as SESSION_SCHEME;
use self::session::SignedIn;
use crate::{ADMINISTRATOR, App, LIMITS, LIST, NAMESPACE, USER, USERS};

/// The path of every page begins with this.
pub const ROOT: &str = "/admin";

/// The endpoints of the pages.
pub fn endpoints() -> [Endpoint; 14] {
    let path = |rest: &str| format!("{ROOT}{rest}");
    [
        Endpoint::get(path("")).category(LIMITS).subject(ADMINISTRATOR).to(home),
        Endpoint::get(path("/session/new")).category("system_access").to(sign_in::form),
        Endpoint::get(path("/session")).category("system_access").to(sign_in::again),
        Endpoint::post(path("/session")).category("system_access").subject(ADMINISTRATOR).to(sign_in::create),
        Endpoint::delete(path("/session"))
            .category("system_access")
            .subject(ADMINISTRATOR)
            .to(sign_in::delete),
        Endpoint::get(path("/namespace_limits")).category(LIMITS).subject(LIST).to(limits::show),
        Endpoint::post(path("/namespace_limits")).category(LIMITS).subject(NAMESPACE).to(limits::add),
        Endpoint::get(path("/namespace_limits/namespaces"))
            .category(LIMITS)
            .subject(LIST)
            .to(limits::choices),
        Endpoint::get(path("/namespace_limits/{id}/remove"))
            .category(LIMITS)
            .subject(NAMESPACE)
            .to(remove::confirm),
        Endpoint::post(path("/namespace_limits/{id}/remove"))
            .category(LIMITS)
            .subject(NAMESPACE)
            .to(remove::remove),
        Endpoint::get(path("/users")).category(USERS).subject(LIST).to(users::show),
        Endpoint::get(path("/users/{username}/identities"))
            .category(USERS)
            .subject(USER)
            .to(identities::show),
        Endpoint::get(path("/audit_events")).category("audit_events").subject(LIST).to(audit::show),
        Endpoint::get(path("/assets/{name}")).category(LIMITS).to(assets::show),
    ]
}

/// Adds the routes of the pages.
pub fn routes<'a>(config: &mut ServiceConfig, endpoints: impl IntoIterator<Item = &'a Endpoint>) {
    let mut pages = scope(ROOT).wrap(from_fn(guard));
    for (resource, allow) in resources(ROOT, endpoints) {
        pages = pages.service(or_not_allowed(resource, allow));
    }
    config.service(pages.default_service(to(not_found)));
}

/// `GET /admin`
async fn home(app: Data<App>, _: SignedIn) -> HttpResponse {
    render::redirect(StatusCode::FOUND, &format!("{}/admin/namespace_limits", app.core.relative_url_root))
}

async fn not_found(_: HttpRequest) -> Result<HttpResponse, PageError> {
    Err(PageError::NotFound("This page does not exist."))
}

/// Adds security headers to every response below `/admin`, and turns errors into plain text for scripts.
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
    let by_script = is_by_script(request.request());
    let mut response = next.call(request).await?.map_into_boxed_body();
    let root = &app.core.relative_url_root;
    // The error itself knows neither the sender nor the relative URL root.
    let error = response.response().error().and_then(|error| error.as_error::<PageError>());
    let replacement = match error {
        Some(error) if by_script => Some(error.plain_text()),
        Some(error) if !root.is_empty() => Some(error.html(root)),
        _ => None,
    };
    if let Some(replacement) = replacement {
        response = response.into_response(replacement);
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}

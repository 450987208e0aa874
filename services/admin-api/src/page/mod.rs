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
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Data, ServiceConfig, scope, to};
use actix_web::{HttpRequest, HttpResponse};

use endpoint::resource;

use self::error::PageError;
use self::session::SignedIn;
use crate::App;

pub fn routes(config: &mut ServiceConfig) {
    config.service(
        scope("/admin")
            .wrap(from_fn(guard))
            .service(resource("", vec![(Method::GET, to(home))]))
            .service(resource("/session/new", vec![(Method::GET, to(sign_in::form))]))
            .service(resource(
                "/session",
                vec![
                    (Method::GET, to(sign_in::again)),
                    (Method::POST, to(sign_in::begin)),
                    (Method::DELETE, to(sign_in::end)),
                ],
            ))
            .service(resource("/namespace_limits/namespaces", vec![(Method::GET, to(limits::choices))]))
            .service(resource(
                "/namespace_limits",
                vec![(Method::GET, to(limits::show)), (Method::POST, to(limits::add))],
            ))
            .service(resource(
                "/namespace_limits/{id}/remove",
                vec![(Method::GET, to(remove::confirm)), (Method::POST, to(remove::remove))],
            ))
            .service(resource("/users", vec![(Method::GET, to(users::show))]))
            .service(resource("/users/{username}/identities", vec![(Method::GET, to(identities::show))]))
            .service(resource("/audit_events", vec![(Method::GET, to(audit::show))]))
            .service(resource("/assets/{name}", vec![(Method::GET, to(assets::show))]))
            .default_service(to(nowhere)),
    );
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

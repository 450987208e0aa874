//! Templates, and the responses made from them. All values are escaped.
use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use minijinja::{Environment, Value, context};

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../templates/", $name)))),*]
    };
}

const TEMPLATES: &[(&str, &str)] = templates![
    "layout.html",
    "macros.html",
    "error.html",
    "sign_in.html",
    "limits.html",
    "choices.html",
    "remove.html",
    "users.html",
    "identities.html",
    "audit.html",
];

static ENVIRONMENT: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    for (name, text) in TEMPLATES {
        environment.add_template(name, text)?;
    }
    Ok(environment)
});

/// A response with a rendered template.
pub fn page(status: StatusCode, name: &str, values: Value) -> HttpResponse {
    let rendered = ENVIRONMENT
        .as_ref()
        .map_err(ToString::to_string)
        .and_then(|environment| environment.get_template(name).map_err(|error| error.to_string()))
        .and_then(|template| template.render(values).map_err(|error| format!("{error:#}")));
    match rendered {
        Ok(html) => HttpResponse::build(status).content_type("text/html; charset=utf-8").body(html),
        Err(error) => {
            tracing::error!(error, "failed to render the template {name}");
            HttpResponse::InternalServerError().content_type("text/plain").body("500 Internal Server Error")
        }
    }
}

/// A page about an error.
pub fn error(status: StatusCode, root: &str, title: &str, text: &str) -> HttpResponse {
    page(status, "error.html", context! { root, title, text })
}

/// A redirect on this host.
pub fn redirect(status: StatusCode, to: &str) -> HttpResponse {
    HttpResponse::build(status).insert_header((LOCATION, to)).finish()
}

#[cfg(test)]
mod tests {
    #[test]
    fn templates_compile() {
        assert!(super::ENVIRONMENT.as_ref().is_ok(), "{:?}", super::ENVIRONMENT.as_ref().err());
    }
}

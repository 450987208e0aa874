//! `GET` and `POST /admin/namespace_limits/{id}/remove`: the question, and the deed
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use database::admin::Window;
use database::admin::exclusions::{self, Filter};
use database::billing::Key;
use domain::Error as Refusal;
use minijinja::context;

use super::error::PageError;
use super::form::Form;
use super::limits::row;
use super::list::Place;
use super::session::{Notice, SignedIn};
use crate::App;
use crate::exclusions::note;

const NOT_EXCLUDED: PageError = PageError::NotFound("This namespace is not excluded from the storage limit.");

/// Asks whether it is meant.
pub async fn confirm(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    id: Path<String>,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let place = Place::read(&form)?;
    let namespace_id = id.parse().map_err(|_| NOT_EXCLUDED)?;
    let filter = Filter { search: String::new(), namespace_id: Some(namespace_id) };
    let one = Window::Offset { offset: 0, limit: 1 };
    let page = app.core.pool.read(move |conn| exclusions::list(conn, &filter, one)).await?;
    let exclusion = page.rows.first().ok_or(NOT_EXCLUDED)?;
    let values = context! {
        here => "limits",
        place => place.query(),
        search => place.search,
        page => place.page,
        row => row(&app.core.external_url, exclusion),
    };
    Ok(signed_in.page(&app, &request, StatusCode::OK, "remove.html", values))
}

/// Lets the limit count again.
pub async fn remove(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    id: Path<String>,
    form: Form,
) -> Result<HttpResponse, PageError> {
    signed_in.must_have_sent(&app, &request, &form)?;
    let place = Place::read(&form)?;
    let key = Key::Id(id.parse().map_err(|_| NOT_EXCLUDED)?);
    let (actor, now) = (signed_in.actor.clone(), app.core.clock.now());
    let notice = match app.core.pool.run(move |conn| exclusions::readmit(conn, &key, &actor, now)).await {
        Ok(written) => {
            note(&signed_in.actor, "readmit", &written);
            Notice::Removed
        }
        Err(database::Error::Domain(Refusal::NotFound(_))) => Notice::Gone,
        Err(error) => return Err(error.into()),
    };
    let path = format!("/admin/namespace_limits{}", place.query());
    Ok(signed_in.redirect(&app, &request, &path, notice))
}

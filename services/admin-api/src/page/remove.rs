//! `GET` and `POST /admin/namespace_limits/{id}/remove`: the confirmation and the removal
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

const CHANGED: &str = "This exclusion has changed. Nothing was removed.";
/// No exclusion has this id.
const NO_ID: i64 = 0;

/// Asks for confirmation.
pub async fn confirm(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    id: Path<String>,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (namespace_id, place) = (parse_id(&id)?, Place::read(&form)?);
    page(&app, &request, &signed_in, namespace_id, &place, StatusCode::OK).await
}

fn parse_id(id: &str) -> Result<i64, PageError> {
    id.parse().map_err(|_| NOT_EXCLUDED)
}

/// Renders the confirmation with the current exclusion. Status 409 means that the form showed a different
/// one.
async fn page(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
    namespace_id: i64,
    place: &Place,
    status: StatusCode,
) -> Result<HttpResponse, PageError> {
    let filter = Filter { search: String::new(), namespace_id: Some(namespace_id) };
    let first = Window::Offset { offset: 0, limit: 1 };
    let page = app.core.pool.read(move |conn| exclusions::list(conn, &filter, first)).await?;
    let exclusion = page.rows.first().ok_or(NOT_EXCLUDED)?;
    let values = context! {
        here => "limits",
        place => place.query(),
        search => place.search.clone(),
        page => place.page,
        problem => (status == StatusCode::CONFLICT).then_some(CHANGED),
        row => row(&app.core.external_url, exclusion),
    };
    Ok(signed_in.page(app, request, status, "remove.html", values))
}

/// Removes the exclusion that the confirmation showed.
pub async fn remove(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    id: Path<String>,
    form: Form,
) -> Result<HttpResponse, PageError> {
    signed_in.must_have_sent(&app, &request, &form)?;
    let (namespace_id, place) = (parse_id(&id)?, Place::read(&form)?);
    let expected = form.number("exclusion_id")?.unwrap_or(NO_ID);
    let (key, actor, now) = (Key::Id(namespace_id), signed_in.actor.clone(), app.core.clock.now());
    let remove =
        move |conn: &mut database::Conn| exclusions::readmit(conn, &key, Some(expected), &actor, now);
    let notice = match app.core.pool.run(remove).await {
        Ok(Some(written)) => {
            note(&signed_in.actor, "readmit", &written);
            Notice::Removed
        }
        Ok(None) => {
            let status = StatusCode::CONFLICT;
            return page(&app, &request, &signed_in, namespace_id, &place, status).await;
        }
        Err(database::Error::Domain(Refusal::NotFound(_))) => Notice::Gone,
        Err(error) => return Err(error.into()),
    };
    let path = format!("/admin/namespace_limits{}", place.query());
    Ok(signed_in.redirect(&app, &request, &path, notice))
}

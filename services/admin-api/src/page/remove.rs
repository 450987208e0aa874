//! `GET` and `POST /admin/namespace_limits/{id}/remove`: the confirmation and the removal
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use database::admin::Window;
use database::admin::audit::EventName;
use database::admin::exclusions::{self, Filter, Removal};
use database::billing::Key;
use domain::Error as DomainError;
use endpoint::log_field;
use minijinja::context;

use super::draft::KeptForm;
use super::error::{FORM_OUT_OF_DATE, PageError};
use super::form::Form;
use super::limits::row;
use super::list::ListQuery;
use super::return_to::ReturnTo;
use super::session::{Notice, SignedIn};
use crate::{App, audit};

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
    let (namespace_id, query) = (parse_id(&id)?, ListQuery::read(&form)?);
    log_field("gl_namespace_id", namespace_id);
    let response = page(&app, &request, &signed_in, namespace_id, &query, None).await?;
    response.ok_or(NOT_EXCLUDED)
}

/// Removes the exclusion that the confirmation showed.
pub async fn remove(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let Some(signed_in) = SignedIn::find(&app, &request).await? else {
        return Err(sign_in(&app, &request, &id, &form));
    };
    let checked = signed_in.check_form(&app, &request, &form);
    let (namespace_id, query) = (parse_id(&id)?, ListQuery::read(&form)?);
    log_field("gl_namespace_id", namespace_id);
    if let Err(PageError::OutdatedForm) = checked {
        let problem = (StatusCode::FORBIDDEN, FORM_OUT_OF_DATE);
        let response = page(&app, &request, &signed_in, namespace_id, &query, Some(problem)).await?;
        return response.ok_or(PageError::OutdatedForm);
    }
    checked?;
    let expected = form.number("exclusion_id")?.unwrap_or(NO_ID);
    let removal = remove_expected(&app, &signed_in, namespace_id, expected).await?;
    if let Some(Removal::Changed) = removal {
        let problem = (StatusCode::CONFLICT, CHANGED);
        let response = page(&app, &request, &signed_in, namespace_id, &query, Some(problem)).await?;
        if let Some(response) = response {
            return Ok(response);
        }
    }
    let notice = if let Some(Removal::Removed(_)) = removal { Notice::Removed } else { Notice::Gone };
    let path = format!("/admin/namespace_limits{}", query.to_query());
    Ok(signed_in.redirect(&app, &request, &path, notice))
}

fn parse_id(id: &str) -> Result<i64, PageError> {
    id.parse().map_err(|_| NOT_EXCLUDED)
}

/// The error for a form without a session. The sign-in leads to the confirmation.
fn sign_in(app: &App, request: &HttpRequest, id: &str, form: &Form) -> PageError {
    let return_to = id.parse().ok().map(ReturnTo::Removal);
    PageError::sign_in_with_form(app, request, return_to.as_ref(), &KeptForm::new(app, form, None))
}

/// Removes the expected exclusion. `None` if the namespace has no exclusion.
async fn remove_expected(
    app: &App,
    signed_in: &SignedIn,
    namespace_id: i64,
    expected: i64,
) -> Result<Option<Removal>, PageError> {
    let (key, actor, now) = (Key::Id(namespace_id), signed_in.actor.clone(), app.core.clock.now());
    let remove = move |conn: &mut database::Conn| exclusions::remove(conn, &key, Some(expected), &actor, now);
    match app.core.pool.run(remove).await {
        Ok(removal) => {
            if let Removal::Removed(change) = &removal {
                audit::exclusion_changed(&signed_in.actor, EventName::Removed, change);
            }
            Ok(Some(removal))
        }
        Err(database::Error::Domain(DomainError::NotFound(_))) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Renders the confirmation with the current exclusion. `None` if there is none.
async fn page(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
    namespace_id: i64,
    query: &ListQuery,
    problem: Option<(StatusCode, &str)>,
) -> Result<Option<HttpResponse>, PageError> {
    let filter = Filter { namespace_id: Some(namespace_id), ..Filter::default() };
    let first = Window::After { id: 0, limit: 1 };
    let page = app.core.pool.read(move |conn| exclusions::list(conn, &filter, first)).await?;
    let Some(exclusion) = page.rows.first() else { return Ok(None) };
    let (status, problem) = problem.map_or((StatusCode::OK, None), |(status, text)| (status, Some(text)));
    let values = context! {
        here => "limits",
        list_query => query.to_query(),
        search => query.search.clone(),
        page => query.page,
        problem,
        row => row(&app.core.external_url, exclusion),
    };
    Ok(Some(signed_in.page(app, request, status, "remove.html", values)))
}

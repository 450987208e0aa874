//! `GET` and `POST /admin/namespace_limits`: the excluded namespaces, and a form to exclude another one
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use database::admin::exclusions::{self, Exclusion, Filter};
use database::admin::namespaces::{self, Choice};
use database::admin::{Total, Window};
use database::billing::Key;
use domain::Error as Refusal;
use domain::storage_limit::Reason;
use minijinja::{Value, context};

use super::error::PageError;
use super::form::Form;
use super::list::Place;
use super::session::{Notice, SignedIn};
use crate::App;
use crate::error::AdminError;
use crate::exclusions::note;
use crate::namespaces::web_url;

/// Messages for incomplete forms: shown before sending where JavaScript runs, otherwise afterwards.
const MISSING: &str = "You must select a namespace and add a reason for excluding it";
const NO_NAMESPACE: &str = "Select a namespace.";
const NO_REASON: &str = "Add a reason.";
/// The number of namespaces that are offered at a time.
const CHOICES: usize = 10;

/// The contents of the form.
#[derive(Debug, Default)]
struct Draft {
    namespace_search: String,
    namespace_id: Option<i64>,
    reason: String,
}

/// The errors of a form: a summary, and a message for each field.
#[derive(Debug, Default)]
struct Problems {
    summary: Option<String>,
    namespace: Option<String>,
    reason: Option<String>,
}

/// Shows the list and an empty form.
pub async fn show(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let (place, draft) = (Place::read(&form)?, Draft::default());
    shown(&app, &request, &signed_in, &place, &draft, &Problems::default(), StatusCode::OK).await
}

/// Excludes a namespace, or searches for namespaces if the browser runs no JavaScript.
pub async fn add(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    form: Form,
) -> Result<HttpResponse, PageError> {
    signed_in.must_have_sent(&app, &request, &form)?;
    let place = Place::read(&form)?;
    let draft = Draft {
        namespace_search: form.search("namespace_search")?,
        namespace_id: form.number("namespace_id")?,
        // Browsers send line breaks as CRLF.
        reason: form.text("reason")?.replace("\r\n", "\n"),
    };
    if !form.text("find")?.is_empty() {
        let none = Problems::default();
        return shown(&app, &request, &signed_in, &place, &draft, &none, StatusCode::OK).await;
    }
    let (problems, status) = match exclude(&app, &signed_in, &draft).await {
        Ok(()) => {
            let path = format!("/admin/namespace_limits{}", place.query());
            return Ok(signed_in.redirect(&app, &request, &path, Notice::Excluded));
        }
        Err(Refused::Missing) => {
            let problems = Problems {
                summary: Some(MISSING.to_owned()),
                namespace: draft.namespace_id.is_none().then(|| NO_NAMESPACE.to_owned()),
                reason: draft.reason.trim().is_empty().then(|| NO_REASON.to_owned()),
            };
            (problems, StatusCode::BAD_REQUEST)
        }
        Err(Refused::Admin(error)) if error.status_code().is_client_error() => {
            (problems(&error), error.status_code())
        }
        Err(Refused::Admin(error)) => return Err(error.into()),
    };
    shown(&app, &request, &signed_in, &place, &draft, &problems, status).await
}

enum Refused {
    Missing,
    Admin(AdminError),
}

impl<T: Into<AdminError>> From<T> for Refused {
    fn from(error: T) -> Self {
        Self::Admin(error.into())
    }
}

async fn exclude(app: &App, signed_in: &SignedIn, draft: &Draft) -> Result<(), Refused> {
    let namespace_id = draft.namespace_id.ok_or(Refused::Missing)?;
    if draft.reason.trim().is_empty() {
        return Err(Refused::Missing);
    }
    let reason = Reason::try_from(draft.reason.clone())?;
    let (actor, now) = (signed_in.actor.clone(), app.core.clock.now());
    let excluded = app.core.pool.run(move |conn| {
        let key = Key::Id(namespace_id);
        exclusions::exclude(conn, &key, &reason, &actor, now)
    });
    note(&signed_in.actor, "exclude", &excluded.await?);
    Ok(())
}

fn problems(error: &AdminError) -> Problems {
    if let AdminError::Storage(database::Error::Domain(Refusal::Fields(fields))) = error {
        let sentence = format!("{fields}.");
        let sentence = sentence.replacen("reason", "The reason", 1);
        return Problems { summary: Some(sentence.clone()), namespace: None, reason: Some(sentence) };
    }
    let sentence = error.sentence(error.status_code());
    Problems { summary: Some(sentence.clone()), namespace: Some(sentence), reason: None }
}

async fn shown(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
    place: &Place,
    draft: &Draft,
    problems: &Problems,
    status: StatusCode,
) -> Result<HttpResponse, PageError> {
    let (filter, window) = (Filter { search: place.search.clone(), namespace_id: None }, place.window());
    let wanted = draft.namespace_search.clone();
    let read = app.core.pool.read(move |conn| {
        let page = exclusions::list(conn, &filter, window)?;
        let choices = if wanted.is_empty() { None } else { Some(find(conn, &wanted)?) };
        Ok((page, choices))
    });
    let (mut page, choices) = read.await?;
    let pager = place.pager(&mut page);
    let base = &app.core.external_url;
    let values = context! {
        here => "limits",
        search => place.search.clone(),
        place => place.query(),
        page => place.page,
        pager,
        rows => page.rows.iter().map(|exclusion| row(base, exclusion)).collect::<Vec<_>>(),
        draft => context! { namespace_search => draft.namespace_search.clone(), reason => draft.reason.clone() },
        problems => context! {
            summary => problems.summary.clone(),
            namespace => problems.namespace.clone(),
            reason => problems.reason.clone(),
        },
        missing => context! { summary => MISSING, namespace => NO_NAMESPACE, reason => NO_REASON },
        ..offered(choices, &draft.namespace_search, draft.namespace_id)
    };
    Ok(signed_in.page(app, request, status, "limits.html", values))
}

/// `GET /admin/namespace_limits/namespaces`: the part of the form with the namespaces to choose from
pub async fn choices(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let search = form.search("namespace_search")?;
    let wanted = search.clone();
    let choices = app
        .core
        .pool
        .read(move |conn| if wanted.is_empty() { Ok(None) } else { find(conn, &wanted).map(Some) });
    let values = offered(choices.await?, &search, None);
    Ok(signed_in.page(&app, &request, StatusCode::OK, "choices.html", values))
}

fn find(conn: &mut database::Conn, search: &str) -> database::Result<(Vec<Choice>, Option<Total>)> {
    let limit = i64::try_from(CHOICES).unwrap_or(i64::MAX);
    let found = namespaces::list(conn, search, true, Window::Offset { offset: 0, limit })?;
    Ok((found.rows, found.total))
}

/// The namespaces to choose from. An earlier choice is kept, and a single result is preselected.
fn offered(choices: Option<(Vec<Choice>, Option<Total>)>, search: &str, chosen: Option<i64>) -> Value {
    let was_searched = choices.is_some();
    let (rows, total) = choices.unwrap_or_default();
    let only = if let [only] = rows.as_slice() { Some(only.id) } else { None };
    let chosen = chosen.filter(|id| rows.iter().any(|row| row.id == *id)).or(only);
    let choice = |choice: &Choice| {
        context! {
            id => choice.id, name => choice.name.clone(), full_path => choice.full_path.clone(),
            kind => kind(&choice.kind), chosen => chosen == Some(choice.id),
        }
    };
    let found = match total {
        Some(Total::Rows(rows)) => Some(rows),
        _ => None,
    };
    context! {
        was_searched,
        searched => search,
        found,
        choices => rows.iter().map(choice).collect::<Vec<_>>(),
    }
}

pub fn row(base: &str, exclusion: &Exclusion) -> Value {
    context! {
        id => exclusion.id,
        namespace_id => exclusion.namespace_id,
        name => exclusion.namespace_name.clone(),
        full_path => exclusion.full_path.clone(),
        kind => kind(&exclusion.kind),
        web_url => web_url(base, &exclusion.kind, &exclusion.full_path),
        reason => exclusion.reason.clone(),
        added => exclusion.created_at.format("%Y-%m-%d").to_string(),
    }
}

fn kind(kind: &str) -> &'static str {
    if kind == "User" { "Personal" } else { "Group" }
}

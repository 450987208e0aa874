//! `GET` and `POST /admin/namespace_limits`: the excluded namespaces, and a form to exclude another one
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use chrono::NaiveDateTime;
use database::admin::audit::EventName;
use database::admin::exclusions::{self, Exclusion, Filter};
use database::admin::namespaces::{self, NamespaceSummary};
use database::admin::{Page, Total};
use database::billing::Key;
use domain::Error as DomainError;
use domain::storage_limit::Reason;
use endpoint::log_field;
use minijinja::{Value, context};

use super::draft::{self, Draft, KeptForm};
use super::error::{FORM_OUT_OF_DATE, PageError};
use super::form::Form;
use super::list::ListQuery;
use super::return_to::ReturnTo;
use super::session::{Notice, SignedIn};
use crate::error::AdminError;
use crate::namespaces::web_url;
use crate::{App, audit};

/// Messages for incomplete forms: shown before sending where JavaScript runs, otherwise afterwards.
const MISSING: &str = "You must select a namespace and add a reason for excluding it";
const NO_NAMESPACE: &str = "Select a namespace.";
const NO_REASON: &str = "Add a reason.";
/// The maximum number of namespaces that the picker offers.
const MAX_CHOICES: i64 = 10;

/// The errors of the form: a summary, and a message for each field.
#[derive(Debug, Default)]
struct Problems {
    summary: Option<String>,
    namespace: Option<String>,
    reason: Option<String>,
}

impl Problems {
    fn from_summary(summary: &str) -> Self {
        Self { summary: Some(summary.to_owned()), ..Self::default() }
    }
}

/// Which namespaces the picker offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choices {
    /// Those that match the search.
    Search,
    /// Those that match the search. Without a search, the namespace that is selected already.
    SearchOrChosen,
}

/// The content of the page.
struct Content {
    query: ListQuery,
    draft: Draft,
    choices: Choices,
    problems: Problems,
    status: StatusCode,
}

/// Shows the list and the form. A draft that the browser keeps is filled in, then deleted.
pub async fn show(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let content = Content {
        query: ListQuery::read(&form)?,
        draft: KeptForm::read(&app, &request).and_then(|kept| kept.draft).unwrap_or_default(),
        choices: Choices::SearchOrChosen,
        problems: Problems::default(),
        status: StatusCode::OK,
    };
    let mut response = page(&app, &request, &signed_in, content).await?;
    draft::clear(&app, &request, response.headers_mut());
    Ok(response)
}

/// Excludes a namespace, or searches for namespaces if the browser runs no JavaScript.
pub async fn add(app: Data<App>, request: HttpRequest, form: Form) -> Result<HttpResponse, PageError> {
    let Some(signed_in) = SignedIn::find(&app, &request).await? else {
        return Err(sign_in(&app, &request, &form));
    };
    let mut content = Content {
        query: ListQuery::read(&form)?,
        draft: Draft::read(&form)?,
        choices: Choices::SearchOrChosen,
        problems: Problems::default(),
        status: StatusCode::OK,
    };
    match signed_in.check_form(&app, &request, &form) {
        Err(PageError::OutdatedForm) => {
            content.problems = Problems::from_summary(FORM_OUT_OF_DATE);
            content.status = StatusCode::FORBIDDEN;
            return page(&app, &request, &signed_in, content).await;
        }
        checked => checked?,
    }
    // The button that leads to the sign-in excludes nothing if there is a session again.
    if !form.text("find")?.is_empty() || !form.text("sign_in")?.is_empty() {
        content.choices = Choices::Search;
        return page(&app, &request, &signed_in, content).await;
    }
    (content.problems, content.status) = match exclude(&app, &signed_in, &content.draft).await {
        Ok(()) => {
            let path = format!("/admin/namespace_limits{}", content.query.to_query());
            return Ok(signed_in.redirect(&app, &request, &path, Notice::Excluded));
        }
        Err(ExcludeError::Missing) => (missing_fields(&content.draft), StatusCode::BAD_REQUEST),
        Err(ExcludeError::Admin(error)) if error.status_code().is_client_error() => {
            (problems(&error), error.status_code())
        }
        Err(ExcludeError::Admin(error)) => return Err(error.into()),
    };
    page(&app, &request, &signed_in, content).await
}

/// The error for a form without a session. The draft and the place in the list are kept.
fn sign_in(app: &App, request: &HttpRequest, form: &Form) -> PageError {
    let return_to = ListQuery::read(form).ok().map(ReturnTo::Limits);
    let kept = KeptForm::new(app, form, Draft::read(form).ok());
    PageError::sign_in_with_form(app, request, return_to.as_ref(), &kept)
}

enum ExcludeError {
    Missing,
    Admin(AdminError),
}

impl<T: Into<AdminError>> From<T> for ExcludeError {
    fn from(error: T) -> Self {
        Self::Admin(error.into())
    }
}

async fn exclude(app: &App, signed_in: &SignedIn, draft: &Draft) -> Result<(), ExcludeError> {
    let namespace_id = draft.namespace_id.ok_or(ExcludeError::Missing)?;
    if draft.reason.trim().is_empty() {
        return Err(ExcludeError::Missing);
    }
    log_field("gl_namespace_id", namespace_id);
    let reason = Reason::try_from(draft.reason.clone())?;
    let (key, actor, now) = (Key::Id(namespace_id), signed_in.actor.clone(), app.core.clock.now());
    let exclude = move |conn: &mut database::Conn| exclusions::exclude(conn, &key, &reason, &actor, now);
    let change = app.core.pool.run(exclude).await?;
    audit::exclusion_changed(&signed_in.actor, EventName::Created, &change);
    Ok(())
}

fn missing_fields(draft: &Draft) -> Problems {
    Problems {
        summary: Some(MISSING.to_owned()),
        namespace: draft.namespace_id.is_none().then(|| NO_NAMESPACE.to_owned()),
        reason: draft.reason.trim().is_empty().then(|| NO_REASON.to_owned()),
    }
}

fn problems(error: &AdminError) -> Problems {
    if let AdminError::Database(database::Error::Domain(DomainError::Fields(fields))) = error {
        let sentence = format!("{fields}.").replacen("reason", "The reason", 1);
        return Problems { reason: Some(sentence.clone()), ..Problems::from_summary(&sentence) };
    }
    let sentence = error.sentence(error.status_code());
    Problems { namespace: Some(sentence.clone()), ..Problems::from_summary(&sentence) }
}

async fn page(
    app: &App,
    request: &HttpRequest,
    signed_in: &SignedIn,
    content: Content,
) -> Result<HttpResponse, PageError> {
    let Content { query, draft, choices, problems, status } = content;
    let filter = Filter { search: query.search.clone(), searches_ids: true, namespace_id: None };
    let (window, wanted) = (query.window(), search_for(&draft, choices));
    let read = app.core.pool.read(move |conn| {
        let page = exclusions::list(conn, &filter, window)?;
        Ok((page, find(conn, wanted.as_deref())?))
    });
    let (mut page, found) = read.await?;
    let pager = query.pager(&mut page);
    let base = &app.core.external_url;
    let values = context! {
        here => "limits",
        search => query.search.clone(),
        list_query => query.to_query(),
        page => query.page,
        pager,
        rows => page.rows.iter().map(|exclusion| row(base, exclusion)).collect::<Vec<_>>(),
        draft => context! {
            namespace_search => draft.namespace_search.clone(),
            reason => draft.reason.clone(),
        },
        problems => context! {
            summary => problems.summary,
            namespace => problems.namespace,
            reason => problems.reason,
        },
        missing => context! { summary => MISSING, namespace => NO_NAMESPACE, reason => NO_REASON },
        ..picker(found, &draft.namespace_search, draft.namespace_id)
    };
    Ok(signed_in.page(app, request, status, "limits.html", values))
}

/// `GET /admin/namespace_limits/namespaces`: the choices of the picker, for the script
pub async fn choices(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let draft = Draft { namespace_search: form.search("namespace_search")?, ..Draft::default() };
    let wanted = search_for(&draft, Choices::Search);
    let found = app.core.pool.read(move |conn| find(conn, wanted.as_deref())).await?;
    log_field("results", found.as_ref().map_or(0, |page| page.rows.len()));
    let values = picker(found, &draft.namespace_search, None);
    Ok(signed_in.page(&app, &request, StatusCode::OK, "choices.html", values))
}

/// The search of the picker, if there is one.
fn search_for(draft: &Draft, choices: Choices) -> Option<String> {
    let search = Some(draft.namespace_search.clone()).filter(|search| !search.is_empty());
    match choices {
        Choices::Search => search,
        Choices::SearchOrChosen => search.or_else(|| draft.namespace_id.map(|id| id.to_string())),
    }
}

fn find(conn: &mut database::Conn, search: Option<&str>) -> database::Result<Option<Page<NamespaceSummary>>> {
    search.map(|search| namespaces::find_top_level(conn, search, MAX_CHOICES)).transpose()
}

/// The values of the picker. An earlier choice is kept if it is found, and a single match is preselected.
fn picker(found: Option<Page<NamespaceSummary>>, search: &str, chosen: Option<i64>) -> Value {
    let was_searched = found.is_some();
    let Page { rows, total } = found.unwrap_or(Page { rows: Vec::new(), total: None });
    let may_be_chosen = |row: &&NamespaceSummary| !row.is_excluded;
    let only = if let [only] = rows.as_slice() { Some(only) } else { None };
    let chosen = rows.iter().find(|row| chosen == Some(row.id)).or(only).filter(may_be_chosen);
    let chosen_id = chosen.map(|row| row.id);
    let choice = |row: &NamespaceSummary| {
        context! {
            id => row.id,
            name => row.name.clone(),
            full_path => row.full_path.clone(),
            kind => kind(&row.kind),
            is_excluded => row.is_excluded,
            is_chosen => chosen_id == Some(row.id),
        }
    };
    let count = match total {
        Some(Total::Rows(rows)) => Some(rows),
        _ => None,
    };
    context! {
        was_searched,
        searched => search,
        count,
        choices => rows.iter().map(choice).collect::<Vec<_>>(),
    }
}

/// The template values of an exclusion.
pub fn row(base: &str, exclusion: &Exclusion) -> Value {
    let added = exclusion.excluded_at.unwrap_or(exclusion.created_at);
    context! {
        id => exclusion.id,
        namespace_id => exclusion.namespace_id,
        name => exclusion.namespace_name.clone(),
        full_path => exclusion.full_path.clone(),
        web_url => web_url(base, &exclusion.kind, &exclusion.full_path),
        reason => exclusion.reason.clone(),
        excluded_by => exclusion.excluded_by.clone(),
        added => timestamp(added),
    }
}

/// A UTC timestamp for the attribute `datetime`, and for display.
pub fn timestamp(time: NaiveDateTime) -> Value {
    context! {
        iso => time.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        text => time.format("%Y-%m-%d %H:%M:%S").to_string(),
    }
}

fn kind(kind: &str) -> &'static str {
    if kind == "User" { "Personal" } else { "Group" }
}

//! `GET /admin/audit_events`
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use database::admin::audit::{self, AuditEvent, EventName, Filter};
use minijinja::{Value, context};

use super::error::PageError;
use super::form::Form;
use super::limits::timestamp;
use super::list::{ListQuery, event_value};
use super::session::SignedIn;
use crate::App;

/// Lists the changes of exclusions, the newest first.
pub async fn show(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let query = ListQuery::read_with_event(&form)?;
    let (filter, window) = (Filter { search: query.search.clone(), event: query.event }, query.window());
    let mut page = app.core.pool.read(move |conn| audit::list(conn, &filter, window)).await?;
    let pager = query.pager(&mut page);
    let values = context! {
        here => "audit",
        search => query.search,
        event => query.event.map(event_value),
        pager,
        rows => page.rows.iter().map(row).collect::<Vec<_>>(),
    };
    Ok(signed_in.page(&app, &request, StatusCode::OK, "audit.html", values))
}

fn row(event: &AuditEvent) -> Value {
    let is_removal = event.event_name == EventName::Removed.as_str();
    context! {
        at => timestamp(event.created_at),
        author => event.author_name.clone(),
        impersonated_by => event.impersonated_by.clone(),
        action => if is_removal { "Exclusion removed" } else { "Excluded" },
        namespace => event.namespace_name.clone(),
        path => event.entity_path.clone(),
        reason => event.reason.clone(),
        ip_address => event.ip_address.clone(),
    }
}

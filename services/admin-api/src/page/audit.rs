//! `GET /admin/audit_events`
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use database::admin::audit::{self, AuditEvent};
use minijinja::{Value, context};

use super::error::PageError;
use super::form::Form;
use super::list::Place;
use super::session::SignedIn;
use crate::App;

/// Lists audit events, newest first.
pub async fn show(
    app: Data<App>,
    request: HttpRequest,
    signed_in: SignedIn,
    form: Form,
) -> Result<HttpResponse, PageError> {
    let place = Place { search: String::new(), ..Place::read(&form)? };
    let offset = place.offset();
    let mut page = app.core.pool.read(move |conn| audit::list(conn, offset, Place::limit())).await?;
    let pager = place.pager(&mut page);
    let rows: Vec<Value> = page.rows.iter().map(row).collect();
    let values = context! { here => "audit", pager, rows };
    Ok(signed_in.page(&app, &request, StatusCode::OK, "audit.html", values))
}

fn row(taken: &AuditEvent) -> Value {
    let details: serde_json::Value = serde_json::from_str(&taken.details).unwrap_or_default();
    let action = match details["event_name"].as_str() {
        Some("namespace_storage_limit_exclusion_created") => "Excluded",
        Some("namespace_storage_limit_exclusion_removed") => "Exclusion removed",
        _ => "Changed",
    };
    context! {
        at => taken.created_at.format("%Y-%m-%d %H:%M:%S").to_string(),
        author => taken.author_name.clone(),
        impersonated_by => details["impersonated_by"].as_str(),
        action,
        namespace => taken.target_details.clone(),
        path => taken.entity_path.clone(),
        reason => details["reason"].as_str(),
        ip_address => taken.ip_address.clone(),
    }
}

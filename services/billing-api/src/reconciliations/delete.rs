//! `DELETE /api/v4/internal/upcoming_reconciliations`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::{Key, reconciliations};
use endpoint::{DeferredParams, log_field};

use crate::error::BillingError;
use crate::params::read;
use crate::{App, Caller};

/// Deletes the dates of the namespace in the path.
pub async fn handler(app: Data<App>, caller: Caller, id: Path<String>) -> Result<HttpResponse, BillingError> {
    delete(&app, &caller, Key::parse(&id)).await
}

/// Deletes the dates of the namespace in the parameter `namespace_id`.
pub async fn by_parameter(
    app: Data<App>,
    caller: Caller,
    sent: DeferredParams<BillingError>,
) -> Result<HttpResponse, BillingError> {
    let id = read(sent, |fields| fields.required_id("namespace_id")).await?;
    delete(&app, &caller, Key::Id(id)).await
}

async fn delete(app: &App, caller: &Caller, key: Key) -> Result<HttpResponse, BillingError> {
    let deleted = app.core.pool.run(move |conn| reconciliations::delete(conn, &key)).await;
    let change = deleted.map_err(|error| match error {
        database::Error::Domain(domain::Error::NotFound(_)) => BillingError::NotFound("Not Found"),
        error => error.into(),
    })?;
    log_field("gl_namespace_id", change.namespace.id);
    caller.audit_reconciliation(&change);
    Ok(HttpResponse::NoContent().finish())
}

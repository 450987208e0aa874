//! `POST /api/v4/namespaces/{id}/gitlab_subscription`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::{Key, subscriptions};
use domain::billing::Change;
use endpoint::{DeferredParams, log_field};

use crate::error::BillingError;
use crate::params::read;
use crate::{App, Caller};

/// Creates a subscription.
pub async fn handler(
    app: Data<App>,
    caller: Caller,
    id: Path<String>,
    sent: DeferredParams<BillingError>,
) -> Result<HttpResponse, BillingError> {
    let change = read(sent, |fields| {
        let start_date = Some(fields.required_date("start_date"));
        Change { start_date, ..super::attributes(fields) }
    })
    .await?;
    let (key, now) = (Key::parse(&id), app.core.clock.now());
    let change = app.core.pool.run(move |conn| subscriptions::create(conn, &key, &change, now)).await?;
    log_field("gl_namespace_id", change.namespace.id);
    caller.audit_subscription(&change);
    Ok(HttpResponse::Created().json(super::entity(&change.after, &app.options, now.date())))
}

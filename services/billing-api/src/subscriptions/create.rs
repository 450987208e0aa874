//! `POST /api/v4/namespaces/{id}/gitlab_subscription`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::{Key, subscriptions};
use domain::billing::{Change, Patch};
use endpoint::DeferredParams;

use crate::error::BillingError;
use crate::params::read;
use crate::{App, Caller, audit};

/// Begins a subscription.
pub async fn handler(
    app: Data<App>,
    caller: Caller,
    id: Path<String>,
    sent: DeferredParams<BillingError>,
) -> Result<HttpResponse, BillingError> {
    let change = read(sent, |fields| {
        let start_date = Patch::Value(fields.required_date("start_date"));
        Change { start_date, ..super::further(fields) }
    })
    .await?;
    let (key, now) = (Key::parse(&id), app.core.clock.now());
    let changed = app.core.pool.run(move |conn| subscriptions::create(conn, &key, &change, now)).await?;
    audit::changed(
        caller,
        "create_subscription",
        changed.namespace_id,
        &changed.old,
        &changed.new.subscription,
    );
    Ok(HttpResponse::Created().json(super::entity(&changed.new, &app.options, now.date())))
}

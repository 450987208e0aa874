//! `PUT /api/v4/namespaces/{id}/gitlab_subscription`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::{Key, subscriptions};
use endpoint::DeferredParams;

use crate::error::BillingError;
use crate::params::read;
use crate::{App, Caller, audit};

/// Changes a subscription; what is not given stays.
pub async fn handler(
    app: Data<App>,
    caller: Caller,
    id: Path<String>,
    sent: DeferredParams<BillingError>,
) -> Result<HttpResponse, BillingError> {
    let change = read(sent, super::change).await?;
    let (key, now) = (Key::parse(&id), app.core.clock.now());
    let changed = app.core.pool.run(move |conn| subscriptions::update(conn, &key, &change, now)).await?;
    if changed.old.as_ref() != Some(&changed.new.subscription) {
        audit::changed(
            caller,
            "update_subscription",
            changed.namespace_id,
            &changed.old,
            &changed.new.subscription,
        );
    }
    Ok(HttpResponse::Ok().json(super::entity(&changed.new, &app.options, now.date())))
}

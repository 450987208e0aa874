//! `PUT /api/v4/internal/upcoming_reconciliations`
use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use database::billing::reconciliations::{self, LeftOut};
use endpoint::DeferredParams;

use super::dates;
use crate::error::BillingError;
use crate::params::read;
use crate::{App, Caller, audit};

/// Sets the dates of many namespaces. One that has gone does not hold the others up.
pub async fn handler(
    app: Data<App>,
    caller: Caller,
    sent: DeferredParams<BillingError>,
) -> Result<HttpResponse, BillingError> {
    const LIST: &str = "upcoming_reconciliations";
    let wanted: BTreeMap<i64, _> = read(sent, |fields| {
        // The last of several for one namespace counts.
        fields.objects(LIST).iter().map(|one| (one.required_id("namespace_id"), dates(one))).collect()
    })
    .await?;
    let now = app.core.clock.now();
    let put = app.core.pool.run(move |conn| reconciliations::put(conn, &wanted, now)).await?;
    for changed in &put.changed {
        audit::changed(
            caller,
            "set_upcoming_reconciliation",
            changed.namespace_id,
            &changed.old,
            &changed.new,
        );
    }
    if put.left_out.is_empty() {
        return Ok(HttpResponse::Ok().json(200));
    }
    let reason = |why| match why {
        LeftOut::Unknown => "Namespace must exist",
        LeftOut::NotRoot => "Namespace must be a root namespace",
    };
    Err(BillingError::LeftOut(put.left_out.into_iter().map(|(id, why)| (id, reason(why))).collect()))
}

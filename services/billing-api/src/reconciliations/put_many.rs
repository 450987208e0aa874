//! `PUT /api/v4/internal/upcoming_reconciliations`
use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use storage::billing::reconciliations::{self, LeftOut};

use super::dates;
use crate::error::BillingError;
use crate::params::Params;
use crate::{App, Caller, audit};

/// Sets the dates of many namespaces. One that has gone does not hold the others up.
pub async fn handler(app: Data<App>, caller: Caller, params: Params) -> Result<HttpResponse, BillingError> {
    const LIST: &str = "upcoming_reconciliations";
    let wanted: BTreeMap<i64, _> = params.read(|fields| {
        // The last of several for one namespace counts.
        fields.objects(LIST).iter().map(|one| (one.required_id("namespace_id"), dates(one))).collect()
    })?;
    let now = app.core.clock.now();
    let put = app.core.pool.run(move |conn| Ok((reconciliations::put(conn, &wanted, now)?, wanted)));
    let (left_out, mut stored) = put.await?;
    stored.retain(|id, _| left_out.iter().all(|(left_out, _)| left_out != id));
    for (namespace_id, dates) in &stored {
        audit::changed(caller, "set_upcoming_reconciliation", *namespace_id, &(), dates);
    }
    if left_out.is_empty() {
        return Ok(HttpResponse::Ok().json(200));
    }
    let reason = |why| match why {
        LeftOut::Unknown => "Namespace must exist",
        LeftOut::NotRoot => "Namespace must be a root namespace",
    };
    Err(BillingError::LeftOut(left_out.into_iter().map(|(id, why)| (id, reason(why))).collect()))
}

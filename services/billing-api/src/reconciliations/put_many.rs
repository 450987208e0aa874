//! `PUT /api/v4/internal/upcoming_reconciliations`
use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use database::billing::reconciliations::{self, SkipReason};
use endpoint::{DeferredParams, log_field};

use super::dates;
use crate::error::BillingError;
use crate::params::read;
use crate::{App, Caller};

/// Sets the dates of many namespaces. A deleted namespace does not prevent the others from being stored.
pub async fn handler(
    app: Data<App>,
    caller: Caller,
    sent: DeferredParams<BillingError>,
) -> Result<HttpResponse, BillingError> {
    const LIST: &str = "upcoming_reconciliations";
    let wanted: BTreeMap<i64, _> = read(sent, |fields| {
        // If a namespace is named twice, the last entry wins.
        fields.objects(LIST).map(|one| (one.required_id("namespace_id"), dates(&one))).collect()
    })
    .await?;
    let now = app.core.clock.now();
    let only_namespace = wanted.keys().next().copied().filter(|_| wanted.len() == 1);
    let outcome = app.core.pool.run(move |conn| reconciliations::put(conn, &wanted, now)).await?;
    log_field("results", outcome.changes.len());
    for change in &outcome.changes {
        if Some(change.namespace.id) == only_namespace {
            log_field("gl_namespace_id", change.namespace.id);
        }
        caller.audit_reconciliation(change);
    }
    if outcome.skipped.is_empty() {
        return Ok(HttpResponse::Ok().json(200));
    }
    let message = |reason| match reason {
        SkipReason::Unknown => "Namespace must exist",
        SkipReason::NotRoot => "Namespace must be a root namespace",
    };
    Err(BillingError::Skipped(
        outcome.skipped.into_iter().map(|(id, reason)| (id, message(reason))).collect(),
    ))
}

//! `POST /api/v4/internal/gitlab_subscriptions/namespaces/{id}/provision`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::Key;
use database::billing::provision::{self, Provision, ProvisionOutcome};
use domain::billing::Change;
use endpoint::{DeferredParams, log_field};

use crate::error::BillingError;
use crate::params::{Fields, read};
use crate::{App, Caller, add_ons, subscriptions};

/// Provisions a namespace. Each part is stored independently.
pub async fn handler(
    app: Data<App>,
    caller: Caller,
    id: Path<String>,
    sent: DeferredParams<BillingError>,
) -> Result<HttpResponse, BillingError> {
    let wanted = read(sent, wanted).await?;
    let (key, now) = (Key::parse(&id), app.core.clock.now());
    let outcome = app.core.pool.run(move |conn| provision::run(conn, &key, &wanted, now)).await?;
    log_field("gl_namespace_id", outcome.namespace.id);
    audit(&caller, &outcome);
    if outcome.failures.is_empty() {
        return Ok(HttpResponse::Ok().finish());
    }
    let failures: Vec<String> =
        outcome.failures.iter().map(|(part, reason)| format!("{part}: {reason}")).collect();
    Err(BillingError::Failed(failures.join(", ")))
}

/// Writes an audit event for each part.
fn audit(caller: &Caller, outcome: &ProvisionOutcome) {
    let namespace = &outcome.namespace;
    if let Some(change) = &outcome.base_product {
        caller.audit_subscription(change);
    }
    for limits in outcome.storage.iter().chain(&outcome.compute_minutes) {
        caller.audit_limits(namespace, limits);
    }
    for change in &outcome.add_on_purchases {
        caller.audit_add_on(namespace, change);
    }
}

fn wanted(fields: &Fields<'_>) -> Provision {
    let Some(parts) = fields.object("provision") else {
        if !fields.has("provision") {
            fields.is_missing("provision");
        }
        return Provision::default();
    };
    Provision {
        base_product: parts.object("base_product").map(|its| base_product(&its)),
        storage: parts.object("storage").map(|its| super::storage_limits(&its)),
        compute_minutes: parts.object("compute_minutes").map(|its| super::minutes(&its)),
        add_on_purchases: add_ons::items(&parts, false),
    }
}

/// A trial requires its first day here.
fn base_product(fields: &Fields<'_>) -> Change {
    let change = subscriptions::change(fields);
    if change.trial == Some(true) && change.trial_starts_on.value().is_none() {
        fields.required_date("trial_starts_on");
    }
    change
}

//! `POST /api/v4/internal/gitlab_subscriptions/namespaces/{id}/provision`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::Key;
use database::billing::provision::{self, Done, Provision};
use domain::billing::Change;
use endpoint::DeferredParams;

use crate::error::BillingError;
use crate::params::{Fields, read};
use crate::{App, Caller, add_ons, audit, subscriptions};

/// Provisions a namespace, part by part.
pub async fn handler(
    app: Data<App>,
    caller: Caller,
    id: Path<String>,
    sent: DeferredParams<BillingError>,
) -> Result<HttpResponse, BillingError> {
    let wanted = read(sent, wanted).await?;
    let (key, now) = (Key::parse(&id), app.core.clock.now());
    let done = app.core.pool.run(move |conn| provision::run(conn, &key, &wanted, now)).await?;
    tell(caller, &done);
    if done.failures.is_empty() {
        return Ok(HttpResponse::Ok().finish());
    }
    let failed: Vec<String> = done.failures.iter().map(|(part, why)| format!("{part}: {why}")).collect();
    Err(BillingError::Failed(failed.join(", ")))
}

/// Each part is a change of its own.
fn tell(caller: Caller, done: &Done) {
    let id = done.namespace_id;
    if let Some(changed) = &done.base_product {
        audit::changed(caller, "provision_base_product", id, &changed.old, &changed.new.subscription);
    }
    if let Some((old, new)) = &done.storage {
        audit::changed(caller, "provision_storage", id, old, new);
    }
    if let Some((old, new)) = &done.compute_minutes {
        audit::changed(caller, "provision_compute_minutes", id, old, new);
    }
    for change in &done.add_on_purchases {
        audit::changed(caller, "provision_add_on", id, &change.old, &(change.add_on, &change.new));
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

fn base_product(fields: &Fields<'_>) -> Change {
    let change = subscriptions::change(fields);
    if change.trial == Some(true) && !fields.has("trial_starts_on") {
        fields.is_missing("trial_starts_on");
    }
    change
}

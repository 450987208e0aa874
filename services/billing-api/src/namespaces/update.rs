//! `PUT /api/v4/internal/gitlab_subscriptions/namespaces/{id}`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::{Key, limits, namespaces, overview, subscriptions};
use domain::billing::{Change, Limits, Patch};
use endpoint::DeferredParams;

use crate::error::BillingError;
use crate::params::{Fields, read};
use crate::{App, Caller, audit};

const ATTRIBUTES: &str = "gitlab_subscription_attributes";

/// Sets limits and the subscription, all or nothing.
pub async fn handler(
    app: Data<App>,
    caller: Caller,
    id: Path<String>,
    sent: DeferredParams<BillingError>,
) -> Result<HttpResponse, BillingError> {
    let (limits, subscription) =
        read(sent, |fields| (limits(fields), fields.object(ATTRIBUTES).map(|its| attributes(&its)))).await?;
    let (key, now) = (Key::parse(&id), app.core.clock.now());
    let changed = app.core.pool.run(move |conn| {
        namespaces::change(conn, &[&key], |conn, found| {
            let namespace = &found[0];
            let limits = limits::set(conn, namespace, &limits, now)?;
            let subscription = match &subscription {
                Some(change) => {
                    Some(subscriptions::set(conn, namespace, change.clone(), now).map_err(within)?)
                }
                None => None,
            };
            Ok((limits, subscription, overview::show(conn, namespace.clone(), now.date())?))
        })
    });
    let ((old, new), subscription, seen) = changed.await?;
    let was = subscription.as_ref().and_then(|changed| changed.old.as_ref());
    let is = subscription.as_ref().map(|changed| &changed.new.subscription);
    audit::changed(caller, "update_namespace", seen.namespace.id, &(old, was), &(new, is));
    Ok(HttpResponse::Ok().json(super::entity(&seen, &app)))
}

fn limits(fields: &Fields<'_>) -> Limits {
    let minutes = super::minutes(fields);
    Limits {
        shared_runners_minutes_limit: minutes.shared_runners_minutes_limit,
        extra_shared_runners_minutes_limit: minutes.extra_shared_runners_minutes_limit,
        ..super::storage_limits(fields)
    }
}

fn attributes(fields: &Fields<'_>) -> Change {
    Change { start_date: Patch::Absent, ..crate::subscriptions::change(fields) }
}

fn within(error: database::Error) -> database::Error {
    match error {
        database::Error::Domain(domain::Error::Fields(violations)) => {
            domain::Error::Fields(violations.within("gitlab_subscription")).into()
        }
        error => error,
    }
}

//! `PUT /api/v4/internal/gitlab_subscriptions/namespaces/{id}`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::{Key, limits, namespaces, overview, subscriptions};
use domain::billing::Limits;
use endpoint::{DeferredParams, log_field};

use crate::error::BillingError;
use crate::params::{Fields, read};
use crate::subscriptions::attributes;
use crate::{App, Caller};

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
                    let set = subscriptions::set(conn, namespace, change.clone(), now);
                    Some(set.map_err(within_subscription)?)
                }
                None => None,
            };
            Ok((limits, subscription, overview::show(conn, namespace.clone(), now.date())?))
        })
    });
    let (limits, subscription, overview) = changed.await?;
    log_field("gl_namespace_id", overview.namespace.id);
    caller.audit_limits(&overview.namespace, &limits);
    if let Some(change) = &subscription {
        caller.audit_subscription(change);
    }
    Ok(HttpResponse::Ok().json(super::entity(&overview, &app)))
}

fn limits(fields: &Fields<'_>) -> Limits {
    let minutes = super::minutes(fields);
    Limits {
        shared_runners_minutes_limit: minutes.shared_runners_minutes_limit,
        extra_shared_runners_minutes_limit: minutes.extra_shared_runners_minutes_limit,
        ..super::storage_limits(fields)
    }
}

/// Names the fields of a violation as `gitlab_subscription.seats`.
fn within_subscription(error: database::Error) -> database::Error {
    match error {
        database::Error::Domain(domain::Error::Fields(violations)) => {
            domain::Error::Fields(violations.within("gitlab_subscription")).into()
        }
        error => error,
    }
}

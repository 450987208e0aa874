//! `POST /api/v4/internal/gitlab_subscriptions/namespaces/{id}/subscription_add_on_purchases`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::{Key, add_ons, namespaces};
use endpoint::{DeferredParams, log_field};

use super::{entity, items, unprocessable};
use crate::error::BillingError;
use crate::params::read;
use crate::{App, Caller};

/// Creates, changes and ends purchases, all or nothing.
pub async fn handler(
    app: Data<App>,
    caller: Caller,
    id: Path<String>,
    sent: DeferredParams<BillingError>,
) -> Result<HttpResponse, BillingError> {
    let items = read(sent, |fields| items(fields, true)).await?;
    let (key, now) = (Key::parse(&id), app.core.clock.now());
    let ordered = app.core.pool.run(move |conn| {
        namespaces::change(conn, &[&key], |conn, found| {
            Ok((found[0].clone(), add_ons::order_all(conn, &found[0], &items, now)?))
        })
    });
    let (namespace, changes) = ordered.await.map_err(unprocessable)?;
    log_field("gl_namespace_id", namespace.id);
    for change in &changes {
        caller.audit_add_on(&namespace, change);
    }
    let purchases: Vec<_> =
        changes.iter().map(|change| entity(&namespace, change.add_on, &change.after)).collect();
    Ok(HttpResponse::Created().json(purchases))
}

//! `GET /api/v4/internal/gitlab_subscriptions/namespaces/{id}/subscription_add_on_purchases/{add_on_name}`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::{Key, add_ons, namespaces};
use endpoint::log_field;

use super::{entity, named};
use crate::error::BillingError;
use crate::{App, Caller};

pub(super) const NONE: BillingError = BillingError::NotFound("Subscription Add-on Purchase Not Found");

/// Shows the purchase of an add-on.
pub async fn handler(
    app: Data<App>,
    _: Caller,
    path: Path<(String, String)>,
) -> Result<HttpResponse, BillingError> {
    let (key, name) = (Key::parse(&path.0), path.1.clone());
    let namespace = app.core.pool.read(move |conn| namespaces::find_root(conn, &key)).await?;
    log_field("gl_namespace_id", namespace.id);
    let add_on = named(&name)?;
    let id = namespace.id;
    let purchase = app.core.pool.read(move |conn| add_ons::find(conn, id, add_on)).await?;
    Ok(HttpResponse::Ok().json(entity(&namespace, add_on, &purchase.ok_or(NONE)?)))
}

//! `POST` and `PUT /api/v4/namespaces/{id}/subscription_add_on_purchase/{add_on_name}`, deprecated.
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::add_ons::{self, PurchaseChange};
use database::billing::{Key, Namespace, namespaces};
use domain::billing::AddOn;
use domain::billing::add_on::Order;
use endpoint::{DeferredParams, log_field};

use super::show::NONE;
use super::{entity, named, order, unprocessable};
use crate::error::BillingError;
use crate::params::{Fields, read};
use crate::{App, Caller};

/// Creates the purchase of an add-on.
pub async fn create(
    app: Data<App>,
    caller: Caller,
    path: Path<(String, String)>,
    sent: DeferredParams<BillingError>,
) -> Result<HttpResponse, BillingError> {
    let wanted = read(sent, first).await?;
    let (namespace, change) = run(&app, &path, wanted, true).await?;
    let change = change.ok_or(NONE)?;
    log_field("gl_namespace_id", namespace.id);
    caller.audit_add_on(&namespace, &change);
    Ok(HttpResponse::Created().json(entity(&namespace, change.add_on, &change.after)))
}

/// Changes the purchase of an add-on.
pub async fn update(
    app: Data<App>,
    caller: Caller,
    path: Path<(String, String)>,
    sent: DeferredParams<BillingError>,
) -> Result<HttpResponse, BillingError> {
    let wanted = read(sent, order).await?;
    let (namespace, change) = run(&app, &path, wanted, false).await?;
    let change = change.ok_or(NONE)?;
    log_field("gl_namespace_id", namespace.id);
    caller.audit_add_on(&namespace, &change);
    Ok(HttpResponse::Ok().json(entity(&namespace, change.add_on, &change.after)))
}

fn first(fields: &Fields<'_>) -> Order {
    let quantity = fields.required_integer("quantity");
    if quantity < 1 && fields.has("quantity") {
        fields.has_no_valid_value("quantity");
    }
    let purchase_xid = fields.required_text("purchase_xid");
    Order { quantity: Some(quantity), purchase_xid: Some(purchase_xid), ..order(fields) }
}

/// Executes an order. The first order requires that there is no purchase; a later order requires one. An
/// unknown namespace is reported before an unknown add-on.
async fn run(
    app: &App,
    path: &(String, String),
    wanted: Order,
    is_first: bool,
) -> Result<(Namespace, Option<PurchaseChange>), BillingError> {
    let (key, add_on, now) = (Key::parse(&path.0), AddOn::parse(&path.1), app.core.clock.now());
    let result = app.core.pool.run(move |conn| {
        namespaces::change(conn, &[&key], |conn, found| {
            let Some(add_on) = add_on else { return Ok((found[0].clone(), None)) };
            let exists = add_ons::find(conn, found[0].id, add_on)?.is_some();
            if exists == is_first {
                if is_first {
                    return Err(domain::Error::Invalid("Add-on has already been purchased".to_owned()).into());
                }
                return Ok((found[0].clone(), None));
            }
            Ok((found[0].clone(), add_ons::order(conn, &found[0], add_on, wanted.clone(), now)?))
        })
    });
    let result = result.await.map_err(unprocessable)?;
    named(&path.1)?;
    Ok(result)
}

//! `POST` and `PUT /api/v4/namespaces/{id}/subscription_add_on_purchase/{add_on_name}`, as older portals send them.
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::add_ons::{self, Changed};
use database::billing::{Key, Namespace, namespaces};
use domain::billing::AddOn;
use domain::billing::add_on::Order;
use endpoint::DeferredParams;

use super::show::NONE;
use super::{entity, named, order, unprocessable};
use crate::error::BillingError;
use crate::params::{Fields, read};
use crate::{App, Caller, audit};

/// Makes the first purchase of an add-on.
pub async fn create(
    app: Data<App>,
    caller: Caller,
    path: Path<(String, String)>,
    sent: DeferredParams<BillingError>,
) -> Result<HttpResponse, BillingError> {
    let wanted = read(sent, first).await?;
    let (namespace, changed) = run(&app, &path, wanted, true).await?;
    let changed = changed.ok_or(NONE)?;
    audit::changed(caller, "create_add_on_purchase", namespace.id, &changed.old, &changed.new);
    Ok(HttpResponse::Created().json(entity(&namespace, changed.add_on, &changed.new)))
}

/// Changes it.
pub async fn update(
    app: Data<App>,
    caller: Caller,
    path: Path<(String, String)>,
    sent: DeferredParams<BillingError>,
) -> Result<HttpResponse, BillingError> {
    let wanted = read(sent, order).await?;
    let (namespace, changed) = run(&app, &path, wanted, false).await?;
    let changed = changed.ok_or(NONE)?;
    audit::changed(caller, "update_add_on_purchase", namespace.id, &changed.old, &changed.new);
    Ok(HttpResponse::Ok().json(entity(&namespace, changed.add_on, &changed.new)))
}

fn first(fields: &Fields<'_>) -> Order {
    let quantity = fields.required_integer("quantity");
    if quantity < 1 && fields.has("quantity") {
        fields.has_no_valid_value("quantity");
    }
    let purchase_xid = fields.required_text("purchase_xid");
    Order { quantity: Some(quantity), purchase_xid: Some(purchase_xid), ..order(fields) }
}

/// Carries the order out, where there is no purchase yet or where there is one. An unknown add-on is told after an
/// unknown namespace.
async fn run(
    app: &App,
    path: &(String, String),
    wanted: Order,
    is_first: bool,
) -> Result<(Namespace, Option<Changed>), BillingError> {
    let (key, add_on, now) = (Key::parse(&path.0), AddOn::parse(&path.1), app.core.clock.now());
    let done = app.core.pool.run(move |conn| {
        namespaces::change(conn, &[&key], |conn, found| {
            let Some(add_on) = add_on else { return Ok((found[0].clone(), None)) };
            let is_there = add_ons::find(conn, found[0].id, add_on)?.is_some();
            if is_there == is_first {
                if is_first {
                    return Err(domain::Error::Invalid("Add-on has already been purchased".to_owned()).into());
                }
                return Ok((found[0].clone(), None));
            }
            Ok((found[0].clone(), add_ons::order(conn, &found[0], add_on, wanted.clone(), now)?))
        })
    });
    let done = done.await.map_err(unprocessable)?;
    named(&path.1)?;
    Ok(done)
}

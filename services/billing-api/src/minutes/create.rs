//! `POST /api/v4/namespaces/{id}/minutes`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use chrono::NaiveDate;
use database::billing::{Key, packs};
use domain::billing::Pack;
use endpoint::{DeferredParams, log_field};
use serde::Serialize;

use crate::error::BillingError;
use crate::params::{Fields, read};
use crate::{App, Caller};

#[derive(Serialize)]
struct Entity {
    namespace_id: i64,
    expires_at: Option<NaiveDate>,
    number_of_minutes: i32,
    purchase_xid: Option<String>,
}

/// Adds packs of compute minutes, all or none. A repeated purchase shows the stored pack.
pub async fn handler(
    app: Data<App>,
    caller: Caller,
    id: Path<String>,
    sent: DeferredParams<BillingError>,
) -> Result<HttpResponse, BillingError> {
    let wanted = read(sent, wanted).await?.into_iter().collect::<domain::Result<Vec<_>>>();
    let wanted = wanted.map_err(database::Error::from)?;
    let (key, now) = (Key::parse(&id), app.core.clock.now());
    let buy = {
        let wanted = wanted.clone();
        app.core.run_split(move |main, ci| packs::buy(main, ci, &key, &wanted, now))
    };
    let outcome = buy.await?;
    let namespace_id = outcome.namespace.id;
    log_field("gl_namespace_id", namespace_id);
    warn_of_different_values(&outcome, &wanted);
    caller.audit_purchase(&outcome);
    let entity = |pack: packs::StoredPack| Entity {
        namespace_id,
        expires_at: pack.expires_at,
        number_of_minutes: pack.number_of_minutes,
        purchase_xid: pack.purchase_xid,
    };
    Ok(HttpResponse::Created().json(outcome.packs.into_iter().map(entity).collect::<Vec<_>>()))
}

fn wanted(fields: &Fields<'_>) -> Vec<domain::Result<Pack>> {
    let packs = fields.objects("packs");
    if fields.has_empty_list("packs") {
        fields.is_empty("packs");
    }
    let pack = |pack: &Fields<'_>| {
        Pack::new(
            pack.required_date("expires_at"),
            pack.required_integer("number_of_minutes"),
            pack.required_text("purchase_xid"),
        )
    };
    packs.map(|fields| pack(&fields)).collect()
}

/// The first purchase with an id wins. A second one with other values may be a mistake of the portal.
fn warn_of_different_values(outcome: &packs::PurchaseOutcome, wanted: &[Pack]) {
    for (pack, stored) in wanted.iter().zip(&outcome.packs) {
        if (Some(pack.expires_at), pack.number_of_minutes) != (stored.expires_at, stored.number_of_minutes) {
            tracing::warn!(
                gl_namespace_id = outcome.namespace.id,
                "ignored the different values of a repeated purchase of compute minutes"
            );
        }
    }
}

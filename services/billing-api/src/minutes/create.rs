//! `POST /api/v4/namespaces/{id}/minutes`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use chrono::NaiveDate;
use database::billing::{Key, packs};
use domain::billing::Pack;
use endpoint::DeferredParams;
use serde::Serialize;

use crate::error::BillingError;
use crate::params::{Fields, read};
use crate::{App, Caller, audit};

#[derive(Serialize)]
struct Entity {
    namespace_id: i64,
    expires_at: Option<NaiveDate>,
    number_of_minutes: i32,
    purchase_xid: Option<String>,
}

/// Adds packs of minutes: all or none. A purchase that is known already is shown as it is.
pub async fn handler(
    app: Data<App>,
    caller: Caller,
    id: Path<String>,
    sent: DeferredParams<BillingError>,
) -> Result<HttpResponse, BillingError> {
    let wanted = read(sent, wanted).await?.into_iter().collect::<domain::Result<Vec<_>>>();
    let wanted = wanted.map_err(database::Error::from)?;
    let (key, now) = (Key::parse(&id), app.core.clock.now());
    let read = app.core.pool.run(move |conn| Ok((packs::buy(conn, &key, &wanted, now)?, wanted)));
    let (bought, wanted) = read.await?;
    warn_of_repeated(&bought, &wanted);
    audit::changed(caller, "buy_minutes", bought.namespace_id, &bought.repeated, &bought.packs);
    let entity = |pack: packs::Stored| Entity {
        namespace_id: bought.namespace_id,
        expires_at: pack.expires_at,
        number_of_minutes: pack.number_of_minutes,
        purchase_xid: pack.purchase_xid,
    };
    Ok(HttpResponse::Created().json(bought.packs.into_iter().map(entity).collect::<Vec<_>>()))
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
    packs.iter().map(pack).collect()
}

/// The first purchase of an id counts; another of the same id may be a mistake of the portal's.
fn warn_of_repeated(bought: &packs::Bought, wanted: &[Pack]) {
    for (pack, stored) in wanted.iter().zip(&bought.packs) {
        if (Some(pack.expires_at), pack.number_of_minutes) != (stored.expires_at, stored.number_of_minutes) {
            tracing::warn!(
                gl_namespace_id = bought.namespace_id,
                purchase_xid = pack.purchase_xid,
                "a purchase was repeated with other values, and kept as it is"
            );
        }
    }
}

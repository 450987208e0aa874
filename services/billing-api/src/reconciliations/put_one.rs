//! `PUT /api/v4/internal/gitlab_subscriptions/namespaces/{namespace_id}/upcoming_reconciliations`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::reconciliations::{self, Dates};
use database::billing::{Key, namespaces};
use endpoint::DeferredParams;

use super::dates;
use crate::error::BillingError;
use crate::params::{Fields, read};
use crate::{App, Caller, audit};

const LIST: &str = "upcoming_reconciliations";

/// Sets the dates of one namespace: two parameters, or a list of one as the documents' example has it.
pub async fn handler(
    app: Data<App>,
    caller: Caller,
    id: Path<String>,
    sent: DeferredParams<BillingError>,
) -> Result<HttpResponse, BillingError> {
    let (dates, named) =
        read(sent, |fields| if fields.has(LIST) { only(fields) } else { (dates(fields), None) }).await?;
    let (key, now) = (Key::parse(&id), app.core.clock.now());
    if let Some(named) = named {
        let key = key.clone();
        let found = app.core.pool.read(move |conn| namespaces::find_root(conn, &key)).await?;
        if found.id != named {
            return Err(BillingError::Parameters("namespace_id is invalid".to_owned()));
        }
    }
    let put = app.core.pool.run(move |conn| reconciliations::put_one(conn, &key, dates, now)).await?;
    audit::changed(caller, "set_upcoming_reconciliation", put.namespace_id, &put.old, &put.new);
    Ok(HttpResponse::Ok().json(200))
}

/// The one element, and the namespace that it may name itself.
fn only(fields: &Fields<'_>) -> (Dates, Option<i64>) {
    if let [one] = &fields.objects(LIST)[..] {
        return (dates(one), one.id("namespace_id"));
    }
    fields.is_invalid(LIST);
    Default::default()
}

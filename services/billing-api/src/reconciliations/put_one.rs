//! `PUT /api/v4/internal/gitlab_subscriptions/namespaces/{namespace_id}/upcoming_reconciliations`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::reconciliations::{self, Dates};
use database::billing::{Key, namespaces};
use endpoint::{DeferredParams, log_field};

use super::dates;
use crate::error::BillingError;
use crate::params::{Fields, read};
use crate::{App, Caller};

const LIST: &str = "upcoming_reconciliations";

/// Sets the dates of one namespace: two parameters, or a list with one element as in GitLab's documentation.
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
    let changes = app.core.pool.run(move |conn| reconciliations::put_one(conn, &key, dates, now)).await?;
    for change in &changes {
        log_field("gl_namespace_id", change.namespace.id);
        caller.audit_reconciliation(change);
    }
    Ok(HttpResponse::Ok().json(200))
}

/// The only element of the list, and its optional `namespace_id`.
fn only(fields: &Fields<'_>) -> (Dates, Option<i64>) {
    let mut objects = fields.objects(LIST);
    if let (Some(one), None) = (objects.next(), objects.next()) {
        return (dates(&one), one.id("namespace_id"));
    }
    fields.is_invalid(LIST);
    Default::default()
}

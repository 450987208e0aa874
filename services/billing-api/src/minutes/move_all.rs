//! `PATCH /api/v4/namespaces/{id}/minutes/move/{target_id}`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::{Key, packs};
use endpoint::log_field;
use serde_json::json;

use crate::error::BillingError;
use crate::{App, Caller};

/// Moves all packs of a namespace to another one. A namespace without packs is not an error.
pub async fn handler(
    app: Data<App>,
    caller: Caller,
    ids: Path<(String, String)>,
) -> Result<HttpResponse, BillingError> {
    let (source, target) = (Key::parse(&ids.0), Key::parse(&ids.1));
    let now = app.core.clock.now();
    let move_all = app.core.run_split(move |main, ci| packs::move_all(main, ci, &source, &target, now));
    let outcome = move_all.await?;
    log_field("gl_namespace_id", outcome.source.id);
    caller.audit_move(&outcome);
    Ok(HttpResponse::Accepted().json(json!({ "message": "202 Accepted" })))
}

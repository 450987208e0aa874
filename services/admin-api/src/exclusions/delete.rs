//! `DELETE /api/v4/namespaces/{id}/storage/limit_exclusion`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::admin::audit::EventName;
use database::admin::exclusions::{self, Removal};
use database::billing::Key;
use endpoint::log_field;

use super::log_namespace;
use crate::error::AdminError;
use crate::{Admin, App, audit};

/// Removes the exclusion of a namespace, so that the storage limit applies again.
pub async fn handler(
    app: Data<App>,
    Admin(actor): Admin,
    id: Path<String>,
) -> Result<HttpResponse, AdminError> {
    let key = Key::parse(&id);
    log_namespace(&key);
    let (author, now) = (actor.clone(), app.core.clock.now());
    let remove = move |conn: &mut database::Conn| exclusions::remove(conn, &key, None, &author, now);
    if let Removal::Removed(change) = app.core.pool.run(remove).await? {
        log_field("gl_namespace_id", change.namespace.id);
        audit::exclusion_changed(&actor, EventName::Removed, &change);
    }
    Ok(HttpResponse::NoContent().finish())
}

//! `POST /api/v4/namespaces/{id}/storage/limit_exclusion`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::admin::exclusions;
use database::billing::Key;
use endpoint::DeferredParams;

use super::{Entity, note};
use crate::error::AdminError;
use crate::params::Params;
use crate::{Admin, App};

/// Excludes a namespace from the storage limit.
pub async fn handler(
    app: Data<App>,
    Admin(actor): Admin,
    id: Path<String>,
    sent: DeferredParams<AdminError>,
) -> Result<HttpResponse, AdminError> {
    let params = Params::read(sent).await?;
    let reason = params.reason()?;
    let (key, now) = (Key::parse(&id), app.core.clock.now());
    let change = app.core.pool.run(move |conn| {
        let written = exclusions::exclude(conn, &key, &reason, &actor, now)?;
        Ok((actor, written))
    });
    let (actor, written) = change.await?;
    note(&actor, "exclude", &written);
    Ok(HttpResponse::Created().json(Entity {
        id: written.id,
        namespace_id: written.namespace.id,
        namespace_name: written.namespace.name,
        reason: written.reason,
    }))
}

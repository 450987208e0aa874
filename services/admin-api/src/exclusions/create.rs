//! `POST /api/v4/namespaces/{id}/storage/limit_exclusion`
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use database::admin::audit::EventName;
use database::admin::exclusions;
use database::billing::Key;
use endpoint::DeferredParams;

use super::{Entity, record_namespace};
use crate::error::AdminError;
use crate::params::Params;
use crate::{Admin, App, audit};

/// Excludes a namespace from the storage limit.
pub async fn handler(
    app: Data<App>,
    request: HttpRequest,
    Admin(actor): Admin,
    id: Path<String>,
    params: DeferredParams<AdminError>,
) -> Result<HttpResponse, AdminError> {
    let key = Key::parse(&id);
    record_namespace(&request, &key);
    let reason = Params::read(params).await?.reason()?;
    let (author, now) = (actor.clone(), app.core.clock.now());
    let exclude = move |conn: &mut database::Conn| exclusions::exclude(conn, &key, &reason, &author, now);
    let change = app.core.pool.run(exclude).await?;
    record_namespace(&request, &Key::Id(change.namespace.id));
    audit::exclusion_changed(&request, &actor, EventName::Created, &change);
    Ok(HttpResponse::Created().json(Entity {
        id: change.id,
        namespace_id: change.namespace.id,
        namespace_name: change.namespace.name,
        reason: change.reason,
    }))
}

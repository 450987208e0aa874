//! `POST /api/v4/namespaces/{id}/storage/limit_exclusion`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::admin::audit::EventName;
use database::admin::exclusions;
use database::billing::Key;
use endpoint::{DeferredParams, log_field};

use super::{Entity, log_namespace};
use crate::error::AdminError;
use crate::params::Params;
use crate::{Admin, App, audit};

/// Excludes a namespace from the storage limit.
pub async fn handler(
    app: Data<App>,
    Admin(actor): Admin,
    id: Path<String>,
    params: DeferredParams<AdminError>,
) -> Result<HttpResponse, AdminError> {
    let key = Key::parse(&id);
    log_namespace(&key);
    let reason = Params::read(params).await?.reason()?;
    let (author, now) = (actor.clone(), app.core.clock.now());
    let exclude = move |conn: &mut database::Conn| exclusions::exclude(conn, &key, &reason, &author, now);
    let change = app.core.pool.run(exclude).await?;
    log_field("gl_namespace_id", change.namespace.id);
    audit::exclusion_changed(&actor, EventName::Created, &change);
    Ok(HttpResponse::Created().json(Entity {
        id: change.id,
        namespace_id: change.namespace.id,
        namespace_name: change.namespace.name,
        reason: change.reason,
    }))
}

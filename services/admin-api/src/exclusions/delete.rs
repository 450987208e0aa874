//! `DELETE /api/v4/namespaces/{id}/storage/limit_exclusion`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::admin::exclusions;
use database::billing::Key;

use super::note;
use crate::error::AdminError;
use crate::{Admin, App};

/// Removes the exclusion of a namespace, so that the storage limit applies again.
pub async fn handler(
    app: Data<App>,
    Admin(actor): Admin,
    id: Path<String>,
) -> Result<HttpResponse, AdminError> {
    let (key, now) = (Key::parse(&id), app.core.clock.now());
    let change = app.core.pool.run(move |conn| {
        let written = exclusions::readmit(conn, &key, None, &actor, now)?;
        Ok((actor, written))
    });
    let (actor, written) = change.await?;
    if let Some(written) = written {
        note(&actor, "readmit", &written);
    }
    Ok(HttpResponse::NoContent().finish())
}

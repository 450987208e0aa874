//! `GET /api/v4/namespaces/{id}/gitlab_subscription`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::{Key, namespaces, owners, subscriptions};
use endpoint::log_field;

use crate::error::BillingError;
use crate::{App, Caller, Reader};

/// Shows the subscription of a namespace. Nothing is written.
pub async fn handler(app: Data<App>, _: Caller, id: Path<String>) -> Result<HttpResponse, BillingError> {
    show(&app, Key::parse(&id)).await
}

/// Owners of the namespace may use the legacy path, too. Other users do not learn whether the namespace
/// exists.
pub async fn for_owners(
    app: Data<App>,
    reader: Reader,
    id: Path<String>,
) -> Result<HttpResponse, BillingError> {
    let key = Key::parse(&id);
    if let Reader::User(user_id) = reader {
        let (key, today) = (key.clone(), app.core.clock.now().date());
        let owns = app.core.pool.read(move |conn| owners::owns_root(conn, &key, user_id, today)).await?;
        if !owns {
            return Err(BillingError::Forbidden);
        }
    }
    show(&app, key).await
}

async fn show(app: &App, key: Key) -> Result<HttpResponse, BillingError> {
    let today = app.core.clock.now().date();
    let read = app.core.pool.read(move |conn| {
        let namespace = namespaces::find_root(conn, &key)?;
        Ok((namespace.id, subscriptions::show(conn, &namespace, today)?))
    });
    let (namespace_id, found) = read.await?;
    log_field("gl_namespace_id", namespace_id);
    Ok(HttpResponse::Ok().json(super::entity(&found, &app.options, today)))
}

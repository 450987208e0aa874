//! `GET /api/v4/internal/gitlab_subscriptions/namespaces/{id}/owners`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::owners::{self, Owner};
use database::billing::{Key, namespaces};
use domain::Role;
use endpoint::log_field;
use serde_json::{Value, json};

use crate::error::BillingError;
use crate::{App, Caller};

/// Lists the owners of a namespace.
pub async fn handler(app: Data<App>, _: Caller, id: Path<String>) -> Result<HttpResponse, BillingError> {
    let (key, today) = (Key::parse(&id), app.core.clock.now().date());
    let owners = app.core.pool.read(move |conn| {
        let namespace = namespaces::find_root(conn, &key)?;
        Ok((namespace.id, owners::list(conn, &namespace, today)?))
    });
    let (namespace_id, owners) = owners.await?;
    log_field("gl_namespace_id", namespace_id);
    Ok(HttpResponse::Ok().json(owners.iter().map(entity).collect::<Vec<_>>()))
}

fn entity(owner: &Owner) -> Value {
    let notification_email = owner.notification_email.as_ref().filter(|address| !address.is_empty());
    json!({
        "user": { "id": owner.id, "username": owner.username, "name": owner.name },
        "access_level": Role::OWNER.0,
        "notification_email": notification_email.unwrap_or(&owner.email),
    })
}

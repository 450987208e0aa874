//! `GET /api/v4/internal/gitlab_subscriptions/namespaces/{id}/owners`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::owners::{self, Owner};
use database::billing::{Key, namespaces};
use domain::Role;
use serde_json::{Value, json};

use crate::error::BillingError;
use crate::{App, Caller};

/// Lists who owns a namespace.
pub async fn handler(app: Data<App>, _: Caller, id: Path<String>) -> Result<HttpResponse, BillingError> {
    let (key, today) = (Key::parse(&id), app.core.clock.now().date());
    let owners = app.core.pool.read(move |conn| {
        let namespace = namespaces::find_root(conn, &key)?;
        owners::list(conn, &namespace, today)
    });
    Ok(HttpResponse::Ok().json(owners.await?.iter().map(entity).collect::<Vec<_>>()))
}

fn entity(owner: &Owner) -> Value {
    let notified_at = owner.notification_email.as_ref().filter(|address| !address.is_empty());
    json!({
        "user": { "id": owner.id, "username": owner.username, "name": owner.name },
        "access_level": Role::OWNER.0,
        "notification_email": notified_at.unwrap_or(&owner.email),
    })
}

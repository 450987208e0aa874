//! `GET /api/v4/internal/gitlab_subscriptions/namespaces/{namespace_id}/user_permissions/{user_id}`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::billing::{Key, namespaces, owners};
use endpoint::log_field;
use serde_json::json;

use crate::error::BillingError;
use crate::{App, Caller, users};

/// Shows whether a user may edit the billing data of a namespace.
pub async fn handler(
    app: Data<App>,
    _: Caller,
    ids: Path<(String, String)>,
) -> Result<HttpResponse, BillingError> {
    let (key, user_id, today) = (Key::parse(&ids.0), users::id(&ids.1), app.core.clock.now().date());
    let read = app.core.pool.read(move |conn| {
        let namespace = namespaces::find_root(conn, &key)?;
        let admin = owners::is_active_admin(conn, user_id)?.ok_or(users::UNKNOWN)?;
        Ok((namespace.id, admin || owners::is_owner(conn, &namespace, user_id, today)?))
    });
    let (namespace_id, may_edit) = read.await?;
    log_field("gl_namespace_id", namespace_id);
    log_field("target_user_id", user_id);
    Ok(HttpResponse::Ok().json(json!({ "edit_billing": may_edit })))
}

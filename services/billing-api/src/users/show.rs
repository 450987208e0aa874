//! `GET /api/v4/internal/gitlab_subscriptions/users/{id}`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::git_access::ActorId;
use endpoint::log_field;
use serde_json::json;

use crate::error::BillingError;
use crate::{App, Caller};

/// Shows a user.
pub async fn handler(app: Data<App>, _: Caller, id: Path<String>) -> Result<HttpResponse, BillingError> {
    let actor = ActorId::User(super::id(&id));
    let user = app.core.pool.read(move |conn| {
        let user = database::users::find(conn, &actor)?;
        user.ok_or_else(|| super::UNKNOWN.into())
    });
    let user = user.await?;
    log_field("target_user_id", user.id);
    let username = user.username.unwrap_or_default();
    let web_url = format!("{}/{username}", app.core.external_url);
    Ok(HttpResponse::Ok()
        .json(json!({ "id": user.id, "username": username, "name": user.name, "web_url": web_url })))
}

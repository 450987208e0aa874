//! `GET /api/v4/internal/gitlab_subscriptions/users/{id}`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::git_access::ActorId;
use serde_json::json;

use crate::error::BillingError;
use crate::{App, Caller};

/// Tells who a person is.
pub async fn handler(app: Data<App>, _: Caller, id: Path<String>) -> Result<HttpResponse, BillingError> {
    let actor = ActorId::User(super::id(&id));
    let person = app.core.pool.read(move |conn| {
        let person = database::users::find(conn, &actor)?;
        person.ok_or_else(|| super::UNKNOWN.into())
    });
    let person = person.await?;
    let username = person.username.unwrap_or_default();
    let web_url = format!("{}/{username}", app.core.external_url);
    Ok(HttpResponse::Ok()
        .json(json!({ "id": person.id, "username": username, "name": person.name, "web_url": web_url })))
}

//! `GET /api/v4/internal/discover`
use actix_web::HttpResponse;
use actix_web::web::Data;
use database::users;
use endpoint::{Params, RestError, log_user};
use serde::Serialize;

use crate::{App, Shell, actor};

#[derive(Serialize)]
struct Entity {
    id: i64,
    name: Option<String>,
    username: Option<String>,
}

/// Returns the user that the actor belongs to, in any state, or `null`.
pub async fn handler(app: Data<App>, _: Shell, params: Params) -> Result<HttpResponse, RestError> {
    let actor = actor::from_params(&params)?;
    let person = app.core.pool.read(move |conn| users::find(conn, &actor)).await?;
    if let Some(person) = &person {
        log_user(person.id, person.username.as_deref().unwrap_or_default());
    }
    Ok(HttpResponse::Ok().json(person.map(Entity::from)))
}

impl From<users::UserIdentity> for Entity {
    fn from(users::UserIdentity { id, username, name }: users::UserIdentity) -> Self {
        Self { id, name, username }
    }
}

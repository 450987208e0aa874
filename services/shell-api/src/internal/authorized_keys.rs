//! `GET /api/v4/internal/authorized_keys`
use actix_web::HttpResponse;
use actix_web::web::Data;
use chrono::NaiveDateTime;
use database::keys::{self, AuthorizedKey};
use domain::ssh_key;
use endpoint::{Params, RestError, log_field, log_optional_field};
use serde::Serialize;

use crate::{App, Shell, urls};

#[derive(Serialize)]
struct Entity {
    id: i64,
    title: Option<String>,
    created_at: Option<String>,
    expires_at: Option<String>,
    key: String,
    usage_type: &'static str,
}

/// Finds the key that a client offers. OpenSSH and gitlab-sshd refuse the connection on any error.
pub async fn handler(app: Data<App>, _: Shell, params: Params) -> Result<HttpResponse, RestError> {
    let given = params.required_text("key")?;
    let fingerprint = ssh_key::fingerprint(&given).ok_or(RestError::NotFound("Key Not Found"))?;
    let key = app.core.pool.read(move |conn| keys::find_by_fingerprint(conn, &fingerprint)).await?;
    let key = key.ok_or(RestError::NotFound("Key Not Found"))?;
    log_field("gl_key_type", if key.state.is_deploy_key { "deploy_key" } else { "key" });
    log_field("gl_key_id", key.id);
    log_optional_field("gl_user_id", key.user_id);
    if !key.state.may_authenticate(app.core.clock.now()) {
        return Err(RestError::Unauthorized);
    }
    Ok(HttpResponse::Ok().json(Entity::new(key, urls::host(&app.core.external_url))))
}

impl Entity {
    fn new(found: AuthorizedKey, host: &str) -> Self {
        let stored = found.key.unwrap_or_default();
        let words: Vec<&str> = stored.split_whitespace().take(2).collect();
        // The value becomes a line of an authorized_keys file, so it must not contain a line break.
        let name = found.user_name.unwrap_or_default().replace(['\n', '\r'], "");
        Self {
            id: found.id,
            title: found.title,
            created_at: found.created_at.map(timestamp),
            expires_at: found.expires_at.map(timestamp),
            key: format!("{} {name} ({host})", words.join(" ")),
            usage_type: if found.usage_type == 0 { "auth_and_signing" } else { "auth" },
        }
    }
}

fn timestamp(time: NaiveDateTime) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

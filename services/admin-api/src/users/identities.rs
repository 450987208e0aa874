//! `GET /api/v4/users/{id}/identities`
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use database::admin::identities::{self, Identity, ScimIdentity};
use endpoint::log_field;
use serde_json::{Value, json};

use crate::error::AdminError;
use crate::{Admin, App};

pub const UNKNOWN: domain::Error = domain::Error::NotFound("User");

/// Shows a user's single sign-on and SCIM identities.
pub async fn handler(app: Data<App>, _: Admin, id: Path<String>) -> Result<HttpResponse, AdminError> {
    let is_number = id.bytes().all(|byte| byte.is_ascii_digit());
    let user_id: i64 = if is_number { id.parse().unwrap_or(0) } else { 0 };
    let found = app.core.pool.read(move |conn| identities::find(conn, user_id)).await?;
    let found = found.ok_or(UNKNOWN)?;
    log_field("target_user_id", user_id);
    Ok(HttpResponse::Ok().json(json!({
        "user_id": user_id,
        "identities": found.single_sign_on.iter().map(identity).collect::<Vec<_>>(),
        "scim_identities": found.scim.iter().map(scim_identity).collect::<Vec<_>>(),
    })))
}

fn identity(identity: &Identity) -> Value {
    json!({
        "provider": identity.provider,
        "extern_uid": identity.extern_uid,
        "saml_provider_id": identity.saml_provider_id,
        "group_id": identity.group_id,
    })
}

fn scim_identity(identity: &ScimIdentity) -> Value {
    json!({
        "id": identity.id,
        "extern_uid": identity.extern_uid,
        "group_id": identity.group_id,
        "active": identity.active,
    })
}

//! `GET /api/v4/internal/authorized_certs`
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpResponse, ResponseError};
use database::ssh_certificates::{self, Authority, Holder};
use domain::ssh_key;
use domain::user::State;
use endpoint::{Params, RestError, log_field, log_user};
use serde::Serialize;
use serde_json::json;

use crate::{App, Shell};

#[derive(Serialize)]
struct Entity {
    success: bool,
    namespace: String,
    username: String,
}

/// Why a certificate is refused. gitlab-sshd logs the message.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("Certificate Not Found")]
    NoAuthority,
    #[error("User Not Found")]
    NoUser,
    #[error("Not a Member")]
    NotAMember,
    #[error(transparent)]
    Rest(#[from] RestError),
}

impl From<database::Error> for CertificateError {
    fn from(error: database::Error) -> Self {
        Self::Rest(error.into())
    }
}

impl ResponseError for CertificateError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NoAuthority | Self::NoUser => StatusCode::NOT_FOUND,
            Self::NotAMember => StatusCode::FORBIDDEN,
            Self::Rest(error) => error.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        if let Self::Rest(error) = self {
            return error.error_response();
        }
        HttpResponse::build(self.status_code()).json(json!({ "success": false, "message": self.to_string() }))
    }
}

/// Finds the user of a certificate, who must be a member of the group whose certificate authority signed it.
pub async fn handler(app: Data<App>, _: Shell, params: Params) -> Result<HttpResponse, CertificateError> {
    let key = params.required_text("key")?;
    let named = params.required_text("user_identifier")?;
    let fingerprint = ssh_key::parse_fingerprint(&key).ok_or(CertificateError::NoAuthority)?;
    let today = app.core.clock.now().date();
    let find = move |conn: &mut database::Conn| {
        let Some(authority) = ssh_certificates::find_authority(conn, &fingerprint)? else { return Ok(None) };
        let holder = ssh_certificates::find_holder(conn, named.trim(), authority.group_id, today)?;
        Ok(Some((authority, holder)))
    };
    let found = app.core.pool.read(move |conn| find(conn)).await?;
    let (authority, holder) = found.ok_or(CertificateError::NoAuthority)?;
    let Authority { group_id, full_path: namespace } = authority;
    log_field("gl_namespace_id", group_id);
    let holder = holder.ok_or(CertificateError::NoUser)?;
    log_user(holder.user_id, &holder.username);
    if !app.may_sign_in_with_certificate(&holder) {
        return Err(CertificateError::NotAMember);
    }
    Ok(HttpResponse::Ok().json(Entity { success: true, namespace, username: holder.username }))
}

impl App {
    /// A deactivated user may sign in: `/allowed` then explains how to reactivate the account.
    fn may_sign_in_with_certificate(&self, holder: &Holder) -> bool {
        holder.is_member
            && matches!(holder.state, State::Active | State::Deactivated)
            && (holder.is_enterprise_user || !self.options.enterprise_users_only)
    }
}

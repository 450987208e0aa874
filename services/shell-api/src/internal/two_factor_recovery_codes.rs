//! `POST` and `GET /api/v4/internal/two_factor_recovery_codes`
use actix_web::HttpResponse;
use actix_web::web::Data;
use database::accounts;
use domain::account::{Account, NO_SECOND_FACTOR};
use endpoint::audit::{self, AuditEvent, Author, Target};
use endpoint::{Params, RestError};
use serde::Serialize;
use serde_json::Map;

use crate::shell_reply::{self, ShellReply};
use crate::{App, Shell, actor};

const CODE_COUNT: usize = 10;

#[derive(Serialize)]
struct Entity {
    success: bool,
    recovery_codes: Vec<String>,
}

/// Creates recovery codes for a user who has lost the second factor. They replace the old codes; only hashes
/// are stored.
pub async fn handler(app: Data<App>, _: Shell, params: Params) -> Result<HttpResponse, RestError> {
    shell_reply::answer(renew(&app, &params).await)
}

async fn renew(app: &App, params: &Params) -> Result<Entity, ShellReply> {
    let id = actor::account_from_params(params)?;
    let lookup = app.core.pool.read(move |conn| accounts::find(conn, id)).await?;
    let account = app.active_account(lookup).await?;
    if !account.second_factor {
        return Err(NO_SECOND_FACTOR.into());
    }
    let codes: Vec<String> = (0..CODE_COUNT).map(|_| domain::hex(&rand::random::<[u8; 8]>())).collect();
    let hashes = app.hashing.hash(codes.clone()).await?;
    let now = app.core.clock.now();
    let account_id = account.id;
    let replace =
        move |conn: &mut database::Conn| accounts::replace_recovery_codes(conn, account_id, &hashes, now);
    if !app.core.pool.run(replace).await? {
        return Err(NO_SECOND_FACTOR.into());
    }
    audit(&account);
    Ok(Entity { success: true, recovery_codes: codes })
}

fn audit(account: &Account) {
    let event = AuditEvent {
        event_name: "two_factor_recovery_codes_generated",
        author: Author::user(account.id, account.username.as_str()),
        entity: audit::Entity { kind: "User", id: Some(account.id), path: Some(account.username.clone()) },
        target: Target { kind: "User", id: Some(account.id) },
        gl_namespace_id: None,
        difference: None,
        further: Map::new(),
    };
    event.write();
}

//! `POST` and `GET /api/v4/internal/two_factor_recovery_codes`
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use database::accounts;
use domain::account::NO_SECOND_FACTOR;
use endpoint::{Context, Params, RestError};
use serde::Serialize;

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
pub async fn handler(
    app: Data<App>,
    request: HttpRequest,
    _: Shell,
    params: Params,
) -> Result<HttpResponse, RestError> {
    shell_reply::answer(renew(&app, &request, &params).await)
}

async fn renew(app: &App, request: &HttpRequest, params: &Params) -> Result<Entity, ShellReply> {
    let id = actor::account_from_params(params)?;
    let lookup = app.core.pool.read(move |conn| accounts::find(conn, id)).await?;
    let account = app.active_account(lookup).await?;
    Context::of(request).inspect(|context| context.note_user(account.id, &account.username));
    if !account.second_factor {
        return Err(NO_SECOND_FACTOR.into());
    }
    let codes: Vec<String> = (0..CODE_COUNT).map(|_| domain::hex(&rand::random::<[u8; 8]>())).collect();
    let hashes = app.hashing.hash(codes.clone()).await?;
    let now = app.core.clock.now();
    let replace =
        move |conn: &mut database::Conn| accounts::replace_recovery_codes(conn, account.id, &hashes, now);
    if !app.core.pool.run(replace).await? {
        return Err(NO_SECOND_FACTOR.into());
    }
    Ok(Entity { success: true, recovery_codes: codes })
}

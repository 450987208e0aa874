//! `POST /api/v4/internal/personal_access_token`
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::NaiveDate;
use database::personal_access_tokens;
use domain::account::AccountId;
use domain::tokens::personal_access_token::{self as tokens, NOT_FOR_DEPLOY_KEYS, TokenRequest};
use endpoint::{Context, Params, RestError};
use serde::Serialize;

use crate::shell_reply::{self, ShellReply};
use crate::{App, Shell, actor};

#[derive(Serialize)]
struct Entity {
    success: bool,
    token: String,
    scopes: Vec<String>,
    expires_at: Option<NaiveDate>,
}

/// Creates a token for a user. Only its digest is stored.
pub async fn handler(
    app: Data<App>,
    request: HttpRequest,
    _: Shell,
    params: Params,
) -> Result<HttpResponse, RestError> {
    let id = actor::account_from_params(&params)?;
    let text = |name| params.text(name).map(Option::unwrap_or_default);
    let token =
        TokenRequest { name: text("name")?, scopes: params.list("scopes")?, expires_at: text("expires_at")? };
    shell_reply::answer(create(&app, &request, id, token).await)
}

async fn create(
    app: &App,
    request: &HttpRequest,
    id: AccountId,
    token_request: TokenRequest,
) -> Result<Entity, ShellReply> {
    let account = app.account(id, NOT_FOR_DEPLOY_KEYS).await?;
    Context::of(request).inspect(|context| context.note_user(account.id, &account.username));
    let policy = app.core.pool.read(move |conn| personal_access_tokens::policy(conn, account.id)).await?;
    let now = app.core.clock.now();
    let is_active = account.check_active(&app.core.external_url).is_ok();
    let grant = token_request.grant(&policy, is_active, now.date())?;
    let token = tokens::token(&policy.prefix, &rand::random());
    let digest = app.keys.db_key_base.get().token_digest(&token);
    let entity = Entity { success: true, token, scopes: grant.scopes.clone(), expires_at: grant.expires_at };
    let write = move |conn: &mut database::Conn| {
        personal_access_tokens::create(conn, account.id, &grant, &digest, now)
    };
    app.core.pool.run(write).await?;
    Ok(entity)
}

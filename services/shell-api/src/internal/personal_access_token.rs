//! `POST /api/v4/internal/personal_access_token`
use actix_web::HttpResponse;
use actix_web::web::Data;
use chrono::NaiveDate;
use database::personal_access_tokens;
use domain::account::{Account, AccountId};
use domain::tokens::personal_access_token::{self as tokens, NOT_FOR_DEPLOY_KEYS, TokenRequest};
use endpoint::audit::{self, AuditEvent, Author, Difference, Target};
use endpoint::{Params, RestError, log_field, log_optional_field, log_user};
use serde::Serialize;
use serde_json::{Map, Value, json};

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
pub async fn handler(app: Data<App>, _: Shell, params: Params) -> Result<HttpResponse, RestError> {
    let id = actor::account_from_params(&params)?;
    let text = |name| params.text(name).map(Option::unwrap_or_default);
    let token =
        TokenRequest { name: text("name")?, scopes: params.list("scopes")?, expires_at: text("expires_at")? };
    shell_reply::answer(create(&app, id, token).await)
}

async fn create(app: &App, id: AccountId, token_request: TokenRequest) -> Result<Entity, ShellReply> {
    let account = app.account(id, NOT_FOR_DEPLOY_KEYS).await?;
    log_user(account.id, &account.username);
    let policy = app.core.pool.read(move |conn| personal_access_tokens::policy(conn, account.id)).await?;
    let now = app.core.clock.now();
    let is_active = account.check_active(&app.core.external_url).is_ok();
    let grant = token_request.grant(&policy, is_active, now.date())?;
    let token = tokens::token(&policy.prefix, &rand::random());
    let digest = app.keys.db_key_base.get().token_digest(&token);
    let entity = Entity { success: true, token, scopes: grant.scopes.clone(), expires_at: grant.expires_at };
    let (account_id, scopes, expires_at) = (account.id, grant.scopes.join(","), grant.expires_at);
    let write = move |conn: &mut database::Conn| {
        personal_access_tokens::create(conn, account_id, &grant, &digest, now)
    };
    let token_id = app.core.pool.run(write).await?;
    log_field("token_id", token_id);
    log_field("token_scopes", scopes);
    log_optional_field("token_expires_on", expires_at.map(|date| date.to_string()));
    audit(&account, token_id, &entity);
    Ok(entity)
}

fn audit(account: &Account, token_id: i64, entity: &Entity) {
    let after = json!({ "id": token_id, "scopes": entity.scopes, "expires_at": entity.expires_at });
    let event = AuditEvent {
        event_name: "personal_access_token_created",
        author: Author::user(account.id, account.username.as_str()),
        entity: audit::Entity { kind: "User", id: Some(account.id), path: Some(account.username.clone()) },
        target: Target { kind: "PersonalAccessToken", id: Some(token_id) },
        gl_namespace_id: None,
        difference: Some(Difference::new(Value::Null, after)),
        further: Map::new(),
    };
    event.write();
}

//! `POST /api/v4/internal/two_factor_config`
use actix_web::HttpResponse;
use actix_web::web::Data;
use database::accounts;
use domain::account::AccountLookup;
use endpoint::{Params, RestError};
use serde::Serialize;

use crate::shell_reply::{self, ShellReply};
use crate::{App, Shell, actor};

#[derive(Serialize)]
struct Entity {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    two_factor_required: Option<bool>,
}

/// Whether the user must verify a one-time password on the command line.
pub async fn handler(app: Data<App>, _: Shell, params: Params) -> Result<HttpResponse, RestError> {
    shell_reply::answer(config(&app, &params).await)
}

async fn config(app: &App, params: &Params) -> Result<Entity, ShellReply> {
    if !app.options.two_factor_for_cli {
        return Ok(Entity { success: false, two_factor_required: None });
    }
    let id = actor::account_from_params(params)?;
    let required = match app.core.pool.read(move |conn| accounts::find(conn, id)).await? {
        AccountLookup::DeployKey => false,
        lookup => app.active_account(lookup).await?.second_factor,
    };
    Ok(Entity { success: true, two_factor_required: Some(required) })
}

//! `internal-apictl access-token`
use anyhow::Result;
use chrono::{Days, NaiveDate};
use clap::{Args, Subcommand};
use database::personal_access_tokens;
use database::standalone::{self, TokenRow};
use domain::tokens::access_token::Scopes;
use domain::tokens::personal_access_token::TokenRequest;
use serde_json::{Value, json};
use server::config::KeyBaseOptions;

use super::{Entity, Target, audit, find_user, now, parse_day};
use crate::output::{self, Cell, Style};
use crate::refusal::Refusal;
use crate::secrets;

const DEFAULT_DAYS: u64 = 30;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a personal access token and print it
    Create(CreateOptions),
    /// List tokens; their values are not stored
    List(ListOptions),
    /// Revoke a token
    Revoke(RevokeOptions),
}

#[derive(Debug, Args)]
pub struct CreateOptions {
    /// Username
    #[arg(long)]
    user: String,
    /// Name of the token
    #[arg(long)]
    name: String,
    /// Scopes, e.g. `api,read_api`
    #[arg(long, value_delimiter = ',', required = true)]
    scopes: Vec<String>,
    /// Day on which the token expires, at most 365 days from now [default: 30 days from now]
    #[arg(long, value_parser = parse_day)]
    expires_at: Option<NaiveDate>,
    #[command(flatten)]
    key_base: KeyBaseOptions,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct ListOptions {
    /// Only the tokens of this user
    #[arg(long)]
    user: Option<String>,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct RevokeOptions {
    /// Id of the token
    id: i64,
    #[command(flatten)]
    target: Target,
}

pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Create(options) => create(options),
        Command::List(options) => list(options),
        Command::Revoke(options) => revoke(options),
    }
}

fn create(options: &CreateOptions) -> Result<()> {
    let key_base = options.key_base.read(options.target.data_dir())?;
    let mut conn = options.target.open_to_change()?;
    let user = find_user(&mut conn, &options.user)?;
    let policy = personal_access_tokens::policy(&mut conn, user.id)?;
    let now = now();
    let longest = policy.max_lifetime.unwrap_or(DEFAULT_DAYS);
    let default = now.date() + Days::new(DEFAULT_DAYS.min(longest));
    let request = TokenRequest {
        name: options.name.clone(),
        scopes: options.scopes.clone(),
        expires_at: options.expires_at.unwrap_or(default).to_string(),
    };
    let grant = request.grant_by_operator(&policy, user.admin, now.date()).map_err(Refusal::failed)?;
    let token = secrets::access_token(&policy.prefix)?;
    let digest = key_base.token_digest(&token);
    conn.write(|conn| personal_access_tokens::create(conn, user.id, &grant, &digest, now))?;
    let row = standalone::find_token(&mut conn, &digest)?;
    let row = row.ok_or_else(|| Refusal::not_found("token", &options.name))?;
    let target = ("PersonalAccessToken", Some(row.id));
    audit("personal_access_token_created", &Entity::user(&user), target, &Value::Null, &to_json(&row));
    if options.target.json {
        let mut row = to_json(&row);
        row["token"] = token.into();
        return output::json(&row);
    }
    println!("{token}");
    Ok(())
}

fn list(options: &ListOptions) -> Result<()> {
    let mut conn = options.target.open()?;
    let user = options.user.as_deref().map(|name| find_user(&mut conn, name)).transpose()?;
    let tokens = standalone::list_tokens(&mut conn, user.map(|user| user.id))?;
    if options.target.json {
        return output::json(&tokens.iter().map(to_json).collect());
    }
    let today = now().date();
    let row = |token: &TokenRow| {
        let is_expired = token.expires_at.is_some_and(|day| day <= today);
        let (state, style) = match (token.revoked == Some(true), is_expired) {
            (true, _) => ("revoked", Style::Bad),
            (false, true) => ("expired", Style::Bad),
            (false, false) => ("active", Style::Good),
        };
        [
            Cell::from(token.id),
            output::optional(token.username.as_deref()),
            Cell::from(&token.name),
            Cell::from(Scopes::from_yaml(&token.scopes).names().join(",")),
            Cell::styled(state, style),
            output::optional(token.expires_at),
            output::time_cell(token.last_used_at),
        ]
    };
    let header = ["ID", "USER", "NAME", "SCOPES", "STATE", "EXPIRES", "LAST USED"];
    output::table(header, tokens.iter().map(row))
}

fn revoke(options: &RevokeOptions) -> Result<()> {
    let mut conn = options.target.open_to_change()?;
    let tokens = standalone::list_tokens(&mut conn, None)?;
    let token = tokens.into_iter().find(|token| token.id == options.id);
    let token = token.ok_or_else(|| Refusal::not_found("token", options.id))?;
    let user = find_user(&mut conn, token.username.as_deref().unwrap_or_default())?;
    standalone::revoke_token(&mut conn, token.id, now())?;
    if token.revoked != Some(true) {
        let (before, after) = (json!({ "revoked": false }), json!({ "revoked": true }));
        let target = ("PersonalAccessToken", Some(token.id));
        audit("personal_access_token_revoked", &Entity::user(&user), target, &before, &after);
    }
    eprintln!("revoked token {}", token.id);
    Ok(())
}

fn to_json(token: &TokenRow) -> Value {
    json!({
        "id": token.id,
        "user": token.username,
        "name": token.name,
        "scopes": Scopes::from_yaml(&token.scopes).names(),
        "revoked": token.revoked == Some(true),
        "expires_at": token.expires_at,
        "last_used_at": output::time(token.last_used_at),
        "created_at": output::time(Some(token.created_at)),
    })
}

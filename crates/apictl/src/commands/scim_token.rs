//! `internal-apictl scim-token`
use anyhow::Result;
use clap::{Args, Subcommand};
use database::Conn;
use database::standalone;
use serde_json::{Value, json};
use server::config::KeyBaseOptions;

use super::{Entity, Target, audit, find_group, now};
use crate::output::{self, Cell};
use crate::refusal::Refusal;
use crate::secrets;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create the token of an identity provider and print it; it replaces an older one
    Create(CreateOptions),
    /// List the groups with a token
    List(ListOptions),
    /// Revoke a token
    Revoke(RevokeOptions),
}

/// A top-level group, or the whole instance.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ScopeOptions {
    /// Full path of a top-level group
    #[arg(long)]
    group: Option<String>,
    /// The whole instance
    #[arg(long)]
    instance: bool,
}

/// What a token is for.
struct Scope {
    group_id: Option<i64>,
    entity: Entity,
    /// The path of the endpoint for the identity provider.
    path: String,
}

impl ScopeOptions {
    fn find(&self, conn: &mut Conn) -> Result<Scope> {
        let Some(path) = &self.group else {
            let path = "/api/scim/v2/application".to_owned();
            return Ok(Scope { group_id: None, entity: Entity::instance(), path });
        };
        let group = find_group(conn, path)?;
        if group.parent_id.is_some() {
            let problem = format!("group `{path}` is not a top-level group: only these have single sign-on");
            return Err(Refusal::failed(problem).into());
        }
        let path = format!("/api/scim/v2/groups/{}", group.full_path);
        Ok(Scope { group_id: Some(group.id), entity: Entity::group(&group), path })
    }
}

#[derive(Debug, Args)]
pub struct CreateOptions {
    #[command(flatten)]
    scope: ScopeOptions,
    /// Address at which users of the group sign in, if the group has no SAML provider yet
    #[arg(long, requires = "certificate_fingerprint", conflicts_with = "instance")]
    sso_url: Option<String>,
    /// SHA-1 or SHA-256 fingerprint of the identity provider's certificate
    #[arg(long, requires = "sso_url")]
    certificate_fingerprint: Option<String>,
    /// Base of the address that is printed for the identity provider
    #[arg(long, env = "IAPI_BASE_URL", default_value = "http://127.0.0.1:8080")]
    base_url: String,
    #[command(flatten)]
    key_base: KeyBaseOptions,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct ListOptions {
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Args)]
pub struct RevokeOptions {
    #[command(flatten)]
    scope: ScopeOptions,
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
    let scope = options.scope.find(&mut conn)?;
    if let Some(group_id) = scope.group_id {
        set_provider(&mut conn, options, group_id, &scope.entity)?;
    }
    let token = secrets::scim_token()?;
    standalone::create_scim_token(&mut conn, scope.group_id, &key_base.encrypt(&token), now())?;
    audit("scim_token_created", &scope.entity, ("ScimOauthAccessToken", None), &Value::Null, &json!({}));
    let url = format!("{}{}", options.base_url.trim_end_matches('/'), scope.path);
    if options.target.json {
        return output::json(&json!({ "base_url": url, "token": token }));
    }
    eprintln!("base URL for the identity provider: {url}");
    println!("{token}");
    Ok(())
}

/// A group needs a SAML provider for its SCIM token to work.
fn set_provider(conn: &mut Conn, options: &CreateOptions, group_id: i64, entity: &Entity) -> Result<()> {
    if standalone::has_saml_provider(conn, group_id)? {
        return Ok(());
    }
    let (Some(url), Some(fingerprint)) = (&options.sso_url, &options.certificate_fingerprint) else {
        let problem = "the group has no SAML provider";
        let hint = "name it with --sso-url and --certificate-fingerprint";
        return Err(Refusal::failed(problem).with_hint(hint).into());
    };
    let digits = fingerprint.chars().filter(|c| *c != ':' && *c != ' ');
    let length = digits.clone().count();
    if ![40, 64].contains(&length) || !digits.clone().all(|c| c.is_ascii_hexdigit()) {
        return Err(Refusal::failed(format!("invalid certificate fingerprint `{fingerprint}`")).into());
    }
    if !url.starts_with("https://") {
        return Err(Refusal::failed(format!("invalid --sso-url `{url}` (expected https://)")).into());
    }
    standalone::set_saml_provider(conn, group_id, url, fingerprint)?;
    audit("saml_provider_created", entity, ("SamlProvider", None), &Value::Null, &json!({ "sso_url": url }));
    Ok(())
}

fn list(options: &ListOptions) -> Result<()> {
    let mut conn = options.target.open()?;
    let groups = standalone::list_groups(&mut conn, None, None)?;
    let path = |id: Option<i64>| match id {
        None => "(instance)".to_owned(),
        Some(id) => groups
            .iter()
            .find(|group| group.id == id)
            .map_or_else(|| format!("group {id}"), |group| group.full_path.clone()),
    };
    let tokens = standalone::list_scim_tokens(&mut conn)?;
    if options.target.json {
        let entity = |token: &standalone::ScimTokenRow| {
            json!({
                "id": token.id,
                "group_id": token.group_id,
                "group": token.group_id.map(|id| path(Some(id))),
                "created_at": output::time(Some(token.created_at)),
            })
        };
        return output::json(&tokens.iter().map(entity).collect());
    }
    let row = |token: &standalone::ScimTokenRow| {
        [Cell::from(token.id), Cell::from(path(token.group_id)), output::time_cell(Some(token.created_at))]
    };
    output::table(["ID", "GROUP", "CREATED"], tokens.iter().map(row))
}

fn revoke(options: &RevokeOptions) -> Result<()> {
    let mut conn = options.target.open_to_change()?;
    let scope = options.scope.find(&mut conn)?;
    if !standalone::revoke_scim_token(&mut conn, scope.group_id)? {
        return Err(Refusal::not_found("SCIM token of", &scope.entity.path).into());
    }
    audit("scim_token_revoked", &scope.entity, ("ScimOauthAccessToken", None), &json!({}), &Value::Null);
    eprintln!("revoked the token of {}", scope.entity.path);
    Ok(())
}

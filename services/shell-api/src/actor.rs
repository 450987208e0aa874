//! Whom a request is about.
use database::git_access::ActorId;
use domain::account::AccountId;
use endpoint::{Params, RestError};

/// The first parameter that is there names the actor.
pub(crate) fn from_params(params: &Params) -> Result<ActorId, RestError> {
    if let Some(id) = params.id("key_id")? {
        return Ok(ActorId::Key(id));
    }
    if let Some(id) = params.id("user_id")? {
        return Ok(ActorId::User(id));
    }
    let text = |name| params.text(name).map(|text| text.filter(|text| !text.trim().is_empty()));
    if let Some(identifier) = text("identifier")? {
        return Ok(from_identifier(&identifier));
    }
    if let Some(name) = text("username")? {
        return Ok(if name.contains('@') { ActorId::Email(name) } else { ActorId::Username(name) });
    }
    Ok(text("krb5principal")?.map_or(ActorId::Nobody, ActorId::Kerberos))
}

/// `user-1`, `key-11`, `username-root`, `deploy-token-1`.
pub(crate) fn from_identifier(identifier: &str) -> ActorId {
    let id = |digits: &str| digits.parse().ok();
    if let Some(digits) = identifier.strip_prefix("deploy-token-") {
        return id(digits).map_or(ActorId::Nobody, ActorId::DeployToken);
    }
    match identifier.split_once('-') {
        Some(("user", digits)) => id(digits).map_or(ActorId::Nobody, ActorId::User),
        Some(("key", digits)) => id(digits).map_or(ActorId::Nobody, ActorId::Key),
        Some(("username", name)) => ActorId::Username(name.to_owned()),
        _ => ActorId::Nobody,
    }
}

/// Whose credentials are asked for: only a key or an id names an account here.
pub(crate) fn account_from_params(params: &Params) -> Result<AccountId, RestError> {
    let user = || Ok(params.id("user_id")?.map_or(AccountId::None, AccountId::User));
    params.id("key_id")?.map(AccountId::Key).map_or_else(user, Ok)
}

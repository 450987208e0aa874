//! Reads the actor and the account from a request.
use database::accounts;
use database::git_access::ActorId;
use domain::account::{Account, AccountId, AccountLookup, NO_RECOVERY_FOR_DEPLOY_KEYS};
use endpoint::{Params, RestError, log_user};
use git_access::{actor_from_identifier, actor_from_name};

use crate::App;
use crate::shell_reply::ShellReply;

/// Reads the actor from the first parameter that is present. A parameter of the wrong type is an error even
/// if another one comes first.
pub(crate) fn from_params(params: &Params) -> Result<ActorId, RestError> {
    let text = |name| params.text(name).map(|text| text.filter(|text| !text.trim().is_empty()));
    let (key_id, user_id) = (params.id("key_id")?, params.id("user_id")?);
    let (identifier, username, principal) = (text("identifier")?, text("username")?, text("krb5principal")?);
    let actor = key_id.map(ActorId::Key).or_else(|| user_id.map(ActorId::User));
    let actor = actor.or_else(|| identifier.as_deref().map(actor_from_identifier));
    let actor = actor.or_else(|| username.map(actor_from_name));
    Ok(actor.or_else(|| principal.map(ActorId::Kerberos)).unwrap_or(ActorId::Anonymous))
}

/// Reads the account that credentials are requested for, from `key_id` or `user_id`.
pub(crate) fn account_from_params(params: &Params) -> Result<AccountId, RestError> {
    let (key_id, user_id) = (params.id("key_id")?, params.id("user_id")?);
    let account = key_id.map(AccountId::Key).or_else(|| user_id.map(AccountId::User));
    Ok(account.unwrap_or(AccountId::None))
}

impl App {
    /// Finds the account with this id. Refuses an expired or restricted key, and a deploy key with the
    /// message `deploy_key`.
    pub(crate) async fn account(
        &self,
        id: AccountId,
        deploy_key: &'static str,
    ) -> Result<Account, ShellReply> {
        let lookup = self.core.pool.read(move |conn| accounts::find(conn, id)).await?;
        self.check_key(lookup, deploy_key).await
    }

    /// Finds the account for a request about its second factor. Also refuses inactive accounts.
    pub(crate) async fn active_account(&self, lookup: AccountLookup) -> Result<Account, ShellReply> {
        let account = self.check_key(lookup, NO_RECOVERY_FOR_DEPLOY_KEYS).await?;
        log_user(account.id, &account.username);
        account.check_active(&self.core.external_url).map_err(|denial| denial.to_string())?;
        Ok(account)
    }

    async fn check_key(
        &self,
        lookup: AccountLookup,
        deploy_key: &'static str,
    ) -> Result<Account, ShellReply> {
        let settings = self.settings.get(&self.core.pool).await?;
        Ok(lookup.account(&settings.key_restrictions, self.core.clock.now(), deploy_key)?)
    }
}

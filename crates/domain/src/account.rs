//! The account that credentials are requested for, identified by an SSH key or by its id.
use chrono::NaiveDateTime;

use crate::access::Denial;
use crate::actor::Key;
use crate::ssh_key::{Restrictions, has_expired};
use crate::user::{State, UserType};

/// The response if no key has the id.
pub const KEY_NOT_FOUND: &str = "Could not find the given key";
/// The response if the key belongs to no user.
pub const KEY_WITHOUT_USER: &str = "Could not find a user for the given key";
/// The response if no user has the id.
pub const USER_NOT_FOUND: &str = "Could not find the given user";
/// The response to a deploy key that requests recovery codes.
pub const NO_RECOVERY_FOR_DEPLOY_KEYS: &str = "Deploy keys cannot be used to retrieve recovery codes";
/// The response to a user without a second factor.
pub const NO_SECOND_FACTOR: &str = "Two-factor authentication is not enabled for this user";
/// The response to a wrong one-time password.
pub const INVALID_OTP: &str = "Invalid OTP";

/// The identifier of an account in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountId {
    /// The id of an SSH key.
    Key(i64),
    /// The id of a user.
    User(i64),
    /// The request names no account.
    None,
}

/// The facts about a user who requests credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The id of the user.
    pub id: i64,
    /// The login name.
    pub username: String,
    /// Whether the user may sign in.
    pub state: State,
    /// A person, a bot or a service account.
    pub user_type: UserType,
    /// Whether a one-time password or a security key is required in addition to the password. A passkey is
    /// not a second factor.
    pub second_factor: bool,
}

impl Account {
    /// Refuses an account that may not use git and cannot fix that in a browser: it is blocked, deactivated
    /// or pending approval, or its type may not use git. Such an account gets no credentials of any kind.
    pub fn check_active(&self, url: &str) -> Result<(), Denial> {
        self.user_type.check()?;
        self.state.check(url)
    }
}

/// The result of looking up an [`AccountId`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountLookup {
    /// No key has the id.
    KeyNotFound,
    /// The key is a deploy key, which has no account.
    DeployKey,
    /// A user's key without a user.
    KeyWithoutUser,
    /// No user has the id.
    UserNotFound,
    /// The account was found.
    Found {
        /// The key that identified the account.
        key: Option<Key>,
        /// The account.
        account: Account,
    },
}

impl AccountLookup {
    /// Returns the account, or GitLab's message about the key. For a deploy key the message is `deploy_key`.
    /// [`Account::check_active`] checks whether the account is active.
    pub fn account(
        self,
        restrictions: &Restrictions,
        now: NaiveDateTime,
        deploy_key: &'static str,
    ) -> Result<Account, String> {
        let (key, account) = match self {
            Self::KeyNotFound => return Err(KEY_NOT_FOUND.to_owned()),
            Self::DeployKey => return Err(deploy_key.to_owned()),
            Self::UserNotFound => return Err(USER_NOT_FOUND.to_owned()),
            Self::KeyWithoutUser => return Err(KEY_WITHOUT_USER.to_owned()),
            Self::Found { key, account } => (key, account),
        };
        match key.map(|key| key.check(restrictions, now)) {
            Some(Err(denial)) => Err(denial.to_string()),
            Some(Ok(())) | None => Ok(account),
        }
    }
}

/// The state of a key that `sshd` looks up, and of its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyState {
    /// Whether the key is a deploy key.
    pub is_deploy_key: bool,
    /// When the key expires.
    pub expires_at: Option<NaiveDateTime>,
    /// State and type of the user; `None` for a key without a user.
    pub user: Option<(State, UserType)>,
}

impl KeyState {
    /// Whether `sshd` may accept the key. It must refuse an expired key and the key of an inactive user. A deploy key
    /// is always accepted: the access check decides about it.
    pub fn may_authenticate(&self, now: NaiveDateTime) -> bool {
        let has_expired = has_expired(self.expires_at, now);
        let is_active =
            |(state, user_type): (State, UserType)| state == State::Active && user_type.may_use_git();
        self.is_deploy_key || (!has_expired && self.user.is_none_or(is_active))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::test_facts::{instance, key, now};
    use crate::ssh_key::Rule;

    fn account(state: State, user_type: UserType) -> Account {
        Account { id: 2, username: "alice".to_owned(), state, user_type, second_factor: false }
    }

    #[test]
    fn inactive_accounts_get_no_credentials() {
        let check = |state, user_type| account(state, user_type).check_active("https://gitlab.example.com");
        assert_eq!(check(State::Active, UserType::HUMAN), Ok(()));
        assert_eq!(check(State::Active, UserType::PROJECT_BOT), Ok(()));
        let message = |state, user_type| check(state, user_type).unwrap_err().to_string();
        assert_eq!(
            message(State::Active, UserType::GHOST),
            "This action cannot be performed by internal users"
        );
        assert_eq!(
            message(State::Blocked, UserType::GHOST),
            "This action cannot be performed by internal users"
        );
        assert_eq!(message(State::Blocked, UserType::HUMAN), "Your account has been blocked.");
        assert!(message(State::PendingApproval, UserType::HUMAN).contains("pending approval"));
        assert!(message(State::Deactivated, UserType::HUMAN).contains("https://gitlab.example.com"));
    }

    #[test]
    fn sshd_accepts_deploy_keys_and_current_keys_of_active_users() {
        let key = |is_deploy_key, expires_at, user| KeyState { is_deploy_key, expires_at, user };
        let (active, blocked) = ((State::Active, UserType::HUMAN), (State::Blocked, UserType::HUMAN));
        let ghost = (State::Active, UserType::GHOST);
        let (past, future) = (Some(now()), Some(now() + chrono::TimeDelta::seconds(1)));
        for (state, expected) in [
            (key(false, None, Some(active)), true),
            (key(false, future, Some(active)), true),
            (key(false, past, Some(active)), false),
            (key(false, None, Some(blocked)), false),
            (key(false, None, Some(ghost)), false),
            (key(false, None, None), true),
            (key(false, past, None), false),
            (key(true, past, Some(blocked)), true),
        ] {
            assert_eq!(state.may_authenticate(now()), expected, "{state:?}");
        }
    }

    #[test]
    fn expired_and_restricted_keys_name_no_account() {
        let alice = || account(State::Active, UserType::HUMAN);
        let restrictions = instance().key_restrictions;
        let look_up = |key| AccountLookup::Found { key, account: alice() };
        let find = |lookup: AccountLookup, restrictions| lookup.account(restrictions, now(), "deploy");
        assert_eq!(find(look_up(None), &restrictions), Ok(alice()));
        assert_eq!(find(look_up(Some(key())), &restrictions), Ok(alice()));
        let expired = || Key { expires_at: Some(now()), ..key() };
        assert_eq!(
            find(look_up(Some(expired())), &restrictions),
            Err("Your SSH key has expired.".to_owned())
        );
        let forbidden = Restrictions { ed25519: Rule::Forbidden, ..restrictions.clone() };
        let message = find(look_up(Some(expired())), &forbidden).unwrap_err();
        assert!(message.starts_with("Your SSH key type is forbidden."), "{message}");
        for (lookup, expected) in [
            (AccountLookup::KeyNotFound, KEY_NOT_FOUND),
            (AccountLookup::DeployKey, "deploy"),
            (AccountLookup::KeyWithoutUser, KEY_WITHOUT_USER),
            (AccountLookup::UserNotFound, USER_NOT_FOUND),
        ] {
            assert_eq!(find(lookup, &restrictions), Err(expected.to_owned()));
        }
    }
}

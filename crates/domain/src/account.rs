//! The account that credentials are asked for, named by an SSH key or by its id.
use crate::user::{State, UserType};

pub const NO_KEY: &str = "Could not find the given key";
pub const NO_OWNER: &str = "Could not find a user for the given key";
pub const NO_USER: &str = "Could not find the given user";
pub const NO_RECOVERY_FOR_DEPLOY_KEYS: &str = "Deploy keys cannot be used to retrieve recovery codes";
pub const NO_SECOND_FACTOR: &str = "Two-factor authentication is not enabled for this user";
pub const INVALID_OTP: &str = "Invalid OTP";

/// What a caller names an account by. Nothing else does, here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountId {
    Key(i64),
    User(i64),
    None,
}

/// What must be known of somebody who wants credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: i64,
    pub username: String,
    pub state: State,
    pub user_type: UserType,
    /// A one-time password or a security token stands behind the password.
    pub second_factor: bool,
}

impl Account {
    /// Whether this account may get a token at all: blocked ones may not, and none of those that GitLab itself is.
    pub fn may_have_tokens(&self) -> bool {
        self.state == State::Active && self.user_type.may_use_git()
    }
}

/// What an [`AccountId`] leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountLookup {
    NoKey,
    DeployKey,
    /// A key whose person is gone.
    NoOwner,
    NoUser,
    Found(Account),
}

impl AccountLookup {
    /// The account, or what GitLab says instead; of a deploy key it says `deploy_key`.
    pub fn account(self, deploy_key: &'static str) -> Result<Account, &'static str> {
        match self {
            Self::NoKey => Err(NO_KEY),
            Self::DeployKey => Err(deploy_key),
            Self::NoOwner => Err(NO_OWNER),
            Self::NoUser => Err(NO_USER),
            Self::Found(account) => Ok(account),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocked_and_internal_accounts_get_no_tokens() {
        let account = |state, user_type| Account {
            id: 2,
            username: "alice".to_owned(),
            state,
            user_type,
            second_factor: false,
        };
        assert!(account(State::Active, UserType::HUMAN).may_have_tokens());
        assert!(account(State::Active, UserType::PROJECT_BOT).may_have_tokens());
        assert!(!account(State::Active, UserType::GHOST).may_have_tokens());
        for state in [State::Blocked, State::PendingApproval, State::Deactivated] {
            assert!(!account(state, UserType::HUMAN).may_have_tokens());
        }
    }
}

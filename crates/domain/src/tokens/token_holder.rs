//! The holder of a personal access token and the permissions it gives.
use chrono::NaiveDate;

use crate::tokens::access_token::AccessToken;
use crate::user::{State, is_active_administrator};

/// A token, its user, and whether the instance requires admin mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHolder {
    /// The token.
    pub token: AccessToken,
    /// The id of the user.
    pub user_id: i64,
    /// The name that the user signs in with.
    pub username: String,
    /// `users.admin`, whether or not the account is active.
    pub admin: bool,
    /// The state of the account.
    pub state: State,
    /// Whether administrators need the scope `admin_mode` to act as such.
    pub admin_mode: bool,
}

/// Why a token does not give access, in the order in which GitLab checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insufficient {
    /// The token has expired.
    Expired,
    /// The token was revoked.
    Revoked,
    /// The token has none of the required scopes.
    Scope,
    /// The account is blocked, banned or waits for approval.
    Blocked,
    /// The account was deactivated for lack of use.
    Deactivated,
    /// The holder is no administrator.
    NotAdministrator,
    /// The token of an administrator lacks the scope `admin_mode` although it is required.
    AdminMode,
}

impl Insufficient {
    /// The reason in logs and metrics, one of those in `docs/observability.md`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Scope => "scope",
            Self::Blocked | Self::Deactivated => "blocked",
            Self::NotAdministrator => "not_admin",
            Self::AdminMode => "admin_mode",
        }
    }
}

impl TokenHolder {
    /// Checks that the token is valid and has one of these scopes.
    pub fn has_scope(&self, scopes: &[&str], today: NaiveDate) -> Result<(), Insufficient> {
        if self.token.has_expired(today) {
            Err(Insufficient::Expired)
        } else if self.token.revoked {
            Err(Insufficient::Revoked)
        } else if scopes.iter().any(|scope| self.token.has_scope(scope)) {
            Ok(())
        } else {
            Err(Insufficient::Scope)
        }
    }

    /// Checks that the user may act as an administrator, with a token that has one of these scopes.
    pub fn administers(&self, scopes: &[&str], today: NaiveDate) -> Result<(), Insufficient> {
        self.has_scope(scopes, today)?;
        let has_mode = !self.admin_mode || self.token.has_scope("admin_mode");
        match self.state {
            State::Deactivated => Err(Insufficient::Deactivated),
            State::Blocked | State::PendingApproval => Err(Insufficient::Blocked),
            State::Active if !is_active_administrator(self.admin, self.state) => {
                Err(Insufficient::NotAdministrator)
            }
            State::Active if has_mode => Ok(()),
            State::Active => Err(Insufficient::AdminMode),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::access_token::Scopes;

    fn today() -> NaiveDate {
        "2021-01-10".parse().unwrap()
    }

    fn root() -> TokenHolder {
        let token = AccessToken {
            revoked: false,
            expires_at: "2021-01-11".parse().ok(),
            scopes: Scopes::from_yaml("---\n- api\n- admin_mode\n"),
        };
        let username = "root".to_owned();
        TokenHolder { token, user_id: 1, username, admin: true, state: State::Active, admin_mode: true }
    }

    fn administers(holder: &TokenHolder) -> Result<(), Insufficient> {
        holder.administers(&["api"], today())
    }

    fn with_token(change: impl FnOnce(&mut AccessToken)) -> Result<(), Insufficient> {
        let mut holder = root();
        change(&mut holder.token);
        administers(&holder)
    }

    #[test]
    fn administrator_needs_an_active_token_with_the_scopes() {
        assert_eq!(administers(&root()), Ok(()));
        assert_eq!(with_token(|token| token.expires_at = Some(today())), Err(Insufficient::Expired));
        assert_eq!(with_token(|token| token.revoked = true), Err(Insufficient::Revoked));
        let scopes = |yaml: &str| with_token(|token| token.scopes = Scopes::from_yaml(yaml));
        assert_eq!(scopes("- read_api"), Err(Insufficient::Scope));
        assert_eq!(scopes("- admin_mode"), Err(Insufficient::Scope));
        let without_mode = scopes("- api");
        assert_eq!(without_mode, Err(Insufficient::AdminMode));
        assert_eq!(administers(&TokenHolder { admin_mode: false, ..root() }), Ok(()));
        let mut reader = root();
        reader.token.scopes = Scopes::from_yaml("- read_api\n- admin_mode\n");
        assert_eq!(reader.administers(&["api", "read_api"], today()), Ok(()));
    }

    #[test]
    fn administrator_needs_an_active_account() {
        let in_state = |state| administers(&TokenHolder { state, ..root() });
        assert_eq!(in_state(State::Blocked), Err(Insufficient::Blocked));
        assert_eq!(in_state(State::PendingApproval), Err(Insufficient::Blocked));
        assert_eq!(in_state(State::Deactivated), Err(Insufficient::Deactivated));
        let user = TokenHolder { admin: false, ..root() };
        assert_eq!(administers(&user), Err(Insufficient::NotAdministrator));
    }
}

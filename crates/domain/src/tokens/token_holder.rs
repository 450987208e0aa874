//! The holder of a personal access token and the permissions it gives.
use chrono::NaiveDate;

use crate::tokens::access_token::AccessToken;
use crate::user::State;

/// A token, its user, and whether the instance requires admin mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHolder {
    pub token: AccessToken,
    pub user_id: i64,
    pub username: String,
    pub admin: bool,
    pub state: State,
    /// Whether administrators need the scope `admin_mode` to act as such.
    pub admin_mode: bool,
}

/// Why a token does not give access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insufficient {
    Expired,
    Revoked,
    Scope,
    /// The user does not have permission, whatever the token's scopes.
    Person,
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

    /// Checks that the user may act as an administrator with this token.
    pub fn administers(&self, today: NaiveDate) -> Result<(), Insufficient> {
        self.has_scope(&["api"], today)?;
        let in_mode = !self.admin_mode || self.token.has_scope("admin_mode");
        if self.state == State::Active && self.admin && in_mode { Ok(()) } else { Err(Insufficient::Person) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn today() -> NaiveDate {
        "2021-01-10".parse().unwrap()
    }

    fn root() -> TokenHolder {
        let token = AccessToken {
            revoked: false,
            expires_at: "2021-01-11".parse().ok(),
            scopes: "---\n- api\n- admin_mode\n".to_owned(),
        };
        let username = "root".to_owned();
        TokenHolder { token, user_id: 1, username, admin: true, state: State::Active, admin_mode: true }
    }

    fn with_token(change: impl FnOnce(&mut AccessToken)) -> Result<(), Insufficient> {
        let mut holder = root();
        change(&mut holder.token);
        holder.administers(today())
    }

    #[test]
    fn an_administrator_is_active_and_has_the_scopes() {
        assert_eq!(root().administers(today()), Ok(()));
        assert_eq!(with_token(|token| token.expires_at = Some(today())), Err(Insufficient::Expired));
        assert_eq!(with_token(|token| token.revoked = true), Err(Insufficient::Revoked));
        assert_eq!(with_token(|token| token.scopes = "- read_api".to_owned()), Err(Insufficient::Scope));
        assert_eq!(with_token(|token| token.scopes = "- admin_mode".to_owned()), Err(Insufficient::Scope));
        assert_eq!(with_token(|token| token.scopes = "- api".to_owned()), Err(Insufficient::Person));
        let without_mode = TokenHolder { admin_mode: false, ..root() };
        assert_eq!(without_mode.administers(today()), Ok(()));
        for state in [State::Blocked, State::Deactivated, State::PendingApproval] {
            assert_eq!(TokenHolder { state, ..root() }.administers(today()), Err(Insufficient::Person));
        }
        assert_eq!(TokenHolder { admin: false, ..root() }.administers(today()), Err(Insufficient::Person));
    }
}

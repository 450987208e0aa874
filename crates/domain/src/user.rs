//! People and bots, and whether their account may use git.
use chrono::{NaiveDateTime, TimeDelta};

use crate::access::Denial;
use crate::instance::Instance;
use crate::messages as text;

/// How long an account stays locked after too many failed sign-ins.
const LOCK: TimeDelta = TimeDelta::minutes(10);

/// What a decision needs to know of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: i64,
    pub username: String,
    pub admin: bool,
    /// An external user does not see internal projects.
    pub external: bool,
    pub state: State,
    pub user_type: UserType,
    pub confirmed: bool,
    pub accepted_term_id: Option<i64>,
    pub password_expires_at: Option<NaiveDateTime>,
    /// The password is not the user's to renew: LDAP or single sign-on keeps it, or there is none.
    pub password_kept_elsewhere: bool,
    pub locked_at: Option<NaiveDateTime>,
}

/// `users.state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Active,
    Deactivated,
    PendingApproval,
    /// `blocked`, `ldap_blocked`, `banned`, and every state that nobody knows.
    Blocked,
}

impl State {
    pub fn from_name(name: Option<&str>) -> Self {
        match name {
            Some("active") => Self::Active,
            Some("deactivated") => Self::Deactivated,
            Some("blocked_pending_approval") => Self::PendingApproval,
            _ => Self::Blocked,
        }
    }
}

/// `users.user_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserType(pub i16);

impl UserType {
    pub const HUMAN: Self = Self(0);
    pub const GHOST: Self = Self(5);
    pub const PROJECT_BOT: Self = Self(6);
    pub const SECURITY_BOT: Self = Self(8);

    /// Humans, service users and accounts, project bots and the security bot; all others belong to GitLab itself.
    pub fn may_use_git(self) -> bool {
        matches!(self.0, 0 | 4 | 6 | 8 | 13)
    }

    fn is_bot(self) -> bool {
        self != Self::HUMAN
    }
}

impl User {
    /// The first reason, in GitLab's order, why this account may not use git.
    pub fn may_use_git(&self, instance: &Instance, now: NaiveDateTime) -> Result<(), Denial> {
        let url = &instance.url;
        let message = if !self.user_type.may_use_git() {
            text::INTERNAL_USER.to_owned()
        } else if self.state == State::PendingApproval {
            text::PENDING_APPROVAL.to_owned()
        } else if self.must_accept_terms(instance) {
            text::terms(&self.username, url)
        } else if self.state == State::Deactivated {
            text::deactivated(url)
        } else if instance.confirmation_required && !self.confirmed {
            text::unconfirmed(url)
        } else if self.state == State::Blocked {
            text::BLOCKED.to_owned()
        } else if self.password_has_expired(now) {
            text::PASSWORD_EXPIRED.to_owned()
        } else if self.locked_at.is_some_and(|since| now < since + LOCK) {
            text::BLOCKED.to_owned()
        } else {
            return Ok(());
        };
        Err(Denial::Forbidden(message))
    }

    fn must_accept_terms(&self, instance: &Instance) -> bool {
        instance.enforce_terms
            && !self.user_type.is_bot()
            && match instance.latest_term_id {
                Some(latest) => self.accepted_term_id != Some(latest),
                None => self.accepted_term_id.is_none(),
            }
    }

    fn password_has_expired(&self, now: NaiveDateTime) -> bool {
        !self.password_kept_elsewhere
            && !self.user_type.is_bot()
            && self.password_expires_at.is_some_and(|expiry| expiry <= now)
    }
}

#[cfg(test)]
mod tests;

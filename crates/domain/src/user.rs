//! Users, human or not, and whether they may use git.
use chrono::{NaiveDateTime, TimeDelta};

use crate::access::Denial;
use crate::instance::Instance;
use crate::messages as text;

/// How long an account stays locked after too many failed sign-ins.
const LOCK_DURATION: TimeDelta = TimeDelta::minutes(10);

/// The facts about a user that decisions need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The id of the user.
    pub id: i64,
    /// The login name.
    pub username: String,
    /// Whether the user is an administrator of the instance.
    pub admin: bool,
    /// An external user does not see internal projects.
    pub external: bool,
    /// Whether the account is active.
    pub state: State,
    /// A person, a bot or a service account.
    pub user_type: UserType,
    /// Whether the e-mail address is confirmed.
    pub confirmed: bool,
    /// The terms of service that the user accepted last.
    pub accepted_term_id: Option<i64>,
    /// When the password expires. `None` means never.
    pub password_expires_at: Option<NaiveDateTime>,
    /// Whether the user cannot renew the password, because LDAP or single sign-on manages it or there is
    /// none.
    pub password_managed_elsewhere: bool,
    /// When too many failed sign-ins locked the account.
    pub locked_at: Option<NaiveDateTime>,
}

/// `users.state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The user may sign in.
    Active,
    /// The account is dormant; signing in on the web reactivates it.
    Deactivated,
    /// An administrator must approve the account.
    PendingApproval,
    /// `blocked`, `ldap_blocked`, `banned`, and every unknown state.
    Blocked,
}

impl State {
    /// Converts the column.
    pub fn from_name(name: Option<&str>) -> Self {
        match name {
            Some("active") => Self::Active,
            Some("deactivated") => Self::Deactivated,
            Some("blocked_pending_approval") => Self::PendingApproval,
            _ => Self::Blocked,
        }
    }

    /// Refuses every state except active.
    pub(crate) fn check(self, url: &str) -> Result<(), Denial> {
        match self {
            Self::Active => Ok(()),
            Self::Deactivated => Err(Denial::Forbidden(text::deactivated(url))),
            Self::PendingApproval => Err(Denial::forbidden(text::PENDING_APPROVAL)),
            Self::Blocked => Err(Denial::forbidden(text::BLOCKED)),
        }
    }
}

/// Whether an account administers the instance: an administrator whose account is active.
pub fn is_active_administrator(admin: bool, state: State) -> bool {
    admin && state == State::Active
}

/// Whether an account is that of a person who can act: neither a bot nor blocked. Only such accounts count when
/// the last owner of a group or the last administrator is looked for.
pub fn is_active_person(state: State, user_type: UserType) -> bool {
    user_type.is_human() && state == State::Active
}

/// `users.user_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserType(pub i16);

impl UserType {
    /// A person.
    pub const HUMAN: Self = Self(0);
    /// GitLab's `service_user`.
    pub const SERVICE_USER: Self = Self(4);
    /// The user that owns the work of deleted users.
    pub const GHOST: Self = Self(5);
    /// The user of a project or group access token.
    pub const PROJECT_BOT: Self = Self(6);
    /// GitLab's own security bot.
    pub const SECURITY_BOT: Self = Self(8);
    /// A service account: a user for machines.
    pub const SERVICE_ACCOUNT: Self = Self(13);

    /// Human, service user, project bot, migration bot, security bot, security policy bot and service account. The
    /// other types are internal to GitLab (`GlobalPolicy`).
    pub fn may_use_git(self) -> bool {
        matches!(self.0, 0 | 4 | 6 | 7 | 8 | 10 | 13)
    }

    /// Whether the account can be blocked: a person, a service user or a service account. The other types are
    /// internal to GitLab.
    pub fn can_be_blocked(self) -> bool {
        matches!(self, Self::HUMAN | Self::SERVICE_USER | Self::SERVICE_ACCOUNT)
    }

    pub(crate) fn check(self) -> Result<(), Denial> {
        if self.may_use_git() { Ok(()) } else { Err(Denial::forbidden(text::INTERNAL_USER)) }
    }

    /// Whether the account is a person's or a service account. The others are internal to GitLab, or belong to a
    /// project or group access token.
    pub fn may_be_blocked(self) -> bool {
        matches!(self.0, 0 | 4 | 13)
    }

    /// Whether the user is a person, not a bot or a service account.
    pub fn is_human(self) -> bool {
        self == Self::HUMAN
    }

    fn is_bot(self) -> bool {
        !self.is_human()
    }
}

impl User {
    /// Returns the first reason, in GitLab's order, why this account may not use git.
    pub fn may_use_git(&self, instance: &Instance, now: NaiveDateTime) -> Result<(), Denial> {
        let url = &instance.url;
        self.user_type.check()?;
        if self.state == State::PendingApproval {
            return self.state.check(url);
        }
        if self.must_accept_terms(instance) {
            return Err(Denial::Forbidden(text::terms(&self.username, url)));
        }
        if self.state == State::Deactivated {
            return self.state.check(url);
        }
        if instance.confirmation_required && !self.confirmed {
            return Err(Denial::Forbidden(text::unconfirmed(url)));
        }
        self.state.check(url)?;
        if self.password_has_expired(now) {
            return Err(Denial::forbidden(text::PASSWORD_EXPIRED));
        }
        if self.locked_at.is_some_and(|since| now < since + LOCK_DURATION) {
            return Err(Denial::forbidden(text::BLOCKED));
        }
        Ok(())
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
        !self.password_managed_elsewhere
            && !self.user_type.is_bot()
            && self.password_expires_at.is_some_and(|expiry| expiry <= now)
    }
}

#[cfg(test)]
mod tests;

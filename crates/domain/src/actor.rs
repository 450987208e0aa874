//! The actor of a git request: an unknown person, a user, a user's SSH key, or a key or token of a project.
use chrono::{NaiveDateTime, TimeDelta};

use crate::access::Denial;
use crate::messages as text;
use crate::ssh_key::{Restrictions, has_expired};
use crate::user::User;

/// Keys that expire within this time get a warning.
const EXPIRY_WARNING: TimeDelta = TimeDelta::days(7);

/// An SSH key that may authenticate. Keys that can only sign are never loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The id of the key.
    pub id: i64,
    /// The public key in the format of an `authorized_keys` file.
    pub text: String,
    /// When the key expires. `None` means never.
    pub expires_at: Option<NaiveDateTime>,
}

impl Key {
    /// Refuses a key whose type or length the instance restricts, and a key that has expired.
    pub fn check(&self, restrictions: &Restrictions, now: NaiveDateTime) -> Result<(), Denial> {
        restrictions.check(&self.text)?;
        if self.has_expired(now) { Err(Denial::forbidden(text::KEY_EXPIRED)) } else { Ok(()) }
    }

    /// Whether the key has expired.
    pub fn has_expired(&self, now: NaiveDateTime) -> bool {
        has_expired(self.expires_at, now)
    }

    /// Whether the key has expired or expires within seven days.
    pub fn expires_soon(&self, now: NaiveDateTime) -> bool {
        self.expires_at.is_some_and(|expiry| expiry - now <= EXPIRY_WARNING)
    }
}

/// The actor of a git request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// No credential identifies an actor.
    Anonymous,
    /// A user who is not identified by a key.
    User(User),
    /// An SSH key of a user. If the user's row is gone, the key acts as [`Actor::Anonymous`].
    Key {
        /// The key.
        key: Key,
        /// The user of the key.
        user: Option<User>,
    },
    /// A deploy key of one or more projects. The key decides what can be read and whether it can write at
    /// all. All other checks of a push apply to its owner.
    DeployKey {
        /// The key.
        key: Key,
        /// The user who added the key.
        owner: Option<User>,
    },
    /// A token of a project or a group, used by machines to pull.
    DeployToken {
        /// The id of the token.
        id: i64,
    },
}

impl Actor {
    /// The user who authenticated. `None` for a deploy key, which authenticates a project.
    pub fn user(&self) -> Option<&User> {
        match self {
            Self::User(user) => Some(user),
            Self::Key { user, .. } => user.as_ref(),
            Self::Anonymous | Self::DeployKey { .. } | Self::DeployToken { .. } => None,
        }
    }

    /// The user responsible for the request: the authenticated user, or the owner of a deploy key. A push
    /// has this user's authority, and responses and logs name this user.
    pub fn responsible_user(&self) -> Option<&User> {
        match self {
            Self::DeployKey { owner, .. } => owner.as_ref(),
            _ => self.user(),
        }
    }

    /// The SSH key that was used.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Key { key, .. } | Self::DeployKey { key, .. } => Some(key),
            Self::Anonymous | Self::User(_) | Self::DeployToken { .. } => None,
        }
    }

    /// The id of the deploy token.
    pub fn deploy_token_id(&self) -> Option<i64> {
        if let Self::DeployToken { id } = self { Some(*id) } else { None }
    }

    /// Whether the actor is a deploy key.
    pub fn is_deploy_key(&self) -> bool {
        matches!(self, Self::DeployKey { .. })
    }

    /// `gl_id`: `user-1`, `deploy-token-1`, or empty without a user.
    pub fn gl_id(&self) -> String {
        if let Self::DeployToken { id } = self {
            return format!("deploy-token-{id}");
        }
        self.responsible_user().map(|user| format!("user-{}", user.id)).unwrap_or_default()
    }

    /// `gl_key_type`, if a key was used.
    pub fn key_type(&self) -> Option<&'static str> {
        match self {
            Self::Key { .. } => Some("key"),
            Self::DeployKey { .. } => Some("deploy_key"),
            Self::Anonymous | Self::User(_) | Self::DeployToken { .. } => None,
        }
    }
}

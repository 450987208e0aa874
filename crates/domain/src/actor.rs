//! Who asks for git: nobody known, a user, a user's key, or a key or token of a project.
use chrono::NaiveDateTime;

use crate::user::User;

/// An SSH key which may authenticate; signing-only keys do not exist here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub id: i64,
    /// The public key as in an `authorized_keys` file.
    pub text: String,
    pub expires_at: Option<NaiveDateTime>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    Nobody,
    User(User),
    /// A key of a person; one whose person is gone acts as nobody.
    Key {
        key: Key,
        user: Option<User>,
    },
    /// A key of one or more projects. Its owner lends it nothing but the right to change refs.
    DeployKey {
        key: Key,
        owner: Option<User>,
    },
    /// A token of a project or of a group, with which machines pull.
    DeployToken {
        id: i64,
    },
}

impl Actor {
    /// The person who acts; a deploy key acts for itself.
    pub fn user(&self) -> Option<&User> {
        match self {
            Self::User(user) => Some(user),
            Self::Key { user, .. } => user.as_ref(),
            Self::Nobody | Self::DeployKey { .. } | Self::DeployToken { .. } => None,
        }
    }

    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Key { key, .. } | Self::DeployKey { key, .. } => Some(key),
            Self::Nobody | Self::User(_) | Self::DeployToken { .. } => None,
        }
    }

    /// The person named in GitLab's answers and logs: of a deploy key its owner.
    pub fn named_user(&self) -> Option<&User> {
        match self {
            Self::DeployKey { owner, .. } => owner.as_ref(),
            _ => self.user(),
        }
    }

    /// `gl_id`: `user-1`, `deploy-token-1`, or empty where there is nobody.
    pub fn gl_id(&self) -> String {
        if let Self::DeployToken { id } = self {
            return format!("deploy-token-{id}");
        }
        self.named_user().map(|user| format!("user-{}", user.id)).unwrap_or_default()
    }

    /// `gl_key_type`, when a key was used.
    pub fn key_type(&self) -> Option<&'static str> {
        match self {
            Self::Key { .. } => Some("key"),
            Self::DeployKey { .. } => Some("deploy_key"),
            Self::Nobody | Self::User(_) | Self::DeployToken { .. } => None,
        }
    }
}

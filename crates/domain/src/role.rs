//! Levels that GitLab stores as numbers.
use serde::{Deserialize, Serialize};

/// What a member may do, as a number that grows with the rights. Newer releases put levels between the known
/// ones, so roles are compared, never matched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Role(pub i32);

impl Role {
    pub const NONE: Self = Self(0);
    pub const GUEST: Self = Self(10);
    pub const PLANNER: Self = Self(15);
    pub const REPORTER: Self = Self(20);
    pub const DEVELOPER: Self = Self(30);
    pub const MAINTAINER: Self = Self(40);
    pub const OWNER: Self = Self(50);
    /// Only in rules of protected refs: administrators of the instance.
    pub const ADMIN: Self = Self(60);
}

/// Who sees a project, a group or a snippet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Members only.
    Private,
    /// Every signed-in user who is not external.
    Internal,
    Public,
}

impl Visibility {
    /// Reads GitLab's number; a number nobody knows shows to members only.
    pub fn from_level(level: i32) -> Self {
        match level {
            20 => Self::Public,
            10 => Self::Internal,
            _ => Self::Private,
        }
    }
}

/// Who may use a feature of a project that they see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FeatureLevel {
    Disabled,
    /// Members only, also where the project itself is public.
    Private,
    /// Whoever sees the project.
    Enabled,
}

impl FeatureLevel {
    /// Reads GitLab's number; no row and no number mean enabled.
    pub fn from_level(level: Option<i32>) -> Self {
        match level {
            Some(0) => Self::Disabled,
            Some(20 | 30) | None => Self::Enabled,
            Some(_) => Self::Private,
        }
    }
}

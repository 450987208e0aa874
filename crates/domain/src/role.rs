//! Access levels that GitLab stores as numbers.
use serde::{Deserialize, Serialize};

/// The role of a member as an ordered number. Newer releases add levels between the known ones, so compare
/// roles and do not match them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Role(pub i32);

impl Role {
    /// No membership.
    pub const NONE: Self = Self(0);
    /// May see a private project, but not its code.
    pub const GUEST: Self = Self(10);
    /// Manages work items.
    pub const PLANNER: Self = Self(15);
    /// May read the code.
    pub const REPORTER: Self = Self(20);
    /// May push to unprotected branches.
    pub const DEVELOPER: Self = Self(30);
    /// May push to protected branches.
    pub const MAINTAINER: Self = Self(40);
    /// May do everything in a group or project.
    pub const OWNER: Self = Self(50);
    /// Administrators of the instance. Used only in rules of protected refs.
    pub const ADMIN: Self = Self(60);
}

/// The visibility of a project, group or snippet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Visible to members only.
    Private,
    /// Visible to every signed-in user who is not external.
    Internal,
    /// Visible to everyone.
    Public,
}

impl Visibility {
    /// GitLab's number.
    pub fn level(self) -> i32 {
        match self {
            Self::Private => 0,
            Self::Internal => 10,
            Self::Public => 20,
        }
    }

    /// The name in GitLab's API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Internal => "internal",
            Self::Public => "public",
        }
    }

    /// Converts GitLab's number. An unknown number counts as private.
    pub fn from_level(level: i32) -> Self {
        match level {
            20 => Self::Public,
            10 => Self::Internal,
            _ => Self::Private,
        }
    }
}

/// The access level of a project feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FeatureLevel {
    /// The feature is switched off.
    Disabled,
    /// Members only, even if the project is public.
    Private,
    /// Everyone who can see the project.
    Enabled,
}

impl FeatureLevel {
    /// Converts GitLab's number. `None` counts as enabled, and an unknown number as private.
    pub fn from_level(level: Option<i32>) -> Self {
        match level {
            Some(0) => Self::Disabled,
            Some(20 | 30) | None => Self::Enabled,
            Some(_) => Self::Private,
        }
    }
}

//! Rules that protect branches and tags, and the access levels that they grant.
use crate::git::wildcard;
use crate::{Role, user::User};

/// A rule for branches; `name` may contain `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProtectedBranch {
    /// The id of the rule.
    pub id: i64,
    /// The name or pattern of the branches.
    pub name: String,
    /// Whether those who may push may also rewrite history.
    pub allow_force_push: bool,
    /// Who may push.
    pub push: Vec<Grant>,
    /// Who may merge in the web interface.
    pub merge: Vec<Grant>,
}

/// A rule for tags; `name` may contain `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProtectedTag {
    /// The id of the rule.
    pub id: i64,
    /// The name or pattern of the tags.
    pub name: String,
    /// Who may create the tags.
    pub create: Vec<Grant>,
}

/// One row of a rule's access levels. Any matching row of any rule grants access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// Everyone who may push code and has at least this role: 0 means no one, 60 administrators.
    Role(Role),
    /// A member of the project, by user id.
    User(i64),
    /// An invited group.
    Group {
        /// The pusher's role through the group.
        role: Role,
    },
    /// A deploy key. GitLab compares owners, not keys: the row grants access to the key's owner, in person
    /// or with any of their keys.
    DeployKey {
        /// `None` if the key has no owner or no write access to the project.
        owner_id: Option<i64>,
    },
}

/// The user whose authority a push has, with that user's access to the project: the authenticated user, or
/// the owner of a deploy key (GitLab's `DeployKeyAccess`).
#[derive(Debug, Clone, Copy)]
pub struct Pusher<'a> {
    /// The user, or the owner of the deploy key.
    pub user: Option<&'a User>,
    /// The role of the user in the project.
    pub role: Role,
    /// Whether the user can see the project.
    pub may_read: bool,
    /// Whether the user may push to unprotected branches.
    pub may_push_code: bool,
}

impl Pusher<'_> {
    /// Whether the pusher may delete protected refs.
    pub fn may_delete_protected(&self) -> bool {
        self.user.is_some_and(|user| user.admin || self.role >= Role::MAINTAINER)
    }

    fn is_member(&self, user_id: i64) -> bool {
        self.user.is_some_and(|user| user.id == user_id) && self.role > Role::NONE
    }
}

impl Grant {
    fn admits(self, pusher: Pusher<'_>) -> bool {
        match self {
            Self::Role(Role::NONE) => false,
            Self::Role(Role::ADMIN) => pusher.user.is_some_and(|user| user.admin),
            Self::Role(min) => pusher.may_push_code && pusher.role >= min,
            Self::User(id) => pusher.is_member(id),
            Self::Group { role } => role >= Role::DEVELOPER,
            Self::DeployKey { owner_id } => {
                pusher.may_read && owner_id.is_some_and(|owner_id| pusher.is_member(owner_id))
            }
        }
    }
}

/// The rules for branches that match a name. Any one of them can grant access.
#[derive(Debug, Clone)]
pub struct BranchRules<'a>(Vec<&'a ProtectedBranch>);

impl<'a> BranchRules<'a> {
    /// The rules, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &'a ProtectedBranch> {
        self.0.iter().copied()
    }

    /// The rules that apply to a branch.
    pub fn matching(rules: &'a [ProtectedBranch], branch: &str) -> Self {
        Self(rules.iter().filter(|rule| wildcard::matches(&rule.name, branch)).collect())
    }

    /// Whether the ref is unprotected.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a rule allows force pushes.
    pub fn allow_force_push(&self) -> bool {
        self.0.iter().any(|rule| rule.allow_force_push)
    }

    /// Whether the pusher may push to the branch.
    pub fn may_push(&self, pusher: Pusher<'_>) -> bool {
        self.0.iter().flat_map(|rule| &rule.push).any(|grant| grant.admits(pusher))
    }

    /// Whether the pusher may merge into the branch.
    pub fn may_merge(&self, pusher: Pusher<'_>) -> bool {
        self.0.iter().flat_map(|rule| &rule.merge).any(|grant| grant.admits(pusher))
    }
}

/// The rules for tags that match a name.
#[derive(Debug, Clone)]
pub struct TagRules<'a>(Vec<&'a ProtectedTag>);

impl<'a> TagRules<'a> {
    /// The rules, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &'a ProtectedTag> {
        self.0.iter().copied()
    }

    /// The rules that apply to a tag.
    pub fn matching(rules: &'a [ProtectedTag], tag: &str) -> Self {
        Self(rules.iter().filter(|rule| wildcard::matches(&rule.name, tag)).collect())
    }

    /// Whether the ref is unprotected.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the pusher may create the tag.
    pub fn may_create(&self, pusher: Pusher<'_>) -> bool {
        self.0.iter().flat_map(|rule| &rule.create).any(|grant| grant.admits(pusher))
    }
}

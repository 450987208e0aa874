//! Rules that protect branches and tags, and whom they let through.
use crate::actor::Actor;
use crate::git::wildcard;
use crate::project::ActorAccess;
use crate::{Role, user::User};

/// A rule for branches; `name` may hold `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProtectedBranch {
    pub name: String,
    pub allow_force_push: bool,
    pub push: Vec<Grant>,
    pub merge: Vec<Grant>,
}

/// A rule for tags; `name` may hold `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProtectedTag {
    pub name: String,
    pub create: Vec<Grant>,
}

/// One row of a rule's access levels: it lets some through and says nothing of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// Whoever may push code and has at least this role: 0 is no one, 60 the administrators.
    Role(Role),
    User(i64),
    /// An invited group; `role` is what the acting person holds through it, none for an outsider.
    Group {
        role: Role,
    },
    DeployKey(i64),
}

/// The acting side of a push, as rules see it.
#[derive(Debug, Clone, Copy)]
pub struct Pusher<'a> {
    pub actor: &'a Actor,
    pub standing: ActorAccess,
    /// The person may push code; a deploy key has write access and an owner who may use git and read the project.
    pub may_push_code: bool,
}

impl Grant {
    fn admits(self, pusher: Pusher<'_>) -> bool {
        let Pusher { actor, standing, may_push_code } = pusher;
        match (self, actor) {
            (Self::DeployKey(id), Actor::DeployKey { key, .. }) => {
                key.id == id && may_push_code && standing.role > Role::NONE
            }
            (Self::DeployKey(_), _) | (_, Actor::DeployKey { .. }) => false,
            (Self::Role(Role::NONE), _) => false,
            (Self::Role(Role::ADMIN), _) => actor.user().is_some_and(|user: &User| user.admin),
            (Self::Role(least), _) => may_push_code && standing.role >= least,
            (Self::User(id), _) => {
                actor.user().is_some_and(|user| user.id == id) && standing.role > Role::NONE
            }
            (Self::Group { role }, _) => role >= Role::DEVELOPER,
        }
    }
}

/// The rules for branches that match one name: several may, and then any of them lets through.
#[derive(Debug, Clone)]
pub struct BranchRules<'a>(Vec<&'a ProtectedBranch>);

impl<'a> BranchRules<'a> {
    pub fn matching(rules: &'a [ProtectedBranch], branch: &str) -> Self {
        Self(rules.iter().filter(|rule| wildcard::matches(&rule.name, branch)).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn allow_force_push(&self) -> bool {
        self.0.iter().any(|rule| rule.allow_force_push)
    }

    pub fn may_push(&self, pusher: Pusher<'_>) -> bool {
        self.0.iter().flat_map(|rule| &rule.push).any(|grant| grant.admits(pusher))
    }

    pub fn may_merge(&self, pusher: Pusher<'_>) -> bool {
        self.0.iter().flat_map(|rule| &rule.merge).any(|grant| grant.admits(pusher))
    }
}

/// The rules for tags that match one name.
#[derive(Debug, Clone)]
pub struct TagRules<'a>(Vec<&'a ProtectedTag>);

impl<'a> TagRules<'a> {
    pub fn matching(rules: &'a [ProtectedTag], tag: &str) -> Self {
        Self(rules.iter().filter(|rule| wildcard::matches(&rule.name, tag)).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn may_create(&self, pusher: Pusher<'_>) -> bool {
        self.0.iter().flat_map(|rule| &rule.create).any(|grant| grant.admits(pusher))
    }
}

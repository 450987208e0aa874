//! Projects, and what a person or a key may do in one.
use chrono::NaiveDate;
use ipnet::IpNet;

use crate::access::branch_protection::BranchProtection;
use crate::actor::Actor;
use crate::user::User;
use crate::{FeatureLevel, Role, Visibility};

/// What a decision needs to know of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    pub id: i64,
    pub full_path: String,
    pub visibility: Visibility,
    pub repository: FeatureLevel,
    pub wiki: FeatureLevel,
    /// Its own flag, or that of a group above it.
    pub archived: bool,
    pub pending_delete: bool,
    pub hidden: bool,
    pub marked_for_deletion_at: Option<NaiveDate>,
    /// Its own flag, or that of a group above it.
    pub repository_read_only: bool,
    pub root: RootNamespace,
    /// What its group says of the first branch; the installation's word where it says nothing.
    pub branch_protection: Option<BranchProtection>,
}

/// The top-level group, or the personal namespace, that holds a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootNamespace {
    pub id: i64,
    pub git_protocols: GitProtocols,
    /// SSH only with a certificate of this group.
    pub enforce_ssh_certificates: bool,
    /// Addresses that may reach the group; empty = all.
    pub ip_ranges: Vec<IpNet>,
}

/// `namespace_settings.enabled_git_access_protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitProtocols {
    All,
    OnlySsh,
    OnlyHttp,
}

impl GitProtocols {
    /// Reads GitLab's number; 3 is SSH by certificate, which is SSH.
    pub fn from_number(number: Option<i16>) -> Self {
        match number {
            Some(1 | 3) => Self::OnlySsh,
            Some(2) => Self::OnlyHttp,
            _ => Self::All,
        }
    }
}

/// How an actor stands to a project.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ActorAccess {
    /// The role of the person; of a deploy key, that of its owner.
    pub role: Role,
    /// A deploy key that is enabled for the project.
    pub deploy_key: Option<DeployKeyGrant>,
    /// A deploy token that is valid here: not revoked, not expired.
    pub deploy_token: Option<DeployTokenGrant>,
    /// The person, or the owner of a deploy key, is banned from the top-level group.
    pub banned: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeployKeyGrant {
    pub can_push: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeployTokenGrant {
    pub read_repository: bool,
}

impl Project {
    /// Whether this person sees the project, with `role` in it.
    pub fn is_visible_to(&self, user: Option<&User>, role: Role) -> bool {
        match (self.visibility, user) {
            (Visibility::Public, _) => true,
            (_, None) => false,
            (_, Some(user)) if user.admin || role >= Role::GUEST => true,
            (Visibility::Internal, Some(user)) => !user.external,
            (Visibility::Private, Some(_)) => false,
        }
    }

    pub fn may_read(&self, actor: &Actor, standing: ActorAccess) -> bool {
        standing.deploy_key.is_some()
            || standing.deploy_token.is_some()
            || self.is_visible_to(actor.user(), role_of(actor, standing))
    }

    pub fn may_download_code(&self, actor: &Actor, standing: ActorAccess) -> bool {
        self.may_download(self.repository, actor, standing)
    }

    pub fn may_download_wiki(&self, actor: &Actor, standing: ActorAccess) -> bool {
        self.may_download(self.wiki, actor, standing)
    }

    fn may_download(&self, feature: FeatureLevel, actor: &Actor, standing: ActorAccess) -> bool {
        let (user, role) = (actor.user(), role_of(actor, standing));
        let is_admin = user.is_some_and(|user| user.admin);
        match feature {
            FeatureLevel::Disabled => return false,
            _ if standing.deploy_key.is_some() => return true,
            _ if standing.deploy_token.is_some_and(|grant| grant.read_repository) => return true,
            FeatureLevel::Private if role < Role::GUEST && !is_admin => return false,
            FeatureLevel::Private | FeatureLevel::Enabled => {}
        }
        // A guest sees the project, but has its code only where everybody of his kind has it.
        role >= Role::REPORTER || self.is_visible_to(user, Role::NONE)
    }

    pub fn may_push_code(&self, user: &User, role: Role) -> bool {
        self.repository != FeatureLevel::Disabled && (user.admin || role >= Role::DEVELOPER)
    }

    pub fn may_push_wiki(&self, user: &User, role: Role) -> bool {
        self.wiki != FeatureLevel::Disabled && (user.admin || role >= Role::DEVELOPER)
    }

    /// Pushes are over: archived, or on its way out.
    pub fn is_archived(&self) -> bool {
        self.archived || self.marked_for_deletion_at.is_some()
    }

    /// Whether the project lies in the namespace with this full path, or below it.
    pub fn lies_below(&self, namespace: &str) -> bool {
        let path = self.full_path.as_bytes();
        path.len() > namespace.len()
            && path[namespace.len()] == b'/'
            && path[..namespace.len()].eq_ignore_ascii_case(namespace.as_bytes())
    }
}

/// The role in the project of the actor himself: the owner of a deploy key lends it none.
fn role_of(actor: &Actor, standing: ActorAccess) -> Role {
    match actor {
        Actor::DeployKey { .. } => Role::NONE,
        _ => standing.role,
    }
}

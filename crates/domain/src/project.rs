//! Projects, and the access of users and keys to them.
use ipnet::IpNet;

use crate::access::branch_protection::BranchProtection;
use crate::access::protected_refs::Pusher;
use crate::actor::Actor;
use crate::text::strip_prefix_ignoring_case;
use crate::user::User;
use crate::{FeatureLevel, Role, Visibility};

/// The facts about a project that decisions need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The id of the project.
    pub id: i64,
    /// The paths of the groups and the project, separated by slashes.
    pub full_path: String,
    /// Who can see the project.
    pub visibility: Visibility,
    /// The access level of the repository.
    pub repository: FeatureLevel,
    /// The access level of the wiki.
    pub wiki: FeatureLevel,
    /// The project itself or one of its ancestor groups is archived.
    pub archived: bool,
    /// The project is being deleted.
    pub pending_delete: bool,
    /// An administrator has hidden the project.
    pub hidden: bool,
    /// The project will be deleted after a grace period.
    pub is_marked_for_deletion: bool,
    /// The repositories of the project itself or of one of its ancestor groups are read-only.
    pub repository_read_only: bool,
    /// The top-level group or personal namespace.
    pub root: RootNamespace,
    /// The group's setting for the first branch. `None` means that the setting of the instance applies.
    pub branch_protection: Option<BranchProtection>,
}

/// The top-level group, or the personal namespace, that contains a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootNamespace {
    /// The id of the namespace.
    pub id: i64,
    /// The protocols that are enabled for git.
    pub git_protocols: GitProtocols,
    /// Users must authenticate over SSH with a certificate of this group, not with their own key.
    pub enforce_ssh_certificates: bool,
    /// The IP ranges that may access the group. Empty means all.
    pub ip_ranges: Vec<IpNet>,
}

/// `namespace_settings.enabled_git_access_protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitProtocols {
    /// SSH and HTTP.
    All,
    /// SSH only.
    OnlySsh,
    /// HTTP only.
    OnlyHttp,
}

impl GitProtocols {
    /// Converts the column. 3 is SSH with certificates, which is SSH.
    pub fn from_number(number: Option<i16>) -> Self {
        match number {
            Some(1 | 3) => Self::OnlySsh,
            Some(2) => Self::OnlyHttp,
            _ => Self::All,
        }
    }
}

/// The access of an actor to a project.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ActorAccess {
    /// The role of the user; for a deploy key, the role of its owner.
    pub role: Role,
    /// A deploy key that is enabled for the project.
    pub deploy_key: Option<DeployKeyGrant>,
    /// A deploy token that is valid for the project: not revoked and not expired.
    pub deploy_token: Option<DeployTokenGrant>,
    /// The user, or the owner of a deploy key, is banned from the top-level group.
    pub banned: bool,
}

/// What a deploy key may do in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeployKeyGrant {
    /// Whether the key may push; it may always read.
    pub can_push: bool,
}

/// What a deploy token may do in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeployTokenGrant {
    /// Whether the token may read the repository.
    pub read_repository: bool,
}

impl Project {
    /// Whether a user with `role` in the project can see it.
    pub fn is_visible_to(&self, user: Option<&User>, role: Role) -> bool {
        match (self.visibility, user) {
            (Visibility::Public, _) => true,
            (_, None) => false,
            (_, Some(user)) if user.admin || role >= Role::GUEST => true,
            (Visibility::Internal, Some(user)) => !user.external,
            (Visibility::Private, Some(_)) => false,
        }
    }

    /// Whether the actor can see the project.
    pub fn may_read(&self, actor: &Actor, actor_access: ActorAccess) -> bool {
        actor_access.deploy_key.is_some()
            || actor_access.deploy_token.is_some()
            || self.is_visible_to(actor.user(), role_of(actor, actor_access))
    }

    /// Whether the actor may fetch from the repository.
    pub fn may_download_code(&self, actor: &Actor, actor_access: ActorAccess) -> bool {
        self.may_download(self.repository, actor, actor_access)
    }

    /// Whether the actor may fetch from the wiki.
    pub fn may_download_wiki(&self, actor: &Actor, actor_access: ActorAccess) -> bool {
        self.may_download(self.wiki, actor, actor_access)
    }

    fn may_download(&self, feature: FeatureLevel, actor: &Actor, actor_access: ActorAccess) -> bool {
        let (user, role) = (actor.user(), role_of(actor, actor_access));
        let is_admin = user.is_some_and(|user| user.admin);
        match feature {
            FeatureLevel::Disabled => return false,
            _ if actor_access.deploy_key.is_some() => return true,
            _ if actor_access.deploy_token.is_some_and(|grant| grant.read_repository) => return true,
            FeatureLevel::Private if role < Role::GUEST && !is_admin => return false,
            FeatureLevel::Private | FeatureLevel::Enabled => {}
        }
        // A guest can see a private project, but not download its code.
        role >= Role::REPORTER || self.is_visible_to(user, Role::NONE)
    }

    /// Whether a user with `role` may push code, as far as roles decide.
    pub fn may_push_code(&self, user: &User, role: Role) -> bool {
        self.lets_push_code(user.admin, role)
    }

    /// Creates the pusher for a push by this user, or by one of their deploy keys, with this access.
    pub fn pusher<'a>(&self, user: Option<&'a User>, access: ActorAccess) -> Pusher<'a> {
        Pusher {
            user,
            role: access.role,
            may_read: self.is_visible_to(user, access.role),
            may_push_code: user.is_some_and(|user| self.may_push_code(user, access.role)),
        }
    }

    /// Like [`Self::may_push_code`], if only the role and the administrator flag of the user are known.
    pub fn lets_push_code(&self, is_admin: bool, role: Role) -> bool {
        self.repository != FeatureLevel::Disabled && (is_admin || role >= Role::DEVELOPER)
    }

    /// Whether a user with `role` may push to the wiki.
    pub fn may_push_wiki(&self, user: &User, role: Role) -> bool {
        self.wiki != FeatureLevel::Disabled && (user.admin || role >= Role::DEVELOPER)
    }

    /// Whether pushes are refused because the project is archived or marked for deletion.
    pub fn is_archived(&self) -> bool {
        self.archived || self.is_marked_for_deletion
    }

    /// Whether the project is below the namespace with this full path.
    pub fn lies_below(&self, namespace: &str) -> bool {
        strip_prefix_ignoring_case(&self.full_path, namespace).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// The role that applies to reading. A deploy key reads with its own grant, not with its owner's role.
fn role_of(actor: &Actor, actor_access: ActorAccess) -> Role {
    match actor {
        Actor::DeployKey { .. } => Role::NONE,
        _ => actor_access.role,
    }
}

//! The columns of the statement and their conversion.
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, SmallInt, Text, Timestamp};

use crate::sql::statement::statement;

use super::{ActorAndProject, FoundProject, ProjectId, Storage};
use domain::access::branch_protection::BranchProtection;
use domain::access::parse_ip_range;
use domain::actor::{Actor, Key};
use domain::project::{ActorAccess, DeployKeyGrant, GitProtocols, Project, RootNamespace};
use domain::user::{State, User, UserType};
use domain::{FeatureLevel, Role, Visibility};

statement! {
    pub(super) struct Row {
        key: Option<KeyRow>,
        user: Option<UserRow>,
        project: Option<ProjectRow>,
        namespace: NamespaceRow,
        access: ActorAccessRow,
    }
}

statement! {
    pub(super) struct KeyRow {
        id: BigInt = "k.id",
        kind: Text = "k.type",
        text: Text = "k.text",
        expires_at: Nullable<Timestamp> = "k.expires_at",
        last_used_at: Nullable<Timestamp> = "k.last_used_at",
    }
}

statement! {
    pub(super) struct UserRow {
        id: BigInt = "u.id",
        username: Nullable<Text> = "u.username",
        admin: Bool = "u.admin",
        external: Bool = "u.external",
        state: Nullable<Text> = "u.state",
        user_type: SmallInt = "u.user_type",
        confirmed: Bool = "u.confirmed",
        accepted_term_id: Nullable<BigInt> = "u.accepted_term_id",
        password_expires_at: Nullable<Timestamp> = "u.password_expires_at",
        password_managed_elsewhere: Bool = "u.password_managed_elsewhere",
        locked_at: Nullable<Timestamp> = "u.locked_at",
        last_activity_on: Nullable<Date> = "u.last_activity_on",
    }
}

statement! {
    /// State 1 of the project's own namespace is archived, 2 deletion scheduled, 4 being deleted.
    pub(super) struct ProjectRow {
        id: BigInt = "p.id",
        full_path: Text = "(SELECT path FROM routes WHERE source_type = 'Project' AND source_id = p.id)",
        visibility_level: Integer = "p.visibility_level",
        archived: Bool = "p.archived OR COALESCE(p.state = 1, false)",
        pending_delete: Bool = "p.pending_delete",
        hidden: Bool = "p.hidden",
        is_marked_for_deletion: Bool = "p.is_marked_for_deletion OR COALESCE(p.state IN (2, 4), false)",
        repository_read_only: Bool = "p.repository_read_only",
        repository_storage: Text = "p.repository_storage",
        storage_version: Nullable<SmallInt> = "p.storage_version",
        repository_access_level: Nullable<Integer> = "f.repository_access_level",
        wiki_access_level: Nullable<Integer> = "f.wiki_access_level",
    }
}

statement! {
    /// Columns of the root namespace, of all ancestors of the project (0 or 1), and of the project's own
    /// namespace.
    pub(super) struct NamespaceRow {
        root_id: Nullable<BigInt> = "above.root_id",
        any_archived: Nullable<Integer> = "above.archived",
        any_read_only: Nullable<Integer> = "above.read_only",
        root_git_protocol: Nullable<SmallInt> = "above.root_git_protocol",
        root_enforces_certificates: Nullable<Integer> = "above.root_enforces_certificates",
        root_ip_ranges: Nullable<Text> =
            "(SELECT string_agg(i.range, ',') FROM ip_restrictions i WHERE i.group_id = above.root_id)",
        branch_protection_defaults: Nullable<Text> = "above.branch_protection_defaults",
        branch_protection: Nullable<SmallInt> = "n.default_branch_protection",
    }
}

statement! {
    pub(super) struct ActorAccessRow {
        role: Nullable<Integer> =
            "(SELECT a.access_level FROM project_authorizations a WHERE a.user_id = u.id AND a.project_id = p.id \
               ORDER BY a.access_level DESC LIMIT 1)",
        /// 1 if the deploy key is enabled and may push.
        deploy_key_can_push: Nullable<Integer> =
            "CASE WHEN k.type = 'DeployKey' THEN \
               (SELECT max(CASE WHEN d.can_push THEN 1 ELSE 0 END) FROM deploy_keys_projects d \
                 WHERE d.deploy_key_id = k.id AND d.project_id = p.id) END",
        banned: Bool =
            "EXISTS (SELECT 1 FROM namespace_bans b WHERE b.namespace_id = above.root_id AND b.user_id = u.id)",
    }
}

impl Row {
    /// Whether the project's root namespace is unknown.
    pub(super) fn lacks_root(&self) -> bool {
        self.project.is_some() && self.namespace.root_id.is_none()
    }

    /// The result for a project that was requested by `id`.
    pub(super) fn into_found(self, id: &ProjectId) -> ActorAndProject {
        let Self { key, user, project, namespace, access } = self;
        let key_last_used_at = key.as_ref().and_then(|key| key.last_used_at);
        let last_activity_on = user.as_ref().and_then(|user| user.last_activity_on);
        let user = user.map(User::from);
        let actor = match key {
            Some(KeyRow { id, kind, text, expires_at, .. }) => {
                let key = Key { id, text, expires_at };
                if kind == "DeployKey" {
                    Actor::DeployKey { key, owner: user }
                } else {
                    Actor::Key { key, user }
                }
            }
            None => user.map_or(Actor::Anonymous, Actor::User),
        };
        let project = project.map(|project| project.into_found(id, &namespace, &access));
        ActorAndProject { actor, key_last_used_at, last_activity_on, project }
    }
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            username: row.username.unwrap_or_default(),
            admin: row.admin,
            external: row.external,
            state: State::from_name(row.state.as_deref()),
            user_type: UserType(row.user_type),
            confirmed: row.confirmed,
            accepted_term_id: row.accepted_term_id,
            password_expires_at: row.password_expires_at,
            password_managed_elsewhere: row.password_managed_elsewhere,
            locked_at: row.locked_at,
        }
    }
}

impl ProjectRow {
    fn into_found(self, id: &ProjectId, namespace: &NamespaceRow, access: &ActorAccessRow) -> FoundProject {
        // A path that is not the project's own is a former one.
        let redirected = match id {
            ProjectId::Path(path) => path.to_lowercase() != self.full_path.to_lowercase(),
            ProjectId::Id(_) => false,
        };
        let storage = self.storage();
        let project = Project {
            id: self.id,
            full_path: self.full_path,
            visibility: Visibility::from_level(self.visibility_level),
            repository: FeatureLevel::from_level(self.repository_access_level),
            wiki: FeatureLevel::from_level(self.wiki_access_level),
            archived: self.archived || namespace.any_archived == Some(1),
            pending_delete: self.pending_delete,
            hidden: self.hidden,
            is_marked_for_deletion: self.is_marked_for_deletion,
            repository_read_only: self.repository_read_only || namespace.any_read_only == Some(1),
            root: RootNamespace {
                id: namespace.root_id.unwrap_or_default(),
                git_protocols: GitProtocols::from_number(namespace.root_git_protocol),
                enforce_ssh_certificates: namespace.root_enforces_certificates == Some(1),
                ip_ranges: ip_ranges(namespace.root_ip_ranges.as_deref()),
            },
            branch_protection: BranchProtection::from_columns(
                Some(namespace.branch_protection_defaults.as_deref().unwrap_or("{}")),
                namespace.branch_protection.map(i32::from),
            ),
        };
        let access = ActorAccess {
            role: Role(access.role.unwrap_or_default()),
            deploy_key: access.deploy_key_can_push.map(|can_push| DeployKeyGrant { can_push: can_push == 1 }),
            deploy_token: None,
            banned: access.banned,
        };
        FoundProject { project, actor_access: access, redirected, storage }
    }

    fn storage(&self) -> Storage {
        let name = self.repository_storage.clone();
        Storage::of_project(name, self.storage_version, self.id, &self.full_path)
    }
}

/// Parses a comma-separated list. An invalid range becomes one that contains no address, so that it still
/// restricts access.
pub(crate) fn ip_ranges(text: Option<&str>) -> Vec<ipnet::IpNet> {
    let range = |text: &str| parse_ip_range(text).unwrap_or_else(|| NOWHERE.into());
    text.iter().flat_map(|text| text.split(',')).map(range).collect()
}

/// 0.0.0.0 is never the source address of a connection.
const NOWHERE: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

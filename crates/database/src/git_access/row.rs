//! The columns of the statement and their conversion.
use chrono::{NaiveDate, NaiveDateTime};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, SmallInt, Text, Timestamp};

use super::{ActorAndProject, FoundProject, Storage};
use domain::access::branch_protection::BranchProtection;
use domain::access::parse_ip_range;
use domain::actor::{Actor, Key};
use domain::project::{ActorAccess, DeployKeyGrant, GitProtocols, Project, RootNamespace};
use domain::user::{State, User, UserType};
use domain::{FeatureLevel, Role, Visibility, hashed_path};

type N<T> = Nullable<T>;
type KeyColumns = (BigInt, Text, Text, N<Timestamp>, N<Timestamp>);
type UserColumns = (
    BigInt,
    N<Text>,
    Bool,
    Bool,
    N<Text>,
    SmallInt,
    Bool,
    N<BigInt>,
    N<Timestamp>,
    Bool,
    N<Timestamp>,
    N<Date>,
);
type ProjectColumns =
    (BigInt, Text, Integer, Integer, Bool, Bool, Bool, Bool, Bool, Text, N<SmallInt>, N<Integer>, N<Integer>);
type NamespaceColumns =
    (N<BigInt>, N<Integer>, N<Integer>, N<SmallInt>, N<Bool>, N<Text>, N<Text>, N<SmallInt>);
type ActorAccessColumns = (N<Integer>, N<Integer>, Bool);
pub(super) type Columns =
    (N<KeyColumns>, N<UserColumns>, N<ProjectColumns>, NamespaceColumns, ActorAccessColumns);

#[derive(Queryable)]
pub(super) struct Row {
    key: Option<KeyRow>,
    user: Option<UserRow>,
    project: Option<ProjectRow>,
    namespace: NamespaceRow,
    standing: ActorAccessRow,
}

#[derive(Queryable)]
pub(super) struct KeyRow {
    id: i64,
    kind: String,
    text: String,
    expires_at: Option<NaiveDateTime>,
    last_used_at: Option<NaiveDateTime>,
}

#[derive(Queryable)]
pub(super) struct UserRow {
    id: i64,
    username: Option<String>,
    admin: bool,
    external: bool,
    state: Option<String>,
    user_type: i16,
    confirmed: bool,
    accepted_term_id: Option<i64>,
    password_expires_at: Option<NaiveDateTime>,
    password_managed_elsewhere: bool,
    locked_at: Option<NaiveDateTime>,
    last_activity_on: Option<NaiveDate>,
}

#[derive(Queryable)]
pub(super) struct ProjectRow {
    id: i64,
    full_path: String,
    /// How the path matched: 0 exactly or by id, 1 case-insensitively, 2 as a former path.
    step: i32,
    visibility_level: i32,
    archived: bool,
    pending_delete: bool,
    hidden: bool,
    is_marked_for_deletion: bool,
    repository_read_only: bool,
    repository_storage: String,
    storage_version: Option<i16>,
    repository_access_level: Option<i32>,
    wiki_access_level: Option<i32>,
}

/// Columns of the root namespace, of all ancestors of the project (0 or 1), and of the project's own
/// namespace.
#[derive(Queryable)]
pub(super) struct NamespaceRow {
    root_id: Option<i64>,
    any_archived: Option<i32>,
    any_read_only: Option<i32>,
    root_git_protocol: Option<i16>,
    root_enforces_certificates: Option<bool>,
    root_ip_ranges: Option<String>,
    branch_protection_defaults: Option<String>,
    branch_protection: Option<i16>,
}

#[derive(Queryable)]
pub(super) struct ActorAccessRow {
    role: Option<i32>,
    /// 1 if the deploy key is enabled and may push.
    deploy_key_can_push: Option<i32>,
    banned: bool,
}

impl Row {
    pub(super) fn into_found(self) -> ActorAndProject {
        let Self { key, user, project, namespace, standing } = self;
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
            None => user.map_or(Actor::Nobody, Actor::User),
        };
        let project = project.map(|project| project.into_found(&namespace, &standing));
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
    fn into_found(self, namespace: &NamespaceRow, standing: &ActorAccessRow) -> FoundProject {
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
                enforce_ssh_certificates: namespace.root_enforces_certificates == Some(true),
                ip_ranges: ip_ranges(namespace.root_ip_ranges.as_deref()),
            },
            branch_protection: BranchProtection::from_columns(
                Some(namespace.branch_protection_defaults.as_deref().unwrap_or("{}")),
                namespace.branch_protection.map(i32::from),
            ),
        };
        let standing = ActorAccess {
            role: Role(standing.role.unwrap_or_default()),
            deploy_key: standing
                .deploy_key_can_push
                .map(|can_push| DeployKeyGrant { can_push: can_push == 1 }),
            deploy_token: None,
            banned: standing.banned,
        };
        FoundProject { project, standing, redirected: self.step == 2, storage }
    }

    /// The project's own columns are authoritative. `project_repositories` is a copy that may be stale after
    /// a move.
    fn storage(&self) -> Storage {
        let is_hashed = self.storage_version.unwrap_or(0) >= 1;
        let disk_path = if is_hashed { hashed_path("@hashed", self.id) } else { self.full_path.clone() };
        Storage { name: self.repository_storage.clone(), disk_path }
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

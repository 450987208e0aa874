//! Groups and personal namespaces, which contain projects and group wikis.
use crate::path_name::{self, Owner, PathNameError};
use crate::project::RootNamespace;
use crate::text::strip_prefix_ignoring_case;
use crate::user::User;
use crate::{Error, Result, Role, Visibility};

/// The facts about a group or a personal namespace that decisions need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// The id of the namespace.
    pub id: i64,
    /// The paths from the root down, separated by slashes.
    pub full_path: String,
    /// A group or a personal namespace.
    pub kind: Kind,
    /// Who can see the namespace.
    pub visibility: Visibility,
    /// The namespace itself or one of its ancestors is archived.
    pub archived: bool,
    /// The namespace itself or one of its ancestors is being deleted.
    pub deleted: bool,
    /// The repositories of the namespace itself or of one of its ancestors are read-only.
    pub repository_read_only: bool,
    /// The top-level group, or the namespace itself.
    pub root: RootNamespace,
}

/// The kind of a namespace, and who may create projects in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The namespace of a user.
    Personal {
        /// The user.
        owner_id: Option<i64>,
    },
    /// A group.
    Group {
        /// Who may create projects. `None` means the default of the instance.
        project_creation_level: Option<i32>,
    },
}

/// A namespace and a user's access to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// The namespace.
    pub namespace: Namespace,
    /// The role of the user in the namespace.
    pub role: Role,
    /// The user is banned from the top-level group.
    pub banned: bool,
    /// The number of personal projects that the user may still create.
    pub projects_left: i64,
}

impl Namespace {
    /// Whether the namespace is a group.
    pub fn is_group(&self) -> bool {
        matches!(self.kind, Kind::Group { .. })
    }

    /// Whether the namespace has this full path or is below it.
    pub fn lies_in(&self, namespace: &str) -> bool {
        let rest = strip_prefix_ignoring_case(&self.full_path, namespace);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl NamespaceFacts {
    /// Whether the user can see the namespace.
    pub fn may_read(&self, user: Option<&User>) -> bool {
        match (self.namespace.visibility, user) {
            (Visibility::Public, _) => true,
            (_, None) => false,
            (_, Some(user)) if user.admin || self.role >= Role::GUEST => true,
            (Visibility::Internal, Some(user)) => !user.external,
            (Visibility::Private, Some(_)) => false,
        }
    }

    /// Whether the user may read the group's wiki.
    pub fn may_download_wiki(&self, user: Option<&User>) -> bool {
        let is_reporter = self.role >= Role::REPORTER || user.is_some_and(|user| user.admin);
        self.may_read(user) && (self.namespace.visibility != Visibility::Private || is_reporter)
    }

    /// Whether the user may write to the group's wiki.
    pub fn may_push_wiki(&self, user: &User) -> bool {
        user.admin || self.role >= Role::DEVELOPER
    }

    /// Whether the user may create a project here, as far as roles and limits decide.
    pub fn may_create_projects(&self, user: &User) -> bool {
        let Namespace { kind, archived, deleted, repository_read_only, .. } = self.namespace;
        if archived || deleted || repository_read_only {
            return false;
        }
        match kind {
            Kind::Personal { owner_id } => {
                self.projects_left > 0 && (user.admin || owner_id == Some(user.id))
            }
            Kind::Group { project_creation_level } => {
                let least = match project_creation_level {
                    Some(1) => Role::MAINTAINER,
                    Some(2) | None => Role::DEVELOPER,
                    Some(3) => Role::ADMIN,
                    Some(4) => Role::OWNER,
                    // 0 means no one, not even administrators.
                    Some(_) => return false,
                };
                user.admin || self.role >= least
            }
        }
    }
}

/// The last segment of a project's path, always valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectPath(String);

impl ProjectPath {
    /// The path segment.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for ProjectPath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match path_name::check(text, Owner::Project) {
            Ok(()) => Ok(Self(text.to_owned())),
            Err(error @ PathNameError::Reserved) => Err(Error::Invalid(format!("Path {text} {error}"))),
            Err(error) => Err(Error::Invalid(format!("Path {error}"))),
        }
    }
}

#[cfg(test)]
mod tests;

//! Groups and personal namespaces: what holds the wikis of groups, and where projects may be made.
use crate::path_name::{self, Owner, PathNameError};
use crate::project::RootNamespace;
use crate::user::User;
use crate::{Error, Result, Role, Visibility};

/// What a decision needs to know of a group or a personal namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    pub id: i64,
    pub full_path: String,
    pub kind: Kind,
    pub visibility: Visibility,
    /// Its own flag, or that of a group above it.
    pub archived: bool,
    /// It, or a group above it, is being deleted.
    pub deleted: bool,
    /// Its own flag, or that of a group above it.
    pub repository_read_only: bool,
    pub root: RootNamespace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Personal {
        owner_id: Option<i64>,
    },
    /// `project_creation_level`, GitLab's number; `None` = the installation's default.
    Group {
        project_creation_level: Option<i32>,
    },
}

/// A namespace, and how a person stands to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceFacts {
    pub namespace: Namespace,
    pub role: Role,
    /// The person is banned from the top-level group.
    pub banned: bool,
    /// How many personal projects the person may make yet.
    pub projects_left: i64,
}

impl Namespace {
    pub fn is_group(&self) -> bool {
        matches!(self.kind, Kind::Group { .. })
    }

    /// Whether it is the namespace with this full path, or lies below it.
    pub fn lies_in(&self, namespace: &str) -> bool {
        let path = self.full_path.as_bytes();
        path.get(..namespace.len()).is_some_and(|start| start.eq_ignore_ascii_case(namespace.as_bytes()))
            && matches!(path.get(namespace.len()), None | Some(b'/'))
    }
}

impl NamespaceFacts {
    pub fn may_read(&self, user: Option<&User>) -> bool {
        match (self.namespace.visibility, user) {
            (Visibility::Public, _) => true,
            (_, None) => false,
            (_, Some(user)) if user.admin || self.role >= Role::GUEST => true,
            (Visibility::Internal, Some(user)) => !user.external,
            (Visibility::Private, Some(_)) => false,
        }
    }

    pub fn may_download_wiki(&self, user: Option<&User>) -> bool {
        let is_reporter = self.role >= Role::REPORTER || user.is_some_and(|user| user.admin);
        self.may_read(user) && (self.namespace.visibility != Visibility::Private || is_reporter)
    }

    pub fn may_push_wiki(&self, user: &User) -> bool {
        user.admin || self.role >= Role::DEVELOPER
    }

    /// Whether the person may make a project here, as far as roles and limits say.
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
                    // 0 is no one, administrators neither.
                    Some(_) => return false,
                };
                user.admin || self.role >= least
            }
        }
    }
}

/// The last segment of a project's path. Valid once it exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectPath(String);

impl ProjectPath {
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

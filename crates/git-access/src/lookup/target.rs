//! The target that a request names, before it is looked up.
use database::git_access::ProjectId;
use domain::{GitPath, GlRepository};

use crate::RepositoryParam;

/// The target of a path or a `gl_repository`.
#[derive(Debug, Clone)]
pub(crate) enum LookupTarget {
    Project(ProjectId, Kind),
    Snippet(i64, SnippetScope),
    GroupWiki(i64),
}

/// The owner that the snippet must have. A snippet is not found under the path of another owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SnippetScope {
    Any,
    Person,
    /// The project with this path, current or old.
    Project(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Project,
    Wiki,
    GroupWiki,
    Design,
}

impl LookupTarget {
    pub fn from_param(named: &RepositoryParam) -> Self {
        match named {
            RepositoryParam::Id { repository, .. } => match *repository {
                GlRepository::Project(id) => Self::Project(ProjectId::Id(id), Kind::Project),
                GlRepository::Wiki(id) => Self::Project(ProjectId::Id(id), Kind::Wiki),
                GlRepository::Design(id) => Self::Project(ProjectId::Id(id), Kind::Design),
                GlRepository::Snippet(id) => Self::Snippet(id, SnippetScope::Any),
                GlRepository::GroupWiki(id) => Self::GroupWiki(id),
            },
            RepositoryParam::Path { path, .. } => match path {
                GitPath::Project(path) => Self::Project(ProjectId::Path(path.clone()), Kind::Project),
                GitPath::Wiki(path) => Self::Project(ProjectId::Path(path.clone()), Kind::Wiki),
                GitPath::Design(path) => Self::Project(ProjectId::Path(path.clone()), Kind::Design),
                GitPath::Snippet { id, project: None } => Self::Snippet(*id, SnippetScope::Person),
                GitPath::Snippet { id, project: Some(path) } => {
                    Self::Snippet(*id, SnippetScope::Project(path.clone()))
                }
            },
        }
    }
}

impl Kind {
    /// The suffix of the path before `.git`.
    pub fn suffix(self) -> Option<&'static str> {
        match self {
            Self::Project => None,
            Self::Wiki | Self::GroupWiki => Some(".wiki"),
            Self::Design => Some(".design"),
        }
    }
}

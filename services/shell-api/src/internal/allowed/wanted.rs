//! What a request names, before the database is asked.
use domain::{GitPath, GlRepository};
use storage::git_access::ProjectId;

use super::input::Named;

/// What the path or the name leads to, before the database is asked.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    Project(ProjectId, Kind),
    Snippet(i64, Owner),
    GroupWiki(i64),
}

/// Whose snippet it must be: what is meant by a path is not there under another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    Whoever,
    Person,
    /// The project with this path, or that had it.
    Project(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Project,
    Wiki,
    GroupWiki,
    Design,
}

impl Wanted {
    pub fn of(named: &Named) -> Self {
        match named {
            Named::Id { repository, .. } => match *repository {
                GlRepository::Project(id) => Self::Project(ProjectId::Id(id), Kind::Project),
                GlRepository::Wiki(id) => Self::Project(ProjectId::Id(id), Kind::Wiki),
                GlRepository::Design(id) => Self::Project(ProjectId::Id(id), Kind::Design),
                GlRepository::Snippet(id) => Self::Snippet(id, Owner::Whoever),
                GlRepository::GroupWiki(id) => Self::GroupWiki(id),
            },
            Named::Path { path, .. } => match path {
                GitPath::Project(path) => Self::Project(ProjectId::Path(path.clone()), Kind::Project),
                GitPath::Wiki(path) => Self::Project(ProjectId::Path(path.clone()), Kind::Wiki),
                GitPath::Design(path) => Self::Project(ProjectId::Path(path.clone()), Kind::Design),
                GitPath::Snippet { id, project: None } => Self::Snippet(*id, Owner::Person),
                GitPath::Snippet { id, project: Some(path) } => {
                    Self::Snippet(*id, Owner::Project(path.clone()))
                }
            },
        }
    }
}

impl Kind {
    /// Of the path, before `.git`.
    pub fn suffix(self) -> Option<&'static str> {
        match self {
            Self::Project => None,
            Self::Wiki | Self::GroupWiki => Some(".wiki"),
            Self::Design => Some(".design"),
        }
    }
}

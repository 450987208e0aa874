//! Identifiers of repositories: `project-3`, `gnuwget/wget2.git`, and the path on disk.
use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::{Error, Result, hex};

/// GitLab's internal name of a repository (`gl_repository`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GlRepository {
    /// The repository of a project.
    Project(i64),
    /// The wiki of a project.
    Wiki(i64),
    /// The designs of a project.
    Design(i64),
    /// A personal or project snippet.
    Snippet(i64),
    /// The wiki of a group.
    GroupWiki(i64),
}

impl FromStr for GlRepository {
    type Err = Error;

    /// Parses `type-id` or `container-id-type`.
    fn from_str(text: &str) -> Result<Self> {
        let invalid = || Error::Invalid(format!("Invalid GL Repository \"{text}\""));
        let parts: Vec<&str> = text.split('-').collect();
        let id = |digits: &str| match digits.parse::<i64>() {
            Ok(id) if id > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(id),
            _ => Err(invalid()),
        };
        Ok(match parts[..] {
            ["project", digits] => Self::Project(id(digits)?),
            ["wiki", digits] | ["project", digits, "wiki"] => Self::Wiki(id(digits)?),
            ["design", digits] | ["project", digits, "design"] => Self::Design(id(digits)?),
            ["snippet", digits] => Self::Snippet(id(digits)?),
            ["group", digits, "wiki"] => Self::GroupWiki(id(digits)?),
            _ => return Err(invalid()),
        })
    }
}

impl fmt::Display for GlRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Project(id) => write!(f, "project-{id}"),
            Self::Wiki(id) => write!(f, "wiki-{id}"),
            Self::Design(id) => write!(f, "design-{id}"),
            Self::Snippet(id) => write!(f, "snippet-{id}"),
            Self::GroupWiki(id) => write!(f, "group-{id}-wiki"),
        }
    }
}

/// A repository path as in `git@host:path`, parsed without a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitPath {
    /// The full path of a project.
    Project(String),
    /// The path of the project or group that has the wiki.
    Wiki(String),
    /// The path of the project that has the designs.
    Design(String),
    /// A snippet of a project, or a personal one.
    Snippet {
        /// The id of the snippet.
        id: i64,
        /// The full path of the project; `None` for a personal snippet.
        project: Option<String>,
    },
}

impl GitPath {
    /// Parses a path. One leading slash and one trailing `.git` are ignored.
    pub fn parse(text: &str) -> Self {
        let path = text.strip_prefix('/').unwrap_or(text);
        let path = path.strip_suffix(".git").unwrap_or(path);
        if let Some(project) = path.strip_suffix(".wiki") {
            return Self::Wiki(project.to_owned());
        }
        if let Some(snippet) = Self::snippet(path) {
            return snippet;
        }
        if let Some(project) = path.strip_suffix(".design") {
            return Self::Design(project.to_owned());
        }
        Self::Project(path.to_owned())
    }

    fn snippet(path: &str) -> Option<Self> {
        let (before, digits) = path.rsplit_once('/')?;
        let id = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        match before.strip_suffix("snippets")? {
            "" => Some(Self::Snippet { id, project: None }),
            project => Some(Self::Snippet { id, project: Some(project.strip_suffix('/')?.to_owned()) }),
        }
    }

    /// Whether the path has a namespace part: `group/foo` has one, `foo` does not.
    pub fn has_namespace(&self) -> bool {
        match self {
            Self::Project(path) | Self::Wiki(path) | Self::Design(path) => path.contains('/'),
            Self::Snippet { .. } => true,
        }
    }
}

/// Hashed storage: `@hashed/4e/07/4e07…` for project 3, without a suffix. `root` is `@hashed`, `@snippets` or
/// `@groups`.
pub fn hashed_path(root: &str, id: i64) -> String {
    let digits = hex(&Sha256::digest(id.to_string()));
    format!("{root}/{}/{}/{digits}", &digits[..2], &digits[2..4])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_of_gl_repository() {
        for (text, repository) in [
            ("project-7", GlRepository::Project(7)),
            ("wiki-7", GlRepository::Wiki(7)),
            ("project-7-wiki", GlRepository::Wiki(7)),
            ("design-7", GlRepository::Design(7)),
            ("snippet-3", GlRepository::Snippet(3)),
            ("group-3-wiki", GlRepository::GroupWiki(3)),
        ] {
            assert_eq!(text.parse(), Ok(repository), "{text}");
        }
        for text in [
            "",
            "foo",
            "project",
            "project-",
            "project-x",
            "project-0",
            "project--1",
            "project-+1",
            "project-1-2",
            "project-99999999999999999999",
            "group-3",
            "wiki-3-wiki",
        ] {
            let error = Error::Invalid(format!("Invalid GL Repository \"{text}\""));
            assert_eq!(text.parse::<GlRepository>(), Err(error));
        }
    }

    #[test]
    fn reads_every_form_of_path() {
        let project = |path: &str| GitPath::Project(path.to_owned());
        for (text, path) in [
            ("grp/p", project("grp/p")),
            ("/grp/p.git", project("grp/p")),
            ("grp/p.git.git", project("grp/p.git")),
            ("//grp/p", project("/grp/p")),
            ("grp/p.wiki.git", GitPath::Wiki("grp/p".to_owned())),
            ("grp/p.design", GitPath::Design("grp/p".to_owned())),
            ("snippets/9.git", GitPath::Snippet { id: 9, project: None }),
            ("grp/p/snippets/8", GitPath::Snippet { id: 8, project: Some("grp/p".to_owned()) }),
            ("grp/mysnippets/8", project("grp/mysnippets/8")),
            ("snippets/x", project("snippets/x")),
        ] {
            assert_eq!(GitPath::parse(text), path, "{text}");
        }
    }

    #[test]
    fn hashes_as_gitlab_does() {
        let hash = "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce";
        assert_eq!(hashed_path("@hashed", 3), format!("@hashed/4e/07/{hash}"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = GitPath::parse(&text);
            if let Ok(repository) = text.parse::<GlRepository>() {
                proptest::prop_assert_eq!(repository.to_string().parse(), Ok(repository));
            }
        }
    }
}

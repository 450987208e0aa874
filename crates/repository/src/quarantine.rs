//! Objects of a push that has not been accepted lie apart; git tells its hooks where.
use std::path::{Component, Path};

use serde::Deserialize;

/// Object directories of a push, relative to the repository and inside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quarantine {
    /// Where Gitaly has the repository while the push runs, relative to the storage: it may be a snapshot.
    pub relative_path: Option<String>,
    /// Where the new objects lie.
    pub object_directory: Option<String>,
    pub alternates: Vec<String>,
}

/// A directory outside the repository, or a repository outside the storage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a path leads out")]
pub struct InvalidQuarantine;

#[derive(Default, Deserialize)]
struct Env {
    #[serde(rename = "GIT_OBJECT_DIRECTORY_RELATIVE")]
    object_directory: Option<String>,
    #[serde(rename = "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE")]
    alternates: Option<Vec<String>>,
}

impl Quarantine {
    /// Reads the JSON text that Gitaly sends as `env`. What is not JSON says nothing.
    pub fn parse(env: &str) -> Result<Self, InvalidQuarantine> {
        let env: Env = serde_json::from_str(env).unwrap_or_default();
        let quarantine = Self {
            relative_path: None,
            object_directory: env.object_directory.filter(|path| !path.is_empty()),
            alternates: env
                .alternates
                .unwrap_or_default()
                .into_iter()
                .filter(|path| !path.is_empty())
                .collect(),
        };
        let mut paths = quarantine.object_directory.iter().chain(&quarantine.alternates);
        if paths.all(|path| stays_inside(path)) { Ok(quarantine) } else { Err(InvalidQuarantine) }
    }

    /// The same, in the repository at this path.
    pub fn in_repository(self, relative_path: Option<String>) -> Result<Self, InvalidQuarantine> {
        let relative_path = relative_path.filter(|path| !path.is_empty());
        if relative_path.as_deref().is_none_or(stays_inside) {
            Ok(Self { relative_path, ..self })
        } else {
            Err(InvalidQuarantine)
        }
    }
}

/// No root, no way up, and nothing that would end one entry of git's list of directories and begin another.
fn stays_inside(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        && !path.contains([':', '"', '\n', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_gitaly_sends() {
        let env = r#"{"GIT_OBJECT_DIRECTORY_RELATIVE":"objects/incoming-x","GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE":["objects"],"HOME":"/"}"#;
        let expected = Quarantine {
            relative_path: None,
            object_directory: Some("objects/incoming-x".to_owned()),
            alternates: vec!["objects".to_owned()],
        };
        assert_eq!(Quarantine::parse(env), Ok(expected));
        let none = r#"{"GIT_OBJECT_DIRECTORY_RELATIVE":"","GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE":null}"#;
        for text in [none, "{}", "", "no json", "[]"] {
            assert_eq!(Quarantine::parse(text), Ok(Quarantine::default()), "{text}");
        }
    }

    #[test]
    fn nothing_leads_out() {
        for path in ["../../etc", "/etc", "objects/../../x", "objects:/etc", "a\\u0000b"] {
            let one = format!(r#"{{"GIT_OBJECT_DIRECTORY_RELATIVE":"{path}"}}"#);
            let many = format!(r#"{{"GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE":["objects","{path}"]}}"#);
            assert_eq!(Quarantine::parse(&one), Err(InvalidQuarantine), "{path}");
            assert_eq!(Quarantine::parse(&many), Err(InvalidQuarantine), "{path}");
            let elsewhere = Quarantine::default().in_repository(Some(path.replace("\\u0000", "\0")));
            assert_eq!(elsewhere, Err(InvalidQuarantine), "{path}");
        }
    }
}

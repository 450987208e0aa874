//! The quarantine: where the objects of a push are before it is accepted.
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

const OBJECT_DIRECTORY: &str = "GIT_OBJECT_DIRECTORY_RELATIVE";
const ALTERNATES: &str = "GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE";

/// The object directories of a push, as Gitaly's hook names them.
///
/// Directories are relative to the repository at `relative_path`. They may be outside that repository, but not
/// outside the storage: the objects of a change by GitLab itself are in `+gitaly/tmp/quarantine-…`, and those of a
/// transaction are beside its snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quarantine {
    /// The repository as the hook sees it, relative to the storage: the project's own path, the path of a replica of
    /// a Gitaly Cluster, or the snapshot of a transaction.
    pub relative_path: Option<String>,
    /// The directory of the new objects.
    pub object_directory: Option<String>,
    /// Further directories of objects.
    pub alternates: Vec<String>,
}

/// A parameter of the hook that names a path outside the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuarantine {
    /// A directory of `env`.
    #[error("env is invalid")]
    Env,
    /// The repository itself.
    #[error("relative_path is invalid")]
    RelativePath,
}

impl Quarantine {
    /// Reads the parameters `env`, a JSON object in a string, and `relative_path`. Text that is not a JSON object
    /// counts as an empty object.
    pub fn parse(env: &str, relative_path: Option<String>) -> Result<Self, InvalidQuarantine> {
        let env: Value = serde_json::from_str(env).unwrap_or_default();
        let quarantine = Self {
            relative_path: relative_path.filter(|path| !path.is_empty()),
            object_directory: directory(&env[OBJECT_DIRECTORY])?,
            alternates: match &env[ALTERNATES] {
                Value::Null => Vec::new(),
                Value::Array(list) => {
                    let directories: Result<Vec<_>, _> = list.iter().map(directory).collect();
                    directories?.into_iter().flatten().collect()
                }
                _ => return Err(InvalidQuarantine::Env),
            },
        };
        if let Some(path) = &quarantine.relative_path {
            let is_plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
            if !is_printable(path)
                || !Path::new(path).components().all(is_plain)
                || normalise(Path::new(path)).is_none()
            {
                return Err(InvalidQuarantine::RelativePath);
            }
            quarantine.check_inside_storage(path)?;
        }
        Ok(quarantine)
    }

    /// Checks that every directory is inside the storage, and not the storage itself. `own_path` is the path of the
    /// repository that the database knows; it counts where the hook sent no `relative_path`.
    pub fn check_inside_storage(&self, own_path: &str) -> Result<(), InvalidQuarantine> {
        let repository = Path::new(self.relative_path.as_deref().unwrap_or(own_path));
        let mut directories = self.object_directory.iter().chain(&self.alternates);
        let all_inside = directories.all(|directory| normalise(&repository.join(directory)).is_some());
        if all_inside { Ok(()) } else { Err(InvalidQuarantine::Env) }
    }
}

/// A directory of `env`; `None` for `null` and for an empty string.
fn directory(value: &Value) -> Result<Option<String>, InvalidQuarantine> {
    match value {
        Value::Null => Ok(None),
        Value::String(path) if path.is_empty() => Ok(None),
        Value::String(path) if is_printable(path) && !path.starts_with('/') => Ok(Some(path.clone())),
        _ => Err(InvalidQuarantine::Env),
    }
}

/// Whether a path has no character that ends one entry of git's list of directories and begins another.
fn is_printable(path: &str) -> bool {
    !path.contains([':', '"', '\n', '\0'])
}

/// Resolves `.` and `..` in a path that is relative to the storage. `None` if it is absolute, leaves the storage or is
/// the storage itself.
pub(crate) fn normalise(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => normal.push(name),
            Component::CurDir => {}
            Component::ParentDir if normal.pop() => {}
            _ => return None,
        }
    }
    Some(normal).filter(|path| !path.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const HASHED: &str = "@hashed/4e/07/4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce.git";
    const REPLICA: &str = "@cluster/repositories/d4/73/2";
    const SNAPSHOT: &str = "staging/4266223336/3333771689/snapshot/@hashed/18/b2/18b2.git";

    fn parse(
        objects: &str,
        alternates: &[&str],
        path: Option<&str>,
    ) -> Result<Quarantine, InvalidQuarantine> {
        let env = json!({ OBJECT_DIRECTORY: objects, ALTERNATES: alternates });
        Quarantine::parse(&env.to_string(), path.map(ToOwned::to_owned))
    }

    #[test]
    fn environments_of_all_hooks_are_accepted() {
        for (path, objects, alternates) in [
            (HASHED, "objects/tmp_objdir-incoming-gXEyck", &["objects"][..]),
            (HASHED, "../../../../+gitaly/tmp/quarantine-01329a0c48d21e17-2879632661", &["objects"]),
            (REPLICA, "../../../../../+gitaly/tmp/quarantine-74f834bf97c6335f-814974670", &["objects"]),
            (
                SNAPSHOT,
                "../../../../../quarantine/tmp_objdir-incoming-gXEyck",
                &["objects", "../../../../../quarantine"],
            ),
        ] {
            let expected = Quarantine {
                relative_path: Some(path.to_owned()),
                object_directory: Some(objects.to_owned()),
                alternates: alternates.iter().map(ToString::to_string).collect(),
            };
            assert_eq!(parse(objects, alternates, Some(path)), Ok(expected));
            let without_path = parse(objects, alternates, None).unwrap();
            assert_eq!(without_path.check_inside_storage(path), Ok(()));
        }
    }

    #[test]
    fn environments_without_a_quarantine_are_empty() {
        let none = r#"{"GIT_OBJECT_DIRECTORY_RELATIVE":"","GIT_ALTERNATE_OBJECT_DIRECTORIES_RELATIVE":null}"#;
        for text in [none, "{}", "", "no json", "[]", "5", r#"{"HOME":"/"}"#] {
            assert_eq!(Quarantine::parse(text, None), Ok(Quarantine::default()), "{text}");
            assert_eq!(Quarantine::parse(text, Some(String::new())), Ok(Quarantine::default()), "{text}");
        }
    }

    #[test]
    fn directories_outside_the_storage_are_refused() {
        for path in [
            "../../../../../etc",
            "../../../..",
            "../../../../",
            "../../../../../../../../etc",
            "objects/../../../../../../x",
            "../../../../../storage/x",
            "/etc",
            "/srv/x",
            "objects:/etc",
            "a\0b",
            "a\nb",
            "\"a\"",
        ] {
            for (objects, alternates) in [(path, &["objects"][..]), ("objects", &["objects", path])] {
                let with_path = parse(objects, alternates, Some(HASHED));
                assert_eq!(with_path, Err(InvalidQuarantine::Env), "{path:?}");
                let without_path = parse(objects, alternates, None);
                let checked = without_path.and_then(|parsed| parsed.check_inside_storage(HASHED));
                assert_eq!(checked, Err(InvalidQuarantine::Env), "{path:?}");
            }
        }
    }

    #[test]
    fn values_of_another_type_are_refused() {
        for env in [
            json!({ OBJECT_DIRECTORY: 5 }),
            json!({ OBJECT_DIRECTORY: ["objects"] }),
            json!({ ALTERNATES: "objects" }),
            json!({ ALTERNATES: [5] }),
            json!({ ALTERNATES: { "0": "objects" } }),
        ] {
            assert_eq!(Quarantine::parse(&env.to_string(), None), Err(InvalidQuarantine::Env), "{env}");
        }
    }

    #[test]
    fn repositories_outside_the_storage_are_refused() {
        for path in ["../x", "/x", "a/../x", "a/../../x.git", ".", "./", "..", "a\0b", "a\nb", "a:b"] {
            let parsed = Quarantine::parse("{}", Some(path.to_owned()));
            assert_eq!(parsed, Err(InvalidQuarantine::RelativePath), "{path:?}");
        }
    }

    proptest! {
        /// The file system also resolves every accepted path to one inside the storage.
        #[test]
        fn accepted_directories_are_below_the_storage(
            path in "(\\.\\.|\\.|a|/){0,9}", own in "[a-c](/[a-c]){0,4}",
        ) {
            let Ok(parsed) = parse(&path, &[], Some(&own)) else { return Ok(()) };
            let Some(directory) = parsed.object_directory else { return Ok(()) };
            let mut depth = 0_i32;
            for part in own.split('/').chain(directory.split('/')) {
                match part {
                    ".." => depth -= 1,
                    "" | "." => {}
                    _ => depth += 1,
                }
                prop_assert!(depth >= 0, "{} {}", own, directory);
            }
            prop_assert!(depth > 0, "{} {}", own, directory);
        }
    }
}

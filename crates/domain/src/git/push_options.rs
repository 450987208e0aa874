//! Push options: `git push -o ci.skip -o merge_request.label=a`.
use serde_json::{Map, Value, json};

/// The options of a push by namespace and key, in the format of GitLab's jobs. Unknown options are skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushOptions(Map<String, Value>);

/// The namespaces and their keys. The second list has the repeatable keys, whose values are counted.
const KNOWN: &[(&str, &[&str], &[&str])] = &[
    (
        "merge_request",
        &[
            "create",
            "description",
            "draft",
            "merge_when_pipeline_succeeds",
            "auto_merge",
            "milestone",
            "remove_source_branch",
            "squash",
            "target",
            "target_project",
            "title",
        ],
        &["assign", "label", "unassign", "unlabel"],
    ),
    ("ci", &["skip", "no_pipeline"], &["variable", "input"]),
    ("integrations", &["skip_ci"], &[]),
    ("secret_detection", &["skip_all"], &[]),
    ("secret_push_protection", &["skip_all"], &[]),
    ("security_policy", &["bypass_reason"], &[]),
];

impl PushOptions {
    /// Parses `<namespace>.<key>[=<value>]` as GitLab does: leading dots are skipped, each part is trimmed, and a value
    /// that is missing or blank is `true`. `mr` is short for `merge_request`.
    pub fn parse<T: AsRef<str>>(options: impl IntoIterator<Item = T>) -> Self {
        let mut parsed = Map::new();
        for option in options {
            let Some((namespace, rest)) = option.as_ref().trim().trim_start_matches('.').split_once('.')
            else {
                continue;
            };
            let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
            let (key, value) = (key.trim(), value.trim());
            let namespace = match namespace.trim() {
                "mr" => "merge_request",
                namespace => namespace,
            };
            let Some((_, single, repeated)) = KNOWN.iter().find(|(known, ..)| *known == namespace) else {
                continue;
            };
            let many = repeated.contains(&key);
            if !many && !single.contains(&key) {
                continue;
            }
            let entry = parsed.entry(namespace).or_insert_with(|| json!({}));
            if many {
                let counts = &mut entry[key];
                let word = if value.is_empty() { "true" } else { value };
                let count = counts.get(word).and_then(Value::as_u64).unwrap_or(0).saturating_add(1);
                counts[word] = json!(count);
            } else {
                entry[key] =
                    if value.is_empty() { Value::Bool(true) } else { Value::String(value.to_owned()) };
            }
        }
        Self(parsed)
    }

    /// The options of one namespace, such as `ci`.
    pub fn get(&self, namespace: &str) -> Option<&Map<String, Value>> {
        self.0.get(namespace)?.as_object()
    }

    /// The options as the job after a push gets them.
    pub fn to_json(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

/// Why merge-request push options are refused.
pub mod refusals {
    /// Branches of one push that may become merge requests.
    const MAX_BRANCHES: usize = 10;

    /// The pusher is unknown.
    pub const USER: &str = "User is required";
    /// The repository or the database did not respond.
    pub const NOT_NOW: &str = "Merge request push options could not be processed right now";
    /// The repository is a wiki or a snippet.
    pub const ONLY_PROJECTS: &str = "Push options are only supported for projects";

    /// Merge requests are disabled in the project.
    pub fn not_enabled(path: &str) -> String {
        format!("Merge requests are not enabled for project {path}")
    }

    /// The message for too many branches, or `None` up to the limit.
    pub fn too_many(branches: usize) -> Option<String> {
        (branches > MAX_BRANCHES)
            .then(|| format!("Too many branches pushed ({branches} were pushed, limit is {MAX_BRANCHES})"))
    }

    /// The target branch does not exist.
    pub fn no_target(path: &str, branch: &str) -> String {
        format!("Target branch {path}:{branch} does not exist")
    }

    /// There is no open merge request to change.
    pub fn create_is_missing(branch: &str) -> String {
        format!(
            "A merge_request.create push option is required to create a merge request for branch {branch}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_known_options() {
        let options = PushOptions::parse([
            "ci.skip",
            "mr.create",
            "merge_request.label=a",
            "merge_request.label=a",
            "mr.label=b=c",
            "mr.target=main",
            "ci.unknown",
            "nonsense",
            "",
            "x.y=z",
            "ci.variable=A=1",
        ]);
        let expected = json!({
            "ci": { "skip": true, "variable": { "A=1": 1 } },
            "merge_request": { "create": true, "label": { "a": 2, "b=c": 1 }, "target": "main" },
        });
        assert_eq!(options.to_json(), expected);
    }

    #[test]
    fn trims_values_and_reads_blank_ones_as_true() {
        let options = PushOptions::parse([
            "ci.skip=",
            " mr.title = A b ",
            "mr.label=",
            "mr.label=\t",
            "mr.create= ",
            ".ci.no_pipeline",
            "..integrations.skip_ci",
            "ci.skip.x",
            "ci.variable=A=1",
            "ci . variable = A=1 ",
            ". mr.target=x",
            "mr.draft\n",
        ]);
        let expected = json!({
            "ci": { "skip": true, "no_pipeline": true, "variable": { "A=1": 2 } },
            "integrations": { "skip_ci": true },
            "merge_request": {
                "title": "A b", "label": { "true": 2 }, "create": true, "target": "x", "draft": true,
            },
        });
        assert_eq!(options.to_json(), expected);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(options in proptest::collection::vec("\\PC*|(ci|mr)\\.(skip|label|variable)=?\\PC*", 0..5)) {
            let _ = PushOptions::parse(options.iter().map(String::as_str));
        }
    }
}

//! The access that an agent's configuration grants: projects and groups whose CI jobs or members may use its cluster.
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::json::{Json, without_nul};
use crate::text::fold;
use crate::{Error, Result};

/// The number of entries of a list that are used.
pub const MAX_ENTRIES: usize = 500;

/// The stored configuration of each grant, as JSON text, by full path in lower case. Grants with the same
/// configuration share its text, which can have 10 MiB.
pub type Grants = BTreeMap<String, Arc<str>>;

/// The grants of one agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentConfiguration {
    /// Projects whose CI jobs may use the cluster.
    pub ci_projects: Grants,
    /// Groups whose CI jobs may use the cluster.
    pub ci_groups: Grants,
    /// The configuration of the grant to CI jobs of the whole organization, as JSON text.
    pub ci_instance: Option<String>,
    /// Projects whose members may use the cluster.
    pub user_projects: Grants,
    /// Groups whose members may use the cluster.
    pub user_groups: Grants,
}

impl AgentConfiguration {
    /// Reads the configuration that kas sends. A list that cannot be read is an error: it must not remove
    /// grants. U+0000, which PostgreSQL cannot store, is removed from what is used.
    pub fn parse(config: Json<'_>) -> Result<Self> {
        if !config.is_object() {
            return Err(invalid());
        }
        let (ci, user) = (section(config, "ci_access")?, section(config, "user_access")?);
        let access_as = user.and_then(|user| present(user, "access_as"));
        let shared: Arc<str> = access_as
            .map_or_else(|| "{}".into(), |value| storable(&format!("{{\"access_as\":{}}}", value.as_json())));
        let own = |entry: Json<'_>| storable(&entry.without_field("id"));
        let instance = ci.and_then(|ci| ci.get("instance")).filter(|instance| instance.is_object());
        Ok(Self {
            ci_projects: grants(ci, "projects", own)?,
            ci_groups: grants(ci, "groups", own)?,
            ci_instance: instance.map(|instance| without_nul(instance.as_json()).into_owned()),
            user_projects: grants(user, "projects", |_| Arc::clone(&shared))?,
            user_groups: grants(user, "groups", |_| Arc::clone(&shared))?,
        })
    }
}

fn storable(json: &str) -> Arc<str> {
    without_nul(json).as_ref().into()
}

fn invalid() -> Error {
    Error::Invalid("agent_config".to_owned())
}

/// A member that is not null.
fn present<'a>(object: Json<'a>, name: &str) -> Option<Json<'a>> {
    object.get(name).filter(|value| !value.is_null())
}

fn section<'a>(config: Json<'a>, name: &str) -> Result<Option<Json<'a>>> {
    let section = present(config, name);
    if section.is_some_and(|section| !section.is_object()) { Err(invalid()) } else { Ok(section) }
}

/// The first entries of a list. Of entries with the same path the last one is used; entries without a path are skipped.
fn grants(section: Option<Json<'_>>, name: &str, config: impl Fn(Json<'_>) -> Arc<str>) -> Result<Grants> {
    let Some(list) = section.and_then(|section| present(section, name)) else { return Ok(Grants::new()) };
    let entries = list.items().ok_or_else(invalid)?.take(MAX_ENTRIES).filter(|entry| entry.is_object());
    let grant = |entry: Json<'_>| {
        let path = entry.get("id").and_then(Json::as_str)?;
        Some((fold(&path.replace('\0', "")), config(entry)))
    };
    Ok(entries.filter_map(grant).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parse(config: &Value) -> Result<AgentConfiguration> {
        AgentConfiguration::parse(Json::parse(config.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn last_entry_with_the_same_path_is_used() {
        let projects = json!([
            { "id": "Acme/App", "default_namespace": "a" },
            { "id": "acme/app", "default_namespace": "b" },
            {},
            7,
        ]);
        let config = parse(&json!({ "ci_access": { "projects": projects, "instance": {} } }));
        let expected = Grants::from([("acme/app".to_owned(), r#"{"default_namespace":"b"}"#.into())]);
        let instance = Some("{}".to_owned());
        let expected =
            AgentConfiguration { ci_projects: expected, ci_instance: instance, ..Default::default() };
        assert_eq!(config, Ok(expected));
    }

    #[test]
    fn user_grants_share_access_as() {
        let access = json!({
            "projects": [{ "id": "a", "x": 1 }], "groups": [{ "id": "g" }], "access_as": { "agent": {} },
        });
        let config = parse(&json!({ "user_access": access })).unwrap();
        let expected = r#"{"access_as":{"agent":{}}}"#;
        assert_eq!((&*config.user_projects["a"], &*config.user_groups["g"]), (expected, expected));
        assert!(Arc::ptr_eq(&config.user_projects["a"], &config.user_groups["g"]));
        let config = parse(&json!({ "user_access": { "projects": [{ "id": "a" }] } })).unwrap();
        assert_eq!(&*config.user_projects["a"], "{}");
    }

    #[test]
    fn unreadable_list_is_an_error() {
        for config in [
            json!({ "ci_access": [] }),
            json!({ "ci_access": { "projects": {} } }),
            json!({ "user_access": "x" }),
            json!([]),
        ] {
            assert_eq!(parse(&config), Err(invalid()), "{config}");
        }
        let empty = json!({ "ci_access": null, "user_access": { "groups": null }, "gitops": 7 });
        assert_eq!(parse(&empty), Ok(AgentConfiguration::default()));
    }

    #[test]
    fn nul_is_removed_from_what_is_used() {
        let config = parse(&json!({
            "ci_access\0": "x",
            "ci_access": {
                "projects": [{ "id": "a\0/b", "k\0": ["\0v"] }], "projects\0": 7, "instance": { "n": "\0" },
            },
            "user_access": { "groups": [{ "id": "g", "x": "\0" }], "access_as": { "agent": { "\0": "\0" } } },
        }));
        let one = |path: &str, config: &str| Grants::from([(path.to_owned(), config.into())]);
        let expected = AgentConfiguration {
            ci_projects: one("a/b", r#"{"k":["v"]}"#),
            ci_instance: Some(r#"{"n":""}"#.to_owned()),
            user_groups: one("g", r#"{"access_as":{"agent":{"":""}}}"#),
            ..Default::default()
        };
        assert_eq!(config, Ok(expected));
    }

    #[test]
    fn entries_after_the_first_500_are_ignored() {
        let many: Vec<_> = (0..600).map(|n| json!({ "id": n.to_string() })).collect();
        let config = parse(&json!({ "ci_access": { "groups": many } })).unwrap();
        assert_eq!(config.ci_groups.len(), MAX_ENTRIES);
    }
}

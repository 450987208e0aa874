//! What an agent's configuration grants: which projects and groups may reach its cluster, from jobs or as people.
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{Error, Result};

/// So many entries of a list count.
const LONGEST: usize = 500;

/// By full path in lower case: what is kept beside the grant.
pub type Grants = BTreeMap<String, Value>;

/// The grants of one agent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentConfiguration {
    pub ci_projects: Grants,
    pub ci_groups: Grants,
    /// Jobs of the whole organization.
    pub ci_instance: Option<Value>,
    pub user_projects: Grants,
    pub user_groups: Grants,
}

impl AgentConfiguration {
    /// Reads what kas sends. What has another shape is refused: a list that cannot be read must not take grants away.
    pub fn parse(config: &Map<String, Value>) -> Result<Self> {
        let (ci, user) = (section(config, "ci_access")?, section(config, "user_access")?);
        let access_as = user.and_then(|user| user.get("access_as")).filter(|access_as| !access_as.is_null());
        let shared = access_as.map_or_else(|| json!({}), |access_as| json!({ "access_as": access_as }));
        let own = |entry: &Map<String, Value>| {
            let mut config = entry.clone();
            config.remove("id");
            Value::Object(config)
        };
        Ok(Self {
            ci_projects: grants(ci, "projects", own)?,
            ci_groups: grants(ci, "groups", own)?,
            ci_instance: ci
                .and_then(|ci| ci.get("instance"))
                .filter(|instance| instance.is_object())
                .cloned(),
            user_projects: grants(user, "projects", |_| shared.clone())?,
            user_groups: grants(user, "groups", |_| shared.clone())?,
        })
    }
}

fn invalid() -> Error {
    Error::Invalid("agent_config".to_owned())
}

fn section<'a>(config: &'a Map<String, Value>, name: &str) -> Result<Option<&'a Map<String, Value>>> {
    match config.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(section) => section.as_object().map(Some).ok_or_else(invalid),
    }
}

/// Of entries with the same path the last counts; those without one are passed over.
fn grants(
    section: Option<&Map<String, Value>>,
    name: &str,
    kept: impl Fn(&Map<String, Value>) -> Value,
) -> Result<Grants> {
    let entries = match section.and_then(|section| section.get(name)) {
        None | Some(Value::Null) => return Ok(Grants::new()),
        Some(entries) => entries.as_array().ok_or_else(invalid)?,
    };
    let objects = entries.iter().take(LONGEST).filter_map(Value::as_object);
    Ok(objects.filter_map(|entry| Some((entry.get("id")?.as_str()?.to_lowercase(), kept(entry)))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(config: &Value) -> Result<AgentConfiguration> {
        AgentConfiguration::parse(config.as_object().unwrap())
    }

    #[test]
    fn the_last_of_the_same_path_counts() {
        let config = parse(&json!({ "ci_access": {
            "projects": [{ "id": "Acme/App", "default_namespace": "a" }, { "id": "acme/app", "default_namespace": "b" }, {}, 7],
            "instance": {},
        } }));
        let expected = Grants::from([("acme/app".to_owned(), json!({ "default_namespace": "b" }))]);
        let instance = Some(json!({}));
        assert_eq!(
            config,
            Ok(AgentConfiguration { ci_projects: expected, ci_instance: instance, ..Default::default() })
        );
    }

    #[test]
    fn people_get_what_stands_beside_the_lists() {
        let lists = json!({ "projects": [{ "id": "a", "x": 1 }], "groups": [{ "id": "g" }], "access_as": { "agent": {} } });
        let config = parse(&json!({ "user_access": lists })).unwrap();
        let expected = json!({ "access_as": { "agent": {} } });
        assert_eq!((&config.user_projects["a"], &config.user_groups["g"]), (&expected, &expected));
        let config = parse(&json!({ "user_access": { "projects": [{ "id": "a" }] } })).unwrap();
        assert_eq!(config.user_projects["a"], json!({}));
    }

    #[test]
    fn what_cannot_be_read_takes_nothing_away() {
        for config in [
            json!({ "ci_access": [] }),
            json!({ "ci_access": { "projects": {} } }),
            json!({ "user_access": "x" }),
        ] {
            assert_eq!(parse(&config), Err(invalid()), "{config}");
        }
        let nothing = json!({ "ci_access": null, "user_access": { "groups": null }, "gitops": 7 });
        assert_eq!(parse(&nothing), Ok(AgentConfiguration::default()));
        let many: Vec<_> = (0..600).map(|n| json!({ "id": n.to_string() })).collect();
        assert_eq!(parse(&json!({ "ci_access": { "groups": many } })).unwrap().ci_groups.len(), LONGEST);
    }
}

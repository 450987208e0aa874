//! The selection of attributes for a response (RFC 7644 §3.9).
use crate::{GROUP, Node, USER};

/// The attributes to include or to exclude. `id` and `schemas` are always included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    names: Vec<String>,
    excludes: bool,
}

impl Selection {
    /// Creates a selection. If both lists have names, `attributes` takes precedence.
    pub fn new(attributes: &[String], excluded: &[String]) -> Self {
        let names =
            |list: &[String]| list.iter().map(|name| plain(name)).filter(|name| !name.is_empty()).collect();
        let asked: Vec<String> = names(attributes);
        if asked.is_empty() {
            Self { names: names(excluded), excludes: true }
        } else {
            Self { names: asked, excludes: false }
        }
    }

    /// Whether the request selects attributes.
    pub fn is_given(&self) -> bool {
        !self.names.is_empty()
    }

    /// Whether the selection includes an attribute. `name` is in lower case.
    pub fn includes(&self, name: &str) -> bool {
        let is_named = |selected: &String| {
            selected == name
                || (!self.excludes && selected.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
        };
        !self.is_given() || self.names.iter().any(is_named) != self.excludes
    }

    /// Removes the attributes that are not selected from a resource.
    pub fn select(&self, resource: Node) -> Node {
        match resource {
            Node::Object(members) if self.is_given() => {
                let kept = members.into_iter().filter_map(|(key, node)| {
                    if ["id", "schemas"].contains(&key) {
                        return Some((key, node));
                    }
                    self.part(&key.to_ascii_lowercase(), node).map(|node| (key, node))
                });
                Node::Object(kept.collect())
            }
            other => other,
        }
    }

    /// Returns the selected part of a member.
    fn part(&self, key: &str, node: Node) -> Option<Node> {
        // The flat key of GitLab's format consists of a name and its sub-attribute.
        let parent = key.split_once('.').map_or(key, |(parent, _)| parent);
        let whole = self.names.iter().any(|name| name == key || name == parent);
        if whole {
            return (!self.excludes).then_some(node);
        }
        let subs: Vec<&str> =
            self.names.iter().filter_map(|name| name.strip_prefix(key)?.strip_prefix('.')).collect();
        if subs.is_empty() {
            return self.excludes.then_some(node);
        }
        Some(self.within(&subs, node))
            .filter(|node| !matches!(node, Node::Object(members) if members.is_empty()))
    }

    fn within(&self, subs: &[&str], node: Node) -> Node {
        match node {
            Node::Object(members) => {
                let is_named = |key: &str| subs.iter().any(|sub| sub.eq_ignore_ascii_case(key));
                Node::Object(members.into_iter().filter(|(key, _)| is_named(key) != self.excludes).collect())
            }
            Node::List(nodes) => Node::List(nodes.into_iter().map(|node| self.within(subs, node)).collect()),
            other => other,
        }
    }
}

/// Strips the URN and brackets from a name, and converts it to lower case.
fn plain(name: &str) -> String {
    let mut name = name.trim().to_owned();
    if let Some(start) = name.find('[') {
        let end = name.rfind(']').map_or(name.len(), |end| end + 1);
        name.replace_range(start..end.max(start), "");
    }
    let urn = [USER, GROUP]
        .into_iter()
        .find(|urn| name.get(..urn.len()).is_some_and(|start| start.eq_ignore_ascii_case(urn)));
    let rest = urn.map_or(name.as_str(), |urn| name[urn.len()..].trim_start_matches(':'));
    rest.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(asked: &[&str], excluded: &[&str]) -> String {
        let name = Node::Object(vec![("formatted", "F".into()), ("givenName", "G".into())]);
        let emails = Node::List(vec![Node::Object(vec![("value", "v".into()), ("type", "t".into())])]);
        let user = Node::Object(vec![
            ("schemas", Node::List(vec![])),
            ("id", "1".into()),
            ("name", name),
            ("emails", emails),
            ("active", true.into()),
        ]);
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        serde_json::to_string(&Selection::new(&owned(asked), &owned(excluded)).select(user)).unwrap()
    }

    #[test]
    fn requested_attributes_are_included() {
        let always = r#"{"schemas":[],"id":"1""#;
        for (asked, rest) in [
            (vec!["NAME.givenname"], r#","name":{"givenName":"G"}}"#),
            (
                vec!["emails[type eq \"work\"].value", " active "],
                r#","emails":[{"value":"v"}],"active":true}"#,
            ),
            (vec!["urn:ietf:params:scim:schemas:core:2.0:User:active"], r#","active":true}"#),
            (vec!["nothing"], "}"),
        ] {
            assert_eq!(keys(&asked, &["active"]), format!("{always}{rest}"));
        }
    }

    #[test]
    fn excluded_attributes_are_absent() {
        let expected = r#"{"schemas":[],"id":"1","name":{"formatted":"F"},"active":true}"#;
        assert_eq!(keys(&[], &["id", "emails", "name.givenName", "nothing"]), expected);
        assert!(keys(&[], &[]).contains("emails"));
    }
}

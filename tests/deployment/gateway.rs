//! The routes of a Gateway, matched by the rules of the Gateway API: an exact path first, then the longest
//! prefix.
use regex::Regex;
use serde_json::Value;

use crate::rendered::{Rendered, list, text};

#[derive(Debug)]
enum Match {
    Exact(String),
    Prefix(String),
    /// A regular expression that matches the whole path, as in every implementation.
    Regex(Regex),
}

/// The routes of a Gateway.
#[derive(Debug)]
pub struct Gateway {
    routes: Vec<(Match, String)>,
}

impl Gateway {
    pub fn new(overlay: &Rendered, name: &str) -> Self {
        let mut routes = Vec::new();
        let is_attached = |route: &&Value| route["spec"]["parentRefs"][0]["name"] == name;
        for route in overlay.of_kind("HTTPRoute").filter(is_attached) {
            for rule in list(&route["spec"]["rules"]) {
                assert_eq!(rule["timeouts"]["request"], "60s");
                let [backend] = list(&rule["backendRefs"]) else { panic!("one backend a rule: {rule}") };
                assert_eq!(backend["port"], if backend["namespace"] == "gitlab" { 8181 } else { 80 });
                for one in list(&rule["matches"]) {
                    let value = text(&one["path"]["value"]);
                    let path = match text(&one["path"]["type"]) {
                        "Exact" => Match::Exact(value.to_owned()),
                        "PathPrefix" => Match::Prefix(value.trim_end_matches('/').to_owned()),
                        "RegularExpression" => Match::Regex(Regex::new(&format!("^(?:{value})$")).unwrap()),
                        other => panic!("{other}"),
                    };
                    routes.push((path, text(&backend["name"]).to_owned()));
                }
            }
        }
        Self { routes }
    }

    /// The service that answers. Panics if the Gateway API leaves the choice to the implementation.
    pub fn route(&self, path: &str) -> Option<&str> {
        let path = path.split('?').next().unwrap();
        let services = |is_match: &dyn Fn(&Match) -> bool| -> Vec<&str> {
            self.routes.iter().filter(|(one, _)| is_match(one)).map(|(_, service)| service.as_str()).collect()
        };
        // An exact path comes before everything else.
        let exact = services(&|one| matches!(one, Match::Exact(exact) if exact == path));
        assert!(exact.len() <= 1, "{path} is ambiguous: {exact:?}");
        if let [service] = exact[..] {
            return Some(service);
        }
        let regex = services(&|one| matches!(one, Match::Regex(regex) if regex.is_match(path)));
        let prefixes = self.routes.iter().filter_map(|(one, service)| {
            let Match::Prefix(prefix) = one else { return None };
            let rest = path.strip_prefix(prefix.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then_some((prefix.len(), service))
        });
        let prefix = prefixes.max().map(|(_, service)| service.as_str());
        // The precedence between a regular expression and a prefix depends on the implementation.
        assert!(
            regex.len() + usize::from(prefix.is_some()) <= 1,
            "{path} is ambiguous: {regex:?} {prefix:?}"
        );
        regex.first().copied().or(prefix)
    }
}

//! Checks that each endpoint's line in the log names what the request is about.
use std::collections::BTreeSet;

use endpoint::Endpoint;
use serde_json::Value;

/// The endpoints of a service, and those whose lines have been checked.
#[derive(Debug)]
pub struct Subjects {
    endpoints: &'static [Endpoint],
    checked: BTreeSet<String>,
}

impl Subjects {
    pub fn new(endpoints: &'static [Endpoint]) -> Self {
        Self { endpoints, checked: BTreeSet::new() }
    }

    /// Checks the line of a successful request: each field that its endpoint declares has a value.
    pub fn check(&mut self, line: &Value) {
        let id = line["endpoint_id"].as_str().expect("a line of a request");
        let status = line["status"].as_u64().expect("a status");
        assert!((200..400).contains(&status), "{line}");
        let endpoint = self.endpoints.iter().find(|endpoint| endpoint_id(endpoint) == id);
        for field in endpoint.unwrap_or_else(|| panic!("{id} is not in the table")).subject {
            assert!(line.get(field).is_some_and(|value| !value.is_null()), "{id} has no {field}: {line}");
        }
        self.checked.insert(id.to_owned());
    }

    /// Checks that no endpoint was left out, except for these.
    pub fn finish(self, without_request: &[&str]) {
        let all: BTreeSet<String> = self.endpoints.iter().map(endpoint_id).collect();
        let left: Vec<&String> = all.difference(&self.checked).collect();
        assert_eq!(left, without_request, "no request was sent to these endpoints");
    }
}

fn endpoint_id(endpoint: &Endpoint) -> String {
    format!("{} {}", endpoint.method, endpoint.path)
}

//! The requests of the matrix: every endpoint with every credential in every place.
use std::fmt;

use endpoint::ServiceInfo;
use serde_json::{Value, json};

use super::expected::{
    Refusal, is_open, names_an_agent, with_agent_credential, with_credential, without_credential,
};
use super::installation::Credential;
use super::places::{PLACES, Place};
use super::tokens::Jwt;
use crate::portal_tokens;

/// An endpoint of one consumer.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub consumer: &'static str,
    pub method: &'static str,
    pub path: &'static str,
}

/// The values of the placeholders in paths.
const PLACEHOLDERS: &[(&str, &str)] = &[
    ("id", "1"),
    ("namespace_id", "1"),
    ("target_id", "2"),
    ("user_id", "2"),
    ("add_on_name", "duo_pro"),
    ("group_path", "test_group"),
    ("username", "root"),
];

impl Target {
    /// The endpoints of a service that ask who the caller is.
    pub fn all(info: &ServiceInfo) -> Vec<Self> {
        let targets = info.endpoints.iter().map(|endpoint| Self {
            consumer: info.consumer,
            method: endpoint.method,
            path: endpoint.path,
        });
        targets.filter(|target| !is_open(target)).collect()
    }

    pub fn filled_path(&self) -> String {
        let mut path = self.path.to_owned();
        for (name, value) in PLACEHOLDERS {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        assert!(!path.contains('{'), "{path}: add the placeholder to PLACEHOLDERS");
        path
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// Credentials that are sent with one request, and the answer of the contract.
pub struct Attempt {
    pub name: String,
    pub parts: Vec<(Place, String)>,
    /// `None` if the credentials are right.
    pub expected: Option<Refusal>,
}

/// The attempts at an endpoint.
pub fn attempts(target: &Target, credentials: &[Credential]) -> Vec<Attempt> {
    let refused = || Some(without_credential(target));
    let mut all = vec![Attempt { name: "nothing".to_owned(), parts: Vec::new(), expected: refused() }];
    for credential in credentials {
        for place in PLACES {
            all.push(Attempt {
                name: format!("{:?} in {place:?}", credential.kind),
                parts: vec![(*place, credential.value.clone())],
                expected: with_credential(target, credential, *place),
            });
        }
    }
    let parts = foreign(target, credentials);
    all.push(Attempt { name: "what others send".to_owned(), parts, expected: refused() });
    for (header, spoiled) in spoiled(target) {
        for (what, token) in spoiled {
            let parts = vec![(Place::Header(header), token)];
            all.push(Attempt { name: format!("{header}: {what}"), parts, expected: refused() });
        }
    }
    if target.consumer == "kas" && names_an_agent(target) {
        all.extend(agent_attempts(credentials));
    }
    all
}

/// All credentials that say nothing to this endpoint, each where its consumer sends it.
fn foreign(target: &Target, credentials: &[Credential]) -> Vec<(Place, String)> {
    let mut parts: Vec<(Place, String)> = Vec::new();
    for credential in credentials {
        let refusal = with_credential(target, credential, credential.home);
        let is_new = parts.iter().all(|(place, _)| *place != credential.home);
        if is_new && refusal == Some(without_credential(target)) {
            parts.push((credential.home, credential.value.clone()));
        }
    }
    parts
}

/// The spoiled JWTs of the consumers of an endpoint, by header.
fn spoiled(target: &Target) -> Vec<(&'static str, Vec<(String, String)>)> {
    let shell = || ("Gitlab-Shell-Api-Request", Jwt::shell().spoiled());
    match target.consumer {
        "shell" if target.path.ends_with("/shellhorse/git_audit_event") => {
            vec![shell(), ("Gitlab-Workhorse-Api-Request", Jwt::workhorse().spoiled())]
        }
        "shell" => vec![shell()],
        "kas" => vec![("Gitlab-Kas-Api-Request", Jwt::kas().spoiled())],
        "billing" => {
            let bad = portal_tokens::bad(endpoint::Clock::System.unix());
            // A token that is valid from the next second on may have become valid.
            let bad = bad.into_iter().filter(|(what, _)| *what != "not yet");
            let bad = bad.map(|(what, token)| (what.to_owned(), token));
            vec![("X-Customers-Dot-Internal-Token", bad.collect())]
        }
        _ => Vec::new(),
    }
}

/// Requests of kas for an agent: the JWT is right, and each credential is sent as the agent's.
fn agent_attempts(credentials: &[Credential]) -> Vec<Attempt> {
    let kas = (Place::Header("Gitlab-Kas-Api-Request"), Jwt::kas().good());
    let places: Vec<Place> = PLACES.iter().copied().filter(|place| *place != kas.0).collect();
    let attempt = |credential: &Credential, place: Place| Attempt {
        name: format!("kas, and {:?} in {place:?}", credential.kind),
        parts: vec![kas.clone(), (place, credential.value.clone())],
        expected: with_agent_credential(credential, place),
    };
    let all = credentials.iter().flat_map(|credential| places.iter().map(move |place| (credential, *place)));
    all.map(|(credential, place)| attempt(credential, place)).collect()
}

/// Parameters with which every endpoint would have an effect if it did not authenticate its callers.
pub fn parameters() -> (Vec<(&'static str, String)>, Value) {
    let key = testkit::ssh::ed25519(11);
    let query = [
        ("key_id", "11"),
        ("gl_repository", "project-3"),
        ("identifier", "key-11"),
        ("key", testkit::ssh::word(&key)),
    ];
    let bodies = [
        json!({
            "key_id": 11, "project": "grp/p", "action": "git-receive-pack", "protocol": "ssh",
            "changes": "_any", "gl_repository": "project-3", "identifier": "key-11", "name": "n",
            "scopes": ["api"],
        }),
        json!({
            "counters": { "gitops_sync": 1 }, "alert": { "title": "x" }, "uuids": [], "agent_id": 5,
            "agent_config": {}, "access_type": "personal_access_token", "access_key": "nope",
            "events": { "register_agent_at_kas": [{ "agent_version": "v1", "project_id": 7 }] },
        }),
        json!({
            "userName": "intruder", "externalId": "intruder", "displayName": "intruders",
            "emails": [{ "value": "intruder@example.com" }],
            "Operations": [{ "op": "replace", "path": "active", "value": false }],
        }),
        json!({
            "reason": "x", "start_date": "2020-07-15", "seats": 1, "namespace_id": 1, "quantity": 1,
            "started_on": "2024-01-01", "expires_on": "2034-12-31", "purchase_xid": "x",
            "credit_card_validated_at": "2020-01-01T00:00:00Z", "additional_purchased_storage_size": 1,
            "packs": [{ "number_of_minutes": 1, "expires_at": "2034-01-01", "purchase_xid": "x" }],
            "upcoming_reconciliations": [{ "namespace_id": 1, "next_reconciliation_date": "2034-06-13",
                "display_alert_from": "2034-06-06" }],
            "provision": { "storage": { "additional_purchased_storage_size": 1 } },
            "add_on_purchases": { "duo_pro": [{ "quantity": 1, "started_on": "2024-01-01",
                "expires_on": "2034-12-31", "purchase_xid": "x" }] },
        }),
    ];
    let body = bodies.iter().flat_map(|body| body.as_object().unwrap().clone());
    let body = Value::Object(body.collect());
    (query.map(|(name, value)| (name, value.to_owned())).into(), body)
}

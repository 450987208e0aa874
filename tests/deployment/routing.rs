//! Who answers a path: HAProxy as it runs, the routes of the Gateway as the Gateway API reads them, and the services'
//! endpoints say the same.
use std::collections::{BTreeMap, BTreeSet};

use crate::balancer::Balancer;
use crate::gateway::Gateway;
use crate::rendered::{Rendered, overlays};
use crate::services::{built, endpoints};

/// What stands for a parameter of a path; a namespace may be a path with an encoded slash, or be called like a word of ours.
const VALUES: [&str; 5] = ["1", "gitlab-org", "gitlab-org%2Fgroup", "storage", "minutes"];

/// Paths that are easily taken for another's: path, who answers at HAProxy, who answers at the Gateway. `-` is nobody.
const TRICKY: &str = include_str!("routes.txt");

fn tricky() -> impl Iterator<Item = [&'static str; 3]> {
    let lines = TRICKY.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        <[_; 3]>::try_from(fields).unwrap_or_else(|fields| panic!("{fields:?}"))
    })
}

/// Every path of an endpoint, with each value in each place, with and without a slash at the end; and whose it is.
fn samples() -> BTreeMap<String, &'static str> {
    let mut samples = BTreeMap::new();
    for service in built() {
        for (_, pattern) in endpoints(service.name) {
            for value in VALUES {
                let filled: Vec<&str> = pattern
                    .split('/')
                    .map(|segment| if segment.starts_with('{') { value } else { segment })
                    .collect();
                // Below /api/v4/internal an encoded slash is for billing-api alone, elsewhere of a namespace alone.
                if value.contains('%') && !pattern.contains("/namespaces/{") {
                    continue;
                }
                let path = filled.join("/");
                samples.insert(format!("{path}/"), service.name);
                samples.insert(path, service.name);
            }
        }
    }
    samples
}

fn with_gateways() -> impl Iterator<Item = &'static Rendered> {
    overlays().filter(|overlay| overlay.has("Gateway", "internal"))
}

#[test]
fn balancer_gateway_and_endpoints_agree_on_every_path() {
    let balancer = Balancer::start();
    let samples = samples();
    assert!(samples.len() + tricky().count() >= 200, "{} samples", samples.len());
    let mut wrong = Vec::new();
    for (path, owner) in &samples {
        let found = balancer.route(path);
        if found.as_deref() != Some(owner) {
            wrong.push(format!("{path} is {owner}'s, HAProxy says {found:?}"));
        }
    }
    for [path, owner, _] in tricky() {
        let found = balancer.route(path);
        if found.as_deref().unwrap_or("-") != owner {
            wrong.push(format!("{path} is {owner}'s, HAProxy says {found:?}"));
        }
    }
    for overlay in with_gateways() {
        let gateway = Gateway::new(overlay, "internal");
        let tricky: Vec<_> = tricky().map(|[path, _, owner]| (path, owner)).collect();
        for (path, owner) in samples.iter().map(|(path, owner)| (path.as_str(), *owner)).chain(tricky) {
            let found = gateway.route(path).unwrap_or("-");
            if found != owner {
                wrong.push(format!("{path} is {owner}'s, the Gateway of {} says {found}", overlay.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_edge_reaches_scim_alone() {
    let balancer = Balancer::start();
    let gateways: Vec<_> = with_gateways().map(|overlay| Gateway::new(overlay, "edge")).collect();
    assert_eq!(gateways.len(), 2);
    let ours: Vec<String> = samples().into_keys().collect();
    // Once the internal listener answers, the edge's is there too.
    balancer.route("/");
    for path in ours.iter().map(String::as_str).chain(tricky().map(|[path, ..]| path)) {
        let scim = path.starts_with("/api/scim/v2/");
        let found = balancer.edge(path);
        assert!(found.is_none() || (scim && found.as_deref() == Some("scim-api")), "{path}: {found:?}");
        for gateway in &gateways {
            let found = gateway.route(path);
            assert!(
                found.is_none() || (path.starts_with("/api/scim/v2") && found == Some("scim-api")),
                "{path}: {found:?}"
            );
        }
    }
    assert_eq!(balancer.edge("/api/scim/v2/groups/g/Users").as_deref(), Some("scim-api"));
    assert_eq!(gateways[0].route("/api/scim/v2/groups/g/Users"), Some("scim-api"));
}

/// Only GitLab Shell says whose request it hands on, and what comes from outside says nothing of itself.
#[test]
fn callers_are_not_believed_about_themselves() {
    for overlay in with_gateways() {
        for route in overlay.of_kind("HTTPRoute") {
            let name = route["metadata"]["name"].as_str().unwrap();
            let removed = &route["spec"]["rules"][0]["filters"][0]["requestHeaderModifier"]["remove"];
            let removed: BTreeSet<&str> =
                removed.as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect();
            let wanted: &[&str] = match name {
                "shell-api" => &[],
                "scim-api-edge" => &["X-Forwarded-For", "X-Forwarded-Host", "X-Request-Id"],
                _ => &["X-Forwarded-For"],
            };
            assert_eq!(removed, wanted.iter().copied().collect(), "{name}");
        }
    }
}

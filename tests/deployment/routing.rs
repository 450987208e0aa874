//! A running HAProxy and the routes of the Gateway send each path to the service whose endpoint table has it.
use std::collections::{BTreeMap, BTreeSet};

use crate::balancer::Balancer;
use crate::gateway::Gateway;
use crate::rendered::{Rendered, overlays};
use crate::services::{built, endpoints};

/// Values of path parameters. A namespace may be a path with an encoded slash, or have the name of an API
/// segment.
const VALUES: [&str; 5] = ["1", "gitlab-org", "gitlab-org%2Fgroup", "storage", "minutes"];

/// Paths that are easily routed wrongly: path, service at HAProxy, service at the Gateway. `-` is none.
const TRICKY: &str = include_str!("routes.txt");

fn tricky() -> impl Iterator<Item = [&'static str; 3]> {
    let lines = TRICKY.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        <[_; 3]>::try_from(fields).unwrap_or_else(|fields| panic!("{fields:?}"))
    })
}

/// Every path of every endpoint, with each value in each place, with and without a final slash; and its
/// service.
fn samples() -> BTreeMap<String, &'static str> {
    let mut samples = BTreeMap::new();
    for service in built() {
        for (_, pattern) in endpoints(service.name) {
            for value in VALUES {
                let filled: Vec<&str> = pattern
                    .split('/')
                    .map(|segment| if segment.starts_with('{') { value } else { segment })
                    .collect();
                // Below /api/v4/internal only billing-api takes an encoded slash, elsewhere only a namespace.
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
            wrong.push(format!("{path} belongs to {owner}, HAProxy routes it to {found:?}"));
        }
    }
    for [path, owner, _] in tricky() {
        let found = balancer.route(path);
        if found.as_deref().unwrap_or("-") != owner {
            wrong.push(format!("{path} belongs to {owner}, HAProxy routes it to {found:?}"));
        }
    }
    for overlay in with_gateways() {
        let gateway = Gateway::new(overlay, "internal");
        let tricky: Vec<_> = tricky().map(|[path, _, owner]| (path, owner)).collect();
        for (path, owner) in samples.iter().map(|(path, owner)| (path.as_str(), *owner)).chain(tricky) {
            let found = gateway.route(path).unwrap_or("-");
            if found != owner {
                wrong.push(format!(
                    "{path} belongs to {owner}, the Gateway of {} routes it to {found}",
                    overlay.name
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_edge_reaches_scim_only() {
    let balancer = Balancer::start();
    let gateways: Vec<_> = with_gateways().map(|overlay| Gateway::new(overlay, "edge")).collect();
    assert_eq!(gateways.len(), 2);
    let ours: Vec<String> = samples().into_keys().collect();
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

/// The Gateway appends the client's address to `X-Forwarded-For`, and the services read that entry. At the
/// edge, a client cannot impersonate a proxy, a tracer or GitLab.
#[test]
fn routes_keep_client_addresses_and_the_edge_removes_forged_headers() {
    for overlay in with_gateways() {
        for route in overlay.of_kind("HTTPRoute") {
            let name = route["metadata"]["name"].as_str().unwrap();
            let filters = &route["spec"]["rules"][0]["filters"];
            if name != "scim-api-edge" {
                assert!(filters.is_null(), "{name}: {filters}");
                continue;
            }
            assert_eq!(route["spec"]["hostnames"], serde_json::json!(["gitlab.example.com"]));
            let set = serde_json::json!([{ "name": "X-Forwarded-Proto", "value": "https" }]);
            assert_eq!(filters[0]["requestHeaderModifier"]["set"], set);
            let removed = &route["spec"]["rules"][0]["filters"][0]["requestHeaderModifier"]["remove"];
            let removed: BTreeSet<&str> =
                removed.as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect();
            let forged = [
                "X-Request-Id",
                "X-Correlation-Id",
                "traceparent",
                "tracestate",
                "baggage",
                "Forwarded",
                "X-Real-IP",
                "X-Forwarded-Host",
                "X-Forwarded-Port",
                "X-Forwarded-Prefix",
                "X-Gitlab-Client-Name",
            ];
            assert_eq!(removed, BTreeSet::from(forged));
        }
    }
}

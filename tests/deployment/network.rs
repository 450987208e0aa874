//! The union of the network policies that select a pod.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::rendered::{Rendered, list, overlays, text};
use crate::services::{SERVICES, Service, read};

/// Whether a selector by labels selects these labels.
fn selects(selector: &Value, labels: &Value) -> bool {
    assert_eq!(selector["matchExpressions"], Value::Null, "not understood here: {selector}");
    let wanted = selector["matchLabels"].as_object();
    wanted.is_none_or(|wanted| wanted.iter().all(|(key, value)| labels[key] == *value))
}

/// The peers of a pod by port, as strings, in one direction. A named port is that of the container.
fn allowed(overlay: &Rendered, pod: &Value, direction: &str) -> BTreeMap<u64, BTreeSet<String>> {
    let labels = &pod["metadata"]["labels"];
    let mut ports: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    let peers = if direction == "ingress" { "from" } else { "to" };
    for policy in
        overlay.of_kind("NetworkPolicy").filter(|policy| selects(&policy["spec"]["podSelector"], labels))
    {
        for rule in list(&policy["spec"][direction]) {
            assert!(!list(&rule["ports"]).is_empty(), "{}: every port of {rule}", overlay.name);
            for port in list(&rule["ports"]) {
                let number = port["port"].as_u64().or_else(|| {
                    let named = list(&pod["spec"]["containers"][0]["ports"]).iter();
                    named
                        .filter(|named| named["name"] == port["port"])
                        .find_map(|named| named["containerPort"].as_u64())
                });
                let reached = ports.entry(number.unwrap()).or_default();
                match list(&rule[peers]) {
                    [] => drop(reached.insert("anyone".to_owned())),
                    some => reached.extend(some.iter().map(ToString::to_string)),
                }
            }
        }
    }
    ports
}

fn namespace(name: &str) -> String {
    json!({ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": name } } }).to_string()
}

/// The cluster's DNS, and its cache on the node (`NodeLocal DNSCache`).
fn dns() -> BTreeSet<String> {
    let cache = json!({ "ipBlock": { "cidr": "169.254.20.10/32" } }).to_string();
    BTreeSet::from([namespace("kube-system"), cache])
}

fn pods(name: &str) -> String {
    let labels = json!({ "app.kubernetes.io/instance": "internal-api", "app.kubernetes.io/name": name });
    json!({ "podSelector": { "matchLabels": labels } }).to_string()
}

#[test]
fn the_namespace_denies_both_ways() {
    for overlay in overlays() {
        let policy = &overlay.get("NetworkPolicy", "default-deny")["spec"];
        assert_eq!(
            *policy,
            json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] }),
            "{}",
            overlay.name
        );
    }
}

#[test]
fn a_service_is_reached_by_the_balancer_and_by_monitoring_only() {
    for overlay in overlays() {
        for Service { name, port, monitoring, .. } in &SERVICES {
            let pod = &overlay.get("Deployment", name)["spec"]["template"];
            let mut metrics = BTreeSet::from([namespace("monitoring")]);
            if overlay.has("Deployment", "haproxy") {
                metrics.insert(pods("haproxy")); // it checks readiness
            }
            let wanted = BTreeMap::from([
                (u64::from(*port), BTreeSet::from([namespace("gateway-system"), pods("haproxy")])),
                (u64::from(*monitoring), metrics),
            ]);
            assert_eq!(allowed(overlay, pod, "ingress"), wanted, "{}: {name}", overlay.name);
        }
    }
}

#[test]
fn service_reaches_only_the_ports_that_it_needs() {
    for overlay in overlays() {
        let anyone = || BTreeSet::from(["anyone".to_owned()]);
        for Service { name, reaches, .. } in &SERVICES {
            let pod = &overlay.get("Deployment", name)["spec"]["template"];
            let mut wanted = BTreeMap::from([(53, dns())]);
            wanted.extend([5432, 6432, 6379, 6380, 26379].map(|port| (port, anyone())));
            wanted.extend(reaches.iter().map(|port| (u64::from(*port), anyone())));
            if overlay.name == "production" {
                wanted.insert(4318, BTreeSet::from([namespace("monitoring")]));
            }
            assert_eq!(allowed(overlay, pod, "egress"), wanted, "{}: {name}", overlay.name);
        }
    }
}

#[test]
fn jobs_reach_the_database_and_are_not_reached() {
    for overlay in overlays() {
        for object in overlay.of_kind("Job").chain(overlay.of_kind("CronJob")) {
            let job = if object["kind"] == "Job" {
                &object["spec"]
            } else {
                &object["spec"]["jobTemplate"]["spec"]
            };
            let pod = &job["template"];
            assert_eq!(allowed(overlay, pod, "ingress"), BTreeMap::new());
            let ports: Vec<u64> = allowed(overlay, pod, "egress").into_keys().collect();
            assert_eq!(ports, [53, 5432, 6432], "{}", overlay.name);
        }
    }
}

#[test]
fn the_balancer_reaches_the_services_and_gitlab_only() {
    for overlay in overlays().filter(|overlay| overlay.has("Deployment", "haproxy")) {
        let pod = &overlay.get("Deployment", "haproxy")["spec"]["template"];
        let services = SERVICES.iter().flat_map(|service| [service.port, service.monitoring]).map(u64::from);
        let reached = allowed(overlay, pod, "egress");
        assert_eq!(
            reached.keys().copied().collect::<BTreeSet<_>>(),
            services.chain([53, 80, 443, 8080, 8181]).collect()
        );
        let hears = allowed(overlay, pod, "ingress");
        assert_eq!(hears.keys().copied().collect::<Vec<_>>(), [8080, 8090, 9080]);
        let private = private_networks();
        let mut near: BTreeSet<String> =
            private.iter().map(|cidr| json!({ "ipBlock": { "cidr": cidr } }).to_string()).collect();
        near.extend([json!({ "namespaceSelector": {} }).to_string()]);
        assert!(hears[&8080].is_superset(&near), "{:?}", hears[&8080]);
        assert_eq!(
            hears[&8090],
            BTreeSet::from([namespace("gateway-system")]),
            "only the edge's Gateway reaches the edge listener"
        );
        assert_eq!(hears[&9080], BTreeSet::from([namespace("monitoring")]));
    }
}

/// The IPv4 networks that the balancer serves, loopback aside.
pub fn private_networks() -> Vec<String> {
    let text = read("deploy/haproxy/private-networks.lst");
    let networks = text.lines().filter(|line| line.contains('.') && !line.starts_with(['#']));
    networks.filter(|line| !line.starts_with("127.")).map(ToOwned::to_owned).collect()
}

/// The port of an address such as `tls://host:9999`, or the default one of its scheme.
fn port(address: &str) -> Option<u64> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split('/').next()?;
    let explicit = host.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    explicit.or(match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    })
}

/// Every address in a service's settings can be reached through the policies.
#[test]
fn every_configured_address_is_allowed_by_a_policy() {
    let mut checked = 0;
    for overlay in overlays() {
        for Service { name, .. } in &SERVICES {
            let pod = &overlay.get("Deployment", name)["spec"]["template"];
            let reached = allowed(overlay, pod, "egress");
            let maps = list(&pod["spec"]["volumes"]).iter().map(|volume| text(&volume["configMap"]["name"]));
            let sources = list(&pod["spec"]["containers"][0]["envFrom"]).iter();
            let maps = maps.chain(sources.map(|source| text(&source["configMapRef"]["name"])));
            let texts =
                maps.filter_map(|map| overlay.find("ConfigMap", map)).map(|map| map["data"].to_string());
            for text in texts {
                let addresses =
                    text.split(|character: char| character.is_whitespace() || "\"=\\".contains(character));
                for address in addresses.filter(|word| !word.starts_with("https://gitlab.example.com")) {
                    let Some(port) = port(address) else { continue };
                    assert!(reached.contains_key(&port), "{}: {name} cannot reach {address}", overlay.name);
                    checked += 1;
                }
            }
        }
    }
    assert!(checked >= 5, "{checked} addresses");
}

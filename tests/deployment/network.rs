//! Who reaches whom: what all policies that select a pod allow together.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::rendered::{Rendered, list, overlays};
use crate::services::{SERVICES, Service};

/// Does a selector by labels alone select these?
fn selects(selector: &Value, labels: &Value) -> bool {
    assert_eq!(selector["matchExpressions"], Value::Null, "not understood here: {selector}");
    let wanted = selector["matchLabels"].as_object();
    wanted.is_none_or(|wanted| wanted.iter().all(|(key, value)| labels[key] == *value))
}

/// Peers (as text) by port, in one direction, of a pod; a port by its name is the container's.
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
fn a_service_hears_the_balancer_and_its_metrics_are_for_monitoring() {
    for overlay in overlays() {
        for Service { name, port, monitoring, .. } in &SERVICES {
            let pod = &overlay.get("Deployment", name)["spec"]["template"];
            let mut metrics = BTreeSet::from([namespace("monitoring")]);
            if overlay.has("Deployment", "haproxy") {
                metrics.insert(pods("haproxy")); // which asks whether it is ready
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
fn a_service_reaches_what_it_needs_and_nothing_else() {
    for overlay in overlays() {
        let anyone = || BTreeSet::from(["anyone".to_owned()]);
        for Service { name, reaches, .. } in &SERVICES {
            let pod = &overlay.get("Deployment", name)["spec"]["template"];
            let mut wanted = BTreeMap::from([(53, BTreeSet::from([namespace("kube-system")]))]);
            wanted.extend([5432, 6379].map(|port| (port, anyone())));
            wanted.extend(reaches.iter().map(|port| (u64::from(*port), anyone())));
            if overlay.name == "production" {
                wanted.insert(4318, BTreeSet::from([namespace("monitoring")]));
            }
            assert_eq!(allowed(overlay, pod, "egress"), wanted, "{}: {name}", overlay.name);
        }
    }
}

#[test]
fn jobs_reach_the_database_and_nobody_reaches_them() {
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
            assert_eq!(ports, [53, 5432], "{}", overlay.name);
        }
    }
}

#[test]
fn the_balancer_reaches_the_services_alone() {
    for overlay in overlays().filter(|overlay| overlay.has("Deployment", "haproxy")) {
        let pod = &overlay.get("Deployment", "haproxy")["spec"]["template"];
        let services = SERVICES.iter().flat_map(|service| [service.port, service.monitoring]).map(u64::from);
        let reached = allowed(overlay, pod, "egress");
        assert_eq!(reached.keys().copied().collect::<BTreeSet<_>>(), services.chain([53]).collect());
        let hears = allowed(overlay, pod, "ingress");
        assert_eq!(hears.keys().copied().collect::<Vec<_>>(), [8080, 8090]);
        let private = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];
        let mut near: BTreeSet<String> =
            private.iter().map(|cidr| json!({ "ipBlock": { "cidr": cidr } }).to_string()).collect();
        near.extend([json!({ "namespaceSelector": {} }).to_string()]);
        assert!(hears[&8080].is_superset(&near), "{:?}", hears[&8080]);
        assert_eq!(
            hears[&8090],
            BTreeSet::from([namespace("gateway-system")]),
            "the edge comes from its gateway alone"
        );
    }
}

//! The number of replicas, disruption budgets, and the database connections that the replicas use.
use serde_json::{Value, json};

use crate::rendered::{Rendered, list, overlays, render, text};
use crate::services::{SERVICES, Service};

#[test]
fn each_consumer_has_its_own_range_of_replicas() {
    for overlay in overlays() {
        for Service { name, replicas: [fewest, most], .. } in &SERVICES {
            // Without Redis each process has its own counters.
            let [fewest, most] = if overlay.name == "dev" { [1, 1] } else { [*fewest, *most] };
            let scaler = json!({
                "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": name },
                "minReplicas": fewest,
                "maxReplicas": most,
                "metrics": [{
                    "type": "Resource",
                    "resource": { "name": "cpu",
                        "target": { "type": "Utilization", "averageUtilization": 60 } },
                }],
                "behavior": { "scaleDown": { "stabilizationWindowSeconds": 300 } },
            });
            let found = overlay.get("HorizontalPodAutoscaler", name);
            assert_eq!(found["apiVersion"], "autoscaling/v2");
            assert_eq!(found["spec"], scaler, "{}: {name}", overlay.name);
        }
    }
}

#[test]
fn a_disruption_takes_one_replica_at_a_time() {
    for overlay in overlays() {
        for deployment in overlay.of_kind("Deployment") {
            let name = deployment["metadata"]["name"].as_str().unwrap();
            let budget = json!({
                "maxUnavailable": 1,
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
                "selector": deployment["spec"]["selector"],
            });
            assert_eq!(overlay.get("PodDisruptionBudget", name)["spec"], budget, "{}: {name}", overlay.name);
        }
    }
}

#[test]
fn a_service_is_reached_inside_the_cluster_at_80_and_its_metrics_at_9090() {
    for overlay in overlays() {
        for Service { name, .. } in &SERVICES {
            let spec = &overlay.get("Service", name)["spec"];
            let port = |name: &str, port: u16| {
                let (target, protocol) = (name, "http");
                json!({ "name": name, "port": port, "targetPort": target, "appProtocol": protocol })
            };
            assert_eq!(spec["type"], "ClusterIP");
            assert_eq!(spec["clusterIP"], Value::Null);
            assert_eq!(spec["ports"], json!([port("http", 80), port("monitoring", 9090)]));
            assert_eq!(spec["selector"], overlay.get("Deployment", name)["spec"]["selector"]["matchLabels"]);
        }
    }
}

/// The connections of a default PostgreSQL (`max_connections` 100), less the 3 that it reserves.
const AVAILABLE: u64 = 97;

/// Replicas × pool, and while everything rolls one new pod (its pool) and one that drains (1 connection) a
/// service, and the two jobs. `docs/next-to-gitlab.md` has the table.
#[test]
fn all_services_together_stay_within_the_connections_of_a_default_postgresql() {
    for overlay in overlays().filter(|overlay| overlay.name != "dev") {
        let mut sum = 2; // maintain and migrate, one connection each
        for Service { name, .. } in &SERVICES {
            let most = overlay.get("HorizontalPodAutoscaler", name)["spec"]["maxReplicas"].as_u64().unwrap();
            let volumes = list(&overlay.get("Deployment", name)["spec"]["template"]["spec"]["volumes"]);
            let config = volumes.iter().find(|volume| volume["name"] == "config").unwrap();
            let config = overlay.get("ConfigMap", text(&config["configMap"]["name"]));
            let line = text(&config["data"]["config.yaml"])
                .lines()
                .find_map(|line| line.strip_prefix("database_pool_size: "));
            let pool: u64 = line.unwrap_or_else(|| panic!("{}: {name}", overlay.name)).parse().unwrap();
            sum += most * pool + pool + 1;
        }
        assert!(sum <= AVAILABLE, "{}: {sum} connections", overlay.name);
        let page = crate::services::read("docs/next-to-gitlab.md");
        assert!(
            page.contains(&format!("**{sum}** of {AVAILABLE}")),
            "docs/next-to-gitlab.md does not say {sum}"
        );
    }
}

/// With each autoscaling component, a Deployment has one owner of its replicas, within the range of its base.
#[test]
fn autoscaling_components_scale_on_requests_in_flight() {
    for (component, name) in [
        ("custom-metrics", "tests/deployment/autoscaling-custom-metrics"),
        ("keda", "tests/deployment/autoscaling-keda"),
    ] {
        let overlay = Rendered { name: component, objects: render(name) };
        for Service { name, replicas: [least, most], .. } in &SERVICES {
            let scaler = overlay.find("HorizontalPodAutoscaler", name);
            let object = overlay.find("ScaledObject", name);
            assert_eq!(
                (scaler.is_some(), object.is_some()),
                (component != "keda", component == "keda"),
                "{name}"
            );
            if let Some(scaler) = scaler {
                let metrics = list(&scaler["spec"]["metrics"]);
                let pods = json!({
                    "metric": { "name": "internal_api_inflight_requests" },
                    "target": { "type": "AverageValue", "averageValue": "8" },
                });
                assert_eq!(metrics.len(), 2, "CPU stays: {name}");
                assert_eq!(metrics[1]["pods"], pods, "{name}");
            }
            if let Some(object) = object {
                let spec = &object["spec"];
                assert_eq!(spec["scaleTargetRef"]["name"], *name);
                assert_eq!(
                    (&spec["minReplicaCount"], &spec["maxReplicaCount"]),
                    (&json!(least), &json!(most))
                );
                for trigger in list(&spec["triggers"]) {
                    assert!(
                        text(&trigger["metadata"]["query"]).contains(&format!("job=\"{name}\"")),
                        "{trigger}"
                    );
                }
            }
        }
    }
}

//! How many replicas there are, and how many may be missing.
use serde_json::{Value, json};

use crate::rendered::overlays;
use crate::services::{SERVICES, Service};

#[test]
fn each_consumer_has_its_own_range_of_replicas() {
    for overlay in overlays() {
        for Service { name, replicas: [fewest, most], .. } in &SERVICES {
            // Without Redis counters belong to one process.
            let [fewest, most] = if overlay.name == "dev" { [1, 1] } else { [*fewest, *most] };
            let scaler = json!({
                "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": name },
                "minReplicas": fewest,
                "maxReplicas": most,
                "metrics": [{
                    "type": "Resource",
                    "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 60 } },
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
fn one_replica_at_a_time_may_be_taken_away() {
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
            let port = |name: &str, port: u16| json!({ "name": name, "port": port, "targetPort": name, "appProtocol": "http" });
            assert_eq!(spec["type"], "ClusterIP");
            assert_eq!(spec["clusterIP"], Value::Null);
            assert_eq!(spec["ports"], json!([port("http", 80), port("monitoring", 9090)]));
            assert_eq!(spec["selector"], overlay.get("Deployment", name)["spec"]["selector"]["matchLabels"]);
        }
    }
}

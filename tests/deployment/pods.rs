//! Deployments and their pods.
use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::rendered::{list, overlays, text};
use crate::services::{SERVICES, Service, version};

fn selector(name: &str) -> Value {
    json!({ "app.kubernetes.io/instance": "internal-api", "app.kubernetes.io/name": name })
}

fn labels(name: &str, component: &str) -> Value {
    json!({
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/instance": "internal-api",
        "app.kubernetes.io/managed-by": "kustomize",
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/part-of": "internal-api",
        "app.kubernetes.io/version": version(),
    })
}

fn container<'a>(pod: &'a Value, place: &str) -> &'a Value {
    let containers = list(&pod["spec"]["containers"]);
    assert_eq!(containers.len(), 1, "{place}");
    &containers[0]
}

#[test]
fn a_deployment_rolls_one_pod_at_a_time() {
    for overlay in overlays() {
        for Service { name, .. } in &SERVICES {
            let deployment = overlay.get("Deployment", name);
            let spec = &deployment["spec"];
            assert_eq!(deployment["metadata"]["labels"], labels(name, "api"), "{}", overlay.name);
            assert_eq!(spec["template"]["metadata"]["labels"], labels(name, "api"), "{}", overlay.name);
            assert_eq!(spec["selector"], json!({ "matchLabels": selector(name) }));
            let rolling =
                json!({ "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 } });
            assert_eq!(spec["strategy"], rolling);
            assert_eq!(spec["minReadySeconds"], 10, "the connection budget counts on it");
            assert_eq!(spec["revisionHistoryLimit"], 5);
            assert_eq!(spec["replicas"], Value::Null, "the autoscaler sets it");
            assert_eq!(spec["template"]["spec"]["terminationGracePeriodSeconds"], 75);
        }
    }
}

#[test]
fn every_pod_is_restricted() {
    for overlay in overlays() {
        for (place, pod) in overlay.pods() {
            let spec = &pod["spec"];
            assert_eq!(spec["automountServiceAccountToken"], false, "{place}");
            let context = json!({
                "runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
                "seccompProfile": { "type": "RuntimeDefault" },
            });
            assert_eq!(spec["securityContext"], context, "{place}");
            assert_eq!(spec["initContainers"], Value::Null, "{place}");
            for key in ["hostNetwork", "hostPID", "hostIPC"] {
                assert_eq!(spec[key], Value::Null, "{place}");
            }
            let container = container(pod, &place);
            let context = json!({
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
            });
            assert_eq!(container["securityContext"], context, "{place}");
            let tmp = json!({ "name": "tmp", "emptyDir": { "medium": "Memory", "sizeLimit": "16Mi" } });
            assert!(list(&spec["volumes"]).contains(&tmp), "{place}");
            assert!(
                list(&container["volumeMounts"]).contains(&json!({ "name": "tmp", "mountPath": "/tmp" })),
                "{place}"
            );
        }
    }
}

#[test]
fn every_pod_has_an_account_of_its_own() {
    for overlay in overlays() {
        let mut accounts = BTreeSet::new();
        for (place, pod) in overlay.pods() {
            let account = text(&pod["spec"]["serviceAccountName"]);
            assert!(accounts.insert(account.to_owned()), "{place} shares {account}");
            assert_eq!(
                overlay.get("ServiceAccount", account)["automountServiceAccountToken"],
                false,
                "{place}"
            );
        }
    }
}

#[test]
fn probes_ask_the_monitoring_port() {
    for overlay in overlays() {
        for Service { name, .. } in &SERVICES {
            let pod = &overlay.get("Deployment", name)["spec"]["template"];
            let container = container(pod, overlay.name);
            let ask = |path: &str| json!({ "path": path, "port": "monitoring" });
            let startup =
                json!({ "httpGet": ask("/-/liveness"), "periodSeconds": 2, "failureThreshold": 30 });
            let liveness = json!({ "httpGet": ask("/-/liveness"), "periodSeconds": 20, "timeoutSeconds": 5,
                "failureThreshold": 3 });
            let readiness = json!({ "httpGet": ask("/-/readiness"), "periodSeconds": 5, "timeoutSeconds": 2,
                "failureThreshold": 2 });
            assert_eq!(container["startupProbe"], startup);
            assert_eq!(container["livenessProbe"], liveness);
            assert_eq!(container["readinessProbe"], readiness);
        }
    }
}

#[test]
fn a_service_has_a_memory_limit_and_no_cpu_limit() {
    for overlay in overlays() {
        for Service { name, resources: [cpu, memory, limit], port, monitoring, .. } in &SERVICES {
            let container = container(&overlay.get("Deployment", name)["spec"]["template"], overlay.name);
            let resources =
                json!({ "requests": { "cpu": cpu, "memory": memory }, "limits": { "memory": limit } });
            assert_eq!(container["resources"], resources, "{name}");
            let ports = json!([
                { "name": "http", "containerPort": port },
                { "name": "monitoring", "containerPort": monitoring },
            ]);
            assert_eq!(container["ports"], ports, "{name}");
        }
        for (place, pod) in overlay.pods() {
            let resources = &container(pod, &place)["resources"];
            assert!(
                resources["limits"]["memory"].is_string() && resources["requests"]["cpu"].is_string(),
                "{place}"
            );
            assert_eq!(resources["limits"]["cpu"], Value::Null, "{place}");
        }
    }
}

#[test]
fn replicas_spread_over_zones_and_nodes() {
    for overlay in overlays() {
        for name in SERVICES.iter().map(|service| service.name).chain(["haproxy"]) {
            if !overlay.has("Deployment", name) {
                continue;
            }
            let spread = |key: &str| {
                json!({
                    "topologyKey": key, "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway",
                    "matchLabelKeys": ["pod-template-hash"],
                    "labelSelector": { "matchLabels": selector(name) },
                })
            };
            let spec = &overlay.get("Deployment", name)["spec"]["template"]["spec"];
            let wanted = json!([spread("topology.kubernetes.io/zone"), spread("kubernetes.io/hostname")]);
            assert_eq!(spec["topologySpreadConstraints"], wanted, "{name}");
        }
    }
}

#[test]
fn secrets_are_read_only_files_and_never_in_the_environment() {
    for overlay in overlays() {
        for (place, pod) in overlay.pods() {
            let container = container(pod, &place);
            for source in list(&container["envFrom"]) {
                assert!(
                    source["configMapRef"].is_object() && source["secretRef"].is_null(),
                    "{place}: {source}"
                );
            }
            for variable in list(&container["env"]) {
                let source = &variable["valueFrom"];
                let is_plain = variable["value"].is_string() || source["fieldRef"].is_object();
                assert!(is_plain && source["secretKeyRef"].is_null(), "{place}: {variable}");
            }
            for volume in list(&pod["spec"]["volumes"]) {
                if volume["secret"].is_null() {
                    continue;
                }
                assert_eq!(volume["secret"]["defaultMode"], 0o440, "{place}: {volume}");
                let mounts = list(&container["volumeMounts"]);
                let mount = mounts.iter().find(|mount| mount["name"] == volume["name"]).unwrap();
                assert_eq!(mount["readOnly"], true, "{place}: {mount}");
                assert_eq!(
                    mount["subPath"],
                    Value::Null,
                    "{place}: a file mounted by subPath does not follow a rotation"
                );
            }
        }
    }
}

#[test]
fn a_service_mounts_its_own_secrets_only() {
    for overlay in overlays() {
        for Service { name, secrets, .. } in &SERVICES {
            let mut wanted: BTreeSet<&str> =
                secrets.iter().map(|path| path.split('/').next().unwrap()).collect();
            wanted.insert("gitlab-db-key-base");
            let (database, redis) = (format!("{name}-database"), format!("{name}-redis"));
            if overlay.name != "dev" {
                wanted.extend([database.as_str(), redis.as_str()]);
            }
            let volumes = list(&overlay.get("Deployment", name)["spec"]["template"]["spec"]["volumes"]);
            let found = volumes.iter().filter(|volume| volume["secret"].is_object());
            assert_eq!(found.map(|volume| text(&volume["name"])).collect::<BTreeSet<_>>(), wanted, "{name}");
        }
    }
}

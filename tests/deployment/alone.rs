//! Each `k8s/base/<service>` works alone: its references exist, it is isolated, and the program starts.
use std::collections::BTreeSet;

use regex::Regex;

use crate::binaries::Setup;
use crate::rendered::{Rendered, list, render, text};
use crate::services::{SERVICES, Service, built, version};

fn rendered(service: &'static Service) -> Rendered {
    Rendered { name: service.name, objects: render(&format!("k8s/base/{}", service.name)) }
}

#[test]
fn a_base_contains_everything_that_it_refers_to_and_nothing_of_other_services() {
    for service in &SERVICES {
        let base = rendered(service);
        let name = service.name;
        for object in &base.objects {
            let labels = &object["metadata"]["labels"];
            assert_eq!(labels["app.kubernetes.io/name"], name, "{object}");
            assert_eq!(labels["app.kubernetes.io/part-of"], "internal-api", "{object}");
            assert_eq!(object["metadata"]["namespace"], serde_json::Value::Null, "{object}");
        }
        let pod = &base.get("Deployment", name)["spec"]["template"]["spec"];
        base.get("ServiceAccount", text(&pod["serviceAccountName"]));
        let container = &pod["containers"][0];
        let image = format!("registry.example.com/internal-api/{name}:{}", version());
        assert_eq!(container["image"], image);
        for volume in list(&pod["volumes"]).iter().filter(|volume| volume["configMap"].is_object()) {
            base.get("ConfigMap", text(&volume["configMap"]["name"]));
        }
        for source in list(&container["envFrom"]) {
            assert_eq!(source["configMapRef"]["optional"], true, "{name}: {source}");
        }
        let policies = base.of_kind("NetworkPolicy").filter(|policy| {
            let types: BTreeSet<&str> = list(&policy["spec"]["policyTypes"]).iter().map(text).collect();
            types == BTreeSet::from(["Ingress", "Egress"])
        });
        assert_eq!(policies.count(), 1, "{name} is closed in both directions");
        let config = base.of_kind("ConfigMap").next().unwrap()["data"]["config.yaml"].to_string();
        assert!(config.contains(&format!("workers: {}\\n", service.workers)), "{name}: {config}");
    }
}

#[test]
fn the_whole_consists_of_the_same_objects() {
    let whole = Rendered { name: "base", objects: render("k8s/base") };
    // Kustomize appends a hash to the name of the ConfigMap only if it generates the ConfigMap.
    let hash = Regex::new("(internal-api-settings)-[a-z0-9]{10}").unwrap();
    for service in &SERVICES {
        for object in rendered(service).objects {
            let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
            let spec =
                |object: &serde_json::Value| hash.replace_all(&object["spec"].to_string(), "$1").into_owned();
            assert_eq!(spec(whole.get(kind, name)), spec(&object), "{kind} {name}");
        }
    }
}

/// The program starts with exactly the files and variables that its own base mounts.
#[actix_web::test]
async fn service_starts_with_the_files_of_its_base() {
    for service in built() {
        let process = Setup::from_rendering(service.name, &rendered(service)).start();
        let ready = process.monitor("/-/readiness").await;
        assert_eq!(ready.status, 200, "{}", service.name);
    }
}

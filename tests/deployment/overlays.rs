//! What holds for whole overlays: nothing dangles, nothing is `latest`, and each has what it is for.
use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::rendered::{Rendered, list, overlay, overlays, text};
use crate::services::version;

#[test]
fn everything_lies_in_a_namespace_that_takes_restricted_pods_only() {
    for overlay in overlays() {
        let labels = &overlay.get("Namespace", "internal-api")["metadata"]["labels"];
        assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted", "{}", overlay.name);
        for object in overlay.objects.iter().filter(|object| object["kind"] != "Namespace") {
            assert_eq!(object["metadata"]["namespace"], "internal-api", "{}: {object}", overlay.name);
        }
    }
}

#[test]
fn images_have_the_release_for_their_tag() {
    for overlay in overlays() {
        for (place, pod) in overlay.pods() {
            let image = text(&pod["spec"]["containers"][0]["image"]);
            if image.contains('@') {
                continue;
            }
            let (name, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{place}: {image} has no tag"));
            assert!(tag != "latest" && !tag.is_empty(), "{place}: {image}");
            if !name.ends_with("/haproxy") {
                assert_eq!(tag, version(), "{place}: {image}");
            }
            // Not from wherever a node looks first, but for a developer's, which are loaded into the node.
            assert_eq!(
                name.contains('.'),
                overlay.name != "dev" || name.ends_with("/haproxy"),
                "{place}: {image}"
            );
        }
    }
}

/// Names of what pods refer to, by the kind.
fn referred(overlay: &Rendered) -> BTreeSet<(&'static str, String)> {
    let mut names = BTreeSet::new();
    for (_, pod) in overlay.pods() {
        for volume in list(&pod["spec"]["volumes"]) {
            names.insert(("ConfigMap", text(&volume["configMap"]["name"]).to_owned()));
            names.insert(("Secret", text(&volume["secret"]["secretName"]).to_owned()));
            names.insert((
                "PersistentVolumeClaim",
                text(&volume["persistentVolumeClaim"]["claimName"]).to_owned(),
            ));
        }
        for source in list(&pod["spec"]["containers"][0]["envFrom"]) {
            names.insert(("ConfigMap", text(&source["configMapRef"]["name"]).to_owned()));
        }
    }
    names.retain(|(_, name)| !name.is_empty());
    names
}

#[test]
fn what_pods_refer_to_is_there() {
    for overlay in overlays() {
        for (kind, name) in referred(overlay) {
            // The installation's secrets are not ours to make.
            if kind != "Secret" || overlay.name == "dev" {
                assert!(overlay.has(kind, &name), "{}: {kind} {name}", overlay.name);
            }
        }
    }
}

#[test]
fn a_changed_configuration_rolls_the_pods() {
    for overlay in overlays() {
        for object in overlay.of_kind("ConfigMap") {
            let name = text(&object["metadata"]["name"]);
            let hash = name.rsplit('-').next().unwrap();
            assert!(
                hash.len() == 10 && hash.bytes().all(|byte| byte.is_ascii_alphanumeric()),
                "{name} has no hash"
            );
            assert!(referred(overlay).contains(&("ConfigMap", name.to_owned())), "nobody reads {name}");
        }
    }
}

#[test]
fn only_the_developers_overlay_makes_secrets() {
    for overlay in overlays() {
        assert_eq!(overlay.of_kind("Secret").count() > 0, overlay.name == "dev", "{}", overlay.name);
    }
}

#[test]
fn a_cloud_gives_the_balancer_an_internal_address() {
    for (name, key, value) in [
        ("gke-internal", "networking.gke.io/load-balancer-type", "Internal"),
        ("aws-internal", "service.beta.kubernetes.io/aws-load-balancer-scheme", "internal"),
        ("azure-internal", "service.beta.kubernetes.io/azure-load-balancer-internal", "true"),
    ] {
        let overlay = overlay(name);
        let service = overlay.get("Service", "internal-api");
        assert_eq!(service["metadata"]["annotations"][key], value);
        assert_eq!(service["spec"]["type"], "LoadBalancer");
        // The balancer refuses sources that are not private, so it must see them.
        assert_eq!(service["spec"]["externalTrafficPolicy"], "Local");
        let private = json!(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]);
        assert_eq!(service["spec"]["loadBalancerSourceRanges"], private);
    }
}

#[test]
fn callers_are_limited_but_on_a_desk() {
    for overlay in overlays().filter(|overlay| overlay.name != "ingress") {
        let settings =
            overlay.of_kind("ConfigMap").find(|map| map["data"]["IAPI_LOG_FORMAT"].is_string()).unwrap();
        let limits = (overlay.name != "dev").then_some("/etc/internal-api/rate-limits/rate-limits.yaml");
        assert_eq!(settings["data"]["IAPI_RATE_LIMITS_FILE"].as_str(), limits, "{}", overlay.name);
    }
}

#[test]
fn nothing_else_is_reached_from_outside() {
    for overlay in overlays() {
        for service in overlay.of_kind("Service") {
            let cloud = overlay.name.ends_with("-internal") && service["metadata"]["name"] == "internal-api";
            let wanted = if cloud { "LoadBalancer" } else { "ClusterIP" };
            assert_eq!(service["spec"]["type"], wanted, "{}: {}", overlay.name, service["metadata"]["name"]);
        }
    }
}

#[test]
fn an_ingress_needs_no_vendor_and_shows_scim_alone_to_the_edge() {
    let overlay = overlay("ingress");
    for (name, path, service) in
        [("internal", "/", "internal-api"), ("edge", "/api/scim/v2", "internal-api-edge")]
    {
        let ingress = overlay.get("Ingress", name);
        assert_eq!(ingress["metadata"]["annotations"], Value::Null);
        assert!(ingress["spec"]["ingressClassName"].is_string());
        let paths = json!([{
            "path": path, "pathType": "Prefix",
            "backend": { "service": { "name": service, "port": { "name": "http" } } },
        }]);
        assert_eq!(ingress["spec"]["rules"][0]["http"]["paths"], paths);
    }
}

//! Properties of whole overlays: references exist, no image is `latest`, and each overlay has its parts.
use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::network::private_networks;
use crate::rendered::{Rendered, list, overlay, overlays, render, text};
use crate::services::{SERVICES, version};

#[test]
fn every_object_is_in_the_namespace_and_none_is_cluster_scoped() {
    let namespace = &render("k8s/components/namespace")[0];
    assert_eq!(namespace["kind"], "Namespace");
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
    for overlay in overlays() {
        for object in &overlay.objects {
            assert_ne!(
                object["kind"], "Namespace",
                "{}: delete -k would take the Secrets along",
                overlay.name
            );
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
            // The registry is named, except for the images that a developer loads into the node.
            assert_eq!(
                name.contains('.'),
                overlay.name != "dev" || name.ends_with("/haproxy"),
                "{place}: {image}"
            );
        }
    }
}

/// The names of objects that pods refer to, by kind.
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
fn pods_refer_to_existing_objects() {
    for overlay in overlays() {
        for (kind, name) in referred(overlay) {
            // The operator creates the Secrets of an installation.
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
            assert!(referred(overlay).contains(&("ConfigMap", name.to_owned())), "no pod reads {name}");
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
        // The balancer refuses addresses that are not private, so it must see them.
        assert_eq!(service["spec"]["externalTrafficPolicy"], "Local");
        assert_eq!(service["spec"]["loadBalancerSourceRanges"], json!(private_networks()));
    }
}

#[test]
fn rate_limits_are_configured_outside_of_dev() {
    for overlay in overlays().filter(|overlay| overlay.name != "ingress") {
        let settings =
            overlay.of_kind("ConfigMap").find(|map| map["data"]["IAPI_LOG_LEVEL"].is_string()).unwrap();
        let limits = (overlay.name != "dev").then_some("/etc/internal-api/rate-limits/rate-limits.yaml");
        assert_eq!(settings["data"]["IAPI_RATE_LIMITS_FILE"].as_str(), limits, "{}", overlay.name);
    }
}

#[test]
fn only_the_clouds_balancer_is_a_load_balancer() {
    for overlay in overlays() {
        for service in overlay.of_kind("Service") {
            let cloud = overlay.name.ends_with("-internal") && service["metadata"]["name"] == "internal-api";
            let wanted = if cloud { "LoadBalancer" } else { "ClusterIP" };
            assert_eq!(service["spec"]["type"], wanted, "{}: {}", overlay.name, service["metadata"]["name"]);
        }
    }
}

#[test]
fn an_ingress_needs_no_vendor_snippets_and_passes_scim_only_at_the_edge() {
    let overlay = overlay("ingress");
    for (name, path, service) in
        [("internal", "/", "internal-api"), ("edge", "/api/scim/v2/", "internal-api-edge")]
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

/// Only the balancer's pods are trusted proxies: an address range would let any pod forge a client's address.
#[test]
fn only_the_balancers_pods_are_trusted_proxies() {
    for overlay in overlays() {
        for map in overlay.of_kind("ConfigMap") {
            let Some(networks) = map["data"]["IAPI_TRUSTED_PROXIES"].as_str() else { continue };
            for network in networks.split(',').filter(|network| !network.starts_with("127.")) {
                let length: u8 = network.rsplit_once('/').unwrap().1.parse().unwrap();
                assert!(length >= 24, "{}: {network}", overlay.name);
            }
        }
    }
}

/// The connection limits of the balancer's pods are high enough for the maximum number of replicas of each
/// service.
#[test]
fn the_balancer_never_caps_the_autoscaler() {
    for overlay in overlays().filter(|overlay| overlay.has("Deployment", "haproxy")) {
        let container = &overlay.get("Deployment", "haproxy")["spec"]["template"]["spec"]["containers"][0];
        let least =
            overlay.get("HorizontalPodAutoscaler", "haproxy")["spec"]["minReplicas"].as_u64().unwrap();
        for service in &SERVICES {
            let variable = crate::balancer::variable(service.name, "MAXCONN");
            let value = list(&container["env"]).iter().find(|env| env["name"] == variable);
            let maxconn: u64 = text(&value.unwrap()["value"]).parse().unwrap();
            assert!(
                maxconn == 0 || least * maxconn >= service.replicas[1] * 256,
                "{}: {variable}",
                overlay.name
            );
        }
    }
}

/// Service names are fully qualified for HAProxy, whose resolver has no search domains.
#[test]
fn the_balancer_looks_for_services_by_their_full_names() {
    for overlay in overlays().filter(|overlay| overlay.has("Deployment", "haproxy")) {
        let container = &overlay.get("Deployment", "haproxy")["spec"]["template"]["spec"]["containers"][0];
        for service in &SERVICES {
            let variable = crate::balancer::variable(service.name, "ADDRESS");
            let value = list(&container["env"]).iter().find(|env| env["name"] == variable).unwrap();
            let name = format!("{}.$(NAMESPACE).svc.$(CLUSTER_DOMAIN):80", service.name);
            assert_eq!(value["value"], name, "{}", overlay.name);
        }
    }
}

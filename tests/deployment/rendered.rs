//! Overlays as `kubectl kustomize` renders them.
use std::process::Command;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

use crate::services::root;

/// The overlays that an operator starts from, and one that renders the component `ingress`.
pub const OVERLAYS: [&str; 7] = [
    "k8s/overlays/dev",
    "k8s/overlays/production",
    "k8s/overlays/shared-gitlab",
    "k8s/overlays/gke-internal",
    "k8s/overlays/aws-internal",
    "k8s/overlays/azure-internal",
    "tests/deployment/ingress",
];

/// The objects of one overlay.
#[derive(Debug)]
pub struct Rendered {
    pub name: &'static str,
    pub objects: Vec<Value>,
}

/// Every overlay, rendered once.
pub fn overlays() -> impl Iterator<Item = &'static Rendered> {
    static RENDERED: LazyLock<Vec<Rendered>> = LazyLock::new(|| {
        let name = |path: &'static str| path.rsplit('/').next().unwrap();
        OVERLAYS.into_iter().map(|path| Rendered { name: name(path), objects: render(path) }).collect()
    });
    RENDERED.iter()
}

pub fn overlay(name: &str) -> &'static Rendered {
    overlays().find(|overlay| overlay.name == name).unwrap()
}

pub fn documents(yaml: &str) -> Vec<Value> {
    yaml_serde::Deserializer::from_str(yaml).map(|document| Value::deserialize(document).unwrap()).collect()
}

/// The objects of a directory, as `kubectl kustomize` renders them.
pub fn render(path: &str) -> Vec<Value> {
    let pinned = root().join("target/tools/python/bin/kubectl");
    let kubectl = if pinned.exists() { pinned } else { "kubectl".into() };
    let output = Command::new(kubectl).arg("kustomize").arg(root().join(path)).output();
    let output = output.unwrap_or_else(|error| panic!("kubectl: {error}: `make test` installs it"));
    assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    documents(&String::from_utf8(output.stdout).unwrap())
}

impl Rendered {
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }

    pub fn find(&self, kind: &str, name: &str) -> Option<&Value> {
        self.objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
    }

    pub fn get(&self, kind: &str, name: &str) -> &Value {
        self.find(kind, name).unwrap_or_else(|| panic!("{}: no {kind} {name}", self.name))
    }

    pub fn has(&self, kind: &str, name: &str) -> bool {
        self.find(kind, name).is_some()
    }

    /// Every pod template, with the name of its owner.
    pub fn pods(&self) -> Vec<(String, &Value)> {
        let pods = self.objects.iter().filter_map(|object| {
            let template = match text(&object["kind"]) {
                "Deployment" | "Job" => &object["spec"]["template"],
                "CronJob" => &object["spec"]["jobTemplate"]["spec"]["template"],
                _ => return None,
            };
            Some((format!("{}: {}", self.name, text(&object["metadata"]["name"])), template))
        });
        pods.collect()
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

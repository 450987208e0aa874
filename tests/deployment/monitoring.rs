//! What is measured, and what wakes somebody.
use std::collections::BTreeSet;

use regex::Regex;
use serde_json::json;

use crate::binaries::Setup;
use crate::rendered::{list, overlays, text};
use crate::services::built;

#[test]
fn prometheus_reads_the_metrics_of_every_service() {
    for overlay in overlays().filter(|overlay| !["dev", "ingress"].contains(&overlay.name)) {
        let spec = json!({
            "selector": { "matchLabels": {
                "app.kubernetes.io/component": "api", "app.kubernetes.io/instance": "internal-api",
            } },
            "jobLabel": "app.kubernetes.io/name",
            "endpoints": [
                { "port": "monitoring", "path": "/-/metrics", "interval": "30s", "scrapeTimeout": "10s" },
            ],
        });
        assert_eq!(overlay.get("ServiceMonitor", "internal-api")["spec"], spec, "{}", overlay.name);
    }
}

/// Alerts and the expressions that they look at.
fn alerts() -> Vec<(String, String)> {
    let overlay = crate::rendered::overlay("production");
    let rule = overlay.get("PrometheusRule", "internal-api");
    let rules = list(&rule["spec"]["groups"][0]["rules"]).iter();
    rules.map(|rule| (text(&rule["alert"]).to_owned(), text(&rule["expr"]).to_owned())).collect()
}

#[test]
fn there_is_an_alert_for_what_an_operator_must_know() {
    let names: Vec<String> = alerts().into_iter().map(|(name, _)| name).collect();
    let wanted = [
        "InternalApiErrors",
        "InternalApiAllowedIsSlow",
        "InternalApiPoolIsExhausted",
        "InternalApiThrottles",
        "InternalApiSecretReloadFails",
        "InternalApiAuthenticationFails",
    ];
    assert_eq!(names, wanted);
}

#[actix_web::test]
async fn alerts_look_at_metrics_and_labels_that_there_are() {
    let name = Regex::new(r"\b[a-z_]+(?:_total|_bucket|_waiting)\b").unwrap();
    let label = Regex::new(r#"\b([a-z_]+)(?:=|=~)""#).unwrap();
    let metrics = Setup::new("shell-api").start().monitor("/-/metrics").await.text;
    for (alert, expression) in alerts() {
        let names: BTreeSet<&str> = name.find_iter(&expression).map(|found| found.as_str()).collect();
        assert!(!names.is_empty(), "{alert}: {expression}");
        for name in names {
            let family = name.trim_end_matches("_bucket");
            assert!(metrics.contains(&format!("# TYPE {family} ")), "{alert}: no metric {family}");
            for (_, [label]) in label.captures_iter(&expression).map(|found| found.extract()) {
                // Prometheus adds `namespace`, and `job` by the ServiceMonitor.
                let is_there = metrics
                    .lines()
                    .any(|line| line.starts_with(name) && line.contains(&format!("{label}=\"")));
                assert!(label == "namespace" || is_there, "{alert}: {name} has no label {label}");
            }
        }
    }
    assert!(built().count() >= 4);
}

//! Scraped metrics, and alerts.
use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Value, json};

use crate::binaries::Setup;
use crate::rendered::{documents, list, overlays, text};
use crate::services::read;

#[test]
fn prometheus_scrapes_every_service() {
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

/// The groups of rules as Prometheus reads them.
fn groups() -> Value {
    documents(&read("deploy/monitoring/rules.yaml")).remove(0)["groups"].clone()
}

fn alerts() -> Vec<Value> {
    let groups = groups();
    list(&groups).iter().flat_map(|group| list(&group["rules"]).to_vec()).collect()
}

#[test]
fn kubernetes_has_the_rules_of_prometheus() {
    for overlay in overlays().filter(|overlay| !["dev", "ingress"].contains(&overlay.name)) {
        let rule = overlay.get("PrometheusRule", "internal-api");
        assert_eq!(rule["spec"]["groups"], groups(), "{}", overlay.name);
    }
}

#[test]
fn every_alert_has_a_section_in_the_runbook() {
    let runbook = read("docs/runbook.md");
    for alert in alerts() {
        let name = text(&alert["alert"]);
        assert!(runbook.contains(&format!("\n## {name}\n")), "docs/runbook.md has no section {name}");
        for field in ["summary", "description"] {
            assert!(alert["annotations"][field].is_string(), "{name} has no {field}");
        }
        let url = text(&alert["annotations"]["runbook_url"]);
        assert!(url.ends_with(&format!("/docs/runbook.md#{}", name.to_lowercase())), "{name}: {url}");
        assert!(["critical", "warning"].contains(&text(&alert["labels"]["severity"])), "{name}");
        // The namespace depends on the installation.
        assert!(!alert["expr"].to_string().contains("namespace=\\\""), "{name}");
    }
}

#[test]
fn there_is_an_alert_for_each_important_failure() {
    let alerts = alerts();
    let names: BTreeSet<&str> = alerts.iter().map(|alert| text(&alert["alert"])).collect();
    for name in ["Down", "NotReady", "Restarts", "Errors", "AllowedIsSlow", "PoolIsExhausted", "RedisFails"] {
        assert!(names.contains(format!("InternalApi{name}").as_str()), "{name}");
    }
    for name in
        ["JobsNotEnqueued", "SecretReloadFails", "JobFailed", "MaintainOverdue", "BalancerBackendDown"]
    {
        assert!(names.contains(format!("InternalApi{name}").as_str()), "{name}");
    }
}

/// Metrics of other exporters, and the labels that Prometheus adds.
const FOREIGN: [&str; 3] = ["kube_", "haproxy_", "up"];
const ADDED: [&str; 2] = ["namespace", "job"];

#[actix_web::test]
async fn alerts_use_existing_metrics_and_labels() {
    let selector = Regex::new(r"\b([a-z_]+)\{([^}]*)\}").unwrap();
    let label = Regex::new(r#"\b([a-z_]+)(?:=|=~|!=|!~)""#).unwrap();
    let metrics = Setup::new("shell-api").start().monitor("/-/metrics").await.text;
    let mut checked = 0;
    for alert in alerts() {
        let (alert, expression) = (text(&alert["alert"]), text(&alert["expr"]));
        let selectors: Vec<_> =
            selector.captures_iter(expression).map(|found| found.extract::<2>().1).collect();
        assert!(!selectors.is_empty(), "{alert}: {expression}");
        for [name, labels] in selectors {
            if FOREIGN.iter().any(|prefix| name.starts_with(prefix)) {
                continue;
            }
            checked += 1;
            let family = name.trim_end_matches("_bucket");
            assert!(metrics.contains(&format!("# TYPE {family} ")), "{alert}: no metric {family}");
            for (_, [label]) in label.captures_iter(labels).map(|found| found.extract()) {
                let exists = metrics
                    .lines()
                    .any(|line| line.starts_with(name) && line.contains(&format!("{label}=\"")));
                assert!(ADDED.contains(&label) || exists, "{alert}: {name} has no label {label}");
            }
        }
    }
    assert!(checked >= 9, "{checked} metrics");
}

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
fn each_important_failure_has_an_alert() {
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
const ADDED: [&str; 3] = ["namespace", "job", "instance"];
/// Metrics whose series exist only where the feature is used: TLS, and GitLab's own rate limit.
const OPTIONAL: [&str; 2] = [
    "internal_api_certificate_expiry_timestamp_seconds",
    "gitlab_application_rate_limiter_throttle_utilization_ratio_bucket",
];

/// Checks that the services expose each metric of an expression, with its labels. Returns how many.
fn check_metrics(what: &str, expression: &str, metrics: &str) -> usize {
    let selector = Regex::new(r"\b([a-z_]+)\{([^}]*)\}").unwrap();
    let label = Regex::new(r#"\b([a-z_]+)(?:=|=~|!=|!~)""#).unwrap();
    let selectors: Vec<_> = selector.captures_iter(expression).map(|found| found.extract::<2>().1).collect();
    assert!(!selectors.is_empty(), "{what}: {expression}");
    let mut checked = 0;
    for [name, labels] in selectors {
        if FOREIGN.iter().any(|prefix| name.starts_with(prefix)) || OPTIONAL.contains(&name) {
            continue;
        }
        checked += 1;
        let family = ["_bucket", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(metrics.contains(&format!("# TYPE {family} ")), "{what}: no metric {family}");
        for (_, [label]) in label.captures_iter(labels).map(|found| found.extract()) {
            let exists =
                metrics.lines().any(|line| line.starts_with(name) && line.contains(&format!("{label}=\"")));
            assert!(ADDED.contains(&label) || exists, "{what}: {name} has no label {label}");
        }
    }
    checked
}

#[actix_web::test]
async fn alerts_use_existing_metrics_and_labels() {
    let metrics = Setup::new("shell-api").start().monitor("/-/metrics").await.text;
    let check = |alert: &Value| check_metrics(text(&alert["alert"]), text(&alert["expr"]), &metrics);
    let checked: usize = alerts().iter().map(check).sum();
    assert!(checked >= 14, "{checked} metrics");
}

/// The dashboards by their file names.
fn dashboards() -> Vec<(&'static str, Value)> {
    ["overview.json", "git-access.json", "dependencies.json"]
        .map(|name| {
            let json = read(&format!("deploy/monitoring/dashboards/{name}"));
            (name, serde_json::from_str(&json).unwrap_or_else(|error| panic!("{name}: {error}")))
        })
        .into()
}

#[test]
fn dashboards_can_be_imported_anywhere() {
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    for (file, dashboard) in dashboards() {
        let variables = list(&dashboard["templating"]["list"]);
        let names: Vec<&str> = variables.iter().map(|variable| text(&variable["name"])).collect();
        assert_eq!(names, ["datasource", "namespace", "job"], "{file}");
        let (mut ids, mut titles) = (BTreeSet::new(), BTreeSet::new());
        for panel in list(&dashboard["panels"]) {
            let title = text(&panel["title"]);
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{file}: the id of {title} is used twice");
            assert!(titles.insert(title) && !title.is_empty(), "{file}: {title} is used twice");
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{file}: {title} has no unit");
            assert_eq!(panel["datasource"], source, "{file}: {title}");
            for target in list(&panel["targets"]) {
                assert_eq!(target["datasource"], source, "{file}: {title}");
            }
        }
    }
}

#[actix_web::test]
async fn dashboards_use_existing_metrics_and_labels() {
    let metrics = Setup::new("shell-api").start().monitor("/-/metrics").await.text;
    let mut checked = 0;
    for (file, dashboard) in dashboards() {
        for panel in list(&dashboard["panels"]) {
            let what = format!("{file}: {}", text(&panel["title"]));
            for target in list(&panel["targets"]) {
                checked += check_metrics(&what, text(&target["expr"]), &metrics);
            }
        }
    }
    assert!(checked >= 45, "{checked} metrics");
}

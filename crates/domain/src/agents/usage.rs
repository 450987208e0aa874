//! What kas counts: totals, sets of whom or what it has seen in a week, and events.
use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};
use serde_json::{Map, Value};

/// Counters that grow by what a report says.
pub const TOTALS: &[&str] = &[
    "gitops_sync",
    "k8s_api_proxy_request",
    "flux_git_push_notifications_total",
    "k8s_api_proxy_requests_via_ci_access",
    "k8s_api_proxy_requests_via_user_access",
    "k8s_api_proxy_requests_via_pat_access",
];

/// Sets of ids: of users, agents or projects.
pub const SETS: &[&str] = &[
    CI_TUNNEL,
    "k8s_api_proxy_requests_unique_users_via_ci_access",
    "k8s_api_proxy_requests_unique_agents_via_ci_access",
    "k8s_api_proxy_requests_unique_users_via_user_access",
    "k8s_api_proxy_requests_unique_agents_via_user_access",
    "k8s_api_proxy_requests_unique_users_via_pat_access",
    "k8s_api_proxy_requests_unique_agents_via_pat_access",
    "flux_git_push_notified_unique_projects",
];

/// Events of people; each is one of [`CI_TUNNEL`] too.
pub const USER_EVENTS: &[&str] = &[
    "k8s_api_proxy_requests_unique_users_via_ci_access",
    "k8s_api_proxy_requests_unique_users_via_user_access",
    "k8s_api_proxy_requests_unique_users_via_pat_access",
];

/// An agent has come to kas.
pub const REGISTER_AGENT: &str = "register_agent_at_kas";

/// The name that all ways to a cluster had together before each got its own.
pub const CI_TUNNEL: &str = "agent_users_using_ci_tunnel";

/// One report: all of it is noted, or nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    pub totals: BTreeMap<&'static str, i64>,
    pub sets: BTreeMap<&'static str, BTreeSet<i64>>,
    pub events: Vec<Event>,
}

/// Something that has happened once.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub name: &'static str,
    pub user_id: Option<i64>,
    pub project_id: Option<i64>,
    pub properties: Map<String, Value>,
}

impl Report {
    /// Adds to a total; nothing is no addition.
    pub fn add(&mut self, name: &'static str, n: i64) {
        if n > 0 {
            let total = self.totals.entry(name).or_default();
            *total = total.saturating_add(n);
        }
    }

    /// Adds ids to a set; an event for each where they are those of people.
    pub fn see(&mut self, name: &'static str, ids: BTreeSet<i64>) {
        if ids.is_empty() {
            return;
        }
        if USER_EVENTS.contains(&name) {
            for id in &ids {
                self.person(name, Some(*id), None);
            }
        }
        self.sets.entry(name).or_default().extend(ids);
    }

    /// Notes an event of a person, under its own name and the old one.
    pub fn person(&mut self, name: &'static str, user_id: Option<i64>, project_id: Option<i64>) {
        let event = |name| Event { name, user_id, project_id, properties: Map::new() };
        self.events.extend([event(name), event(CI_TUNNEL)]);
    }

    pub fn is_empty(&self) -> bool {
        self.totals.is_empty() && self.sets.is_empty() && self.events.is_empty()
    }
}

/// The week of a day by ISO 8601, as GitLab's keys name it: `2026-47`.
pub fn iso_week(day: NaiveDate) -> String {
    let week = day.iso_week();
    format!("{:04}-{:02}", week.year(), week.week())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_are_those_of_iso_8601() {
        for (day, expected) in [
            ("2026-11-21", "2026-47"),
            ("2027-01-01", "2026-53"),
            ("2024-12-30", "2025-01"),
            ("2026-01-01", "2026-01"),
        ] {
            assert_eq!(iso_week(day.parse().unwrap()), expected, "{day}");
        }
    }

    #[test]
    fn a_report_adds_up_and_never_overflows() {
        let mut report = Report::default();
        report.add("gitops_sync", 0);
        report.see("flux_git_push_notified_unique_projects", BTreeSet::new());
        assert!(report.is_empty());
        report.add("gitops_sync", 2);
        report.add("gitops_sync", i64::MAX);
        assert_eq!(report.totals["gitops_sync"], i64::MAX);
        report.see(SETS[1], [7, 8].into());
        report.see("flux_git_push_notified_unique_projects", [7].into());
        let events: Vec<_> = report.events.iter().map(|event| (event.name, event.user_id)).collect();
        assert_eq!(
            events,
            [(SETS[1], Some(7)), (CI_TUNNEL, Some(7)), (SETS[1], Some(8)), (CI_TUNNEL, Some(8))]
        );
    }
}

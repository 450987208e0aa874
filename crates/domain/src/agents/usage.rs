//! Usage reports of kas: counters, weekly sets of ids, and events.
use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};

/// The counters.
pub const COUNTERS: &[&str] = &[
    "gitops_sync",
    "k8s_api_proxy_request",
    "flux_git_push_notifications_total",
    "k8s_api_proxy_requests_via_ci_access",
    "k8s_api_proxy_requests_via_user_access",
    "k8s_api_proxy_requests_via_pat_access",
];

/// The sets of user, agent or project ids.
pub const UNIQUE_SETS: &[&str] = &[
    CI_TUNNEL,
    "k8s_api_proxy_requests_unique_users_via_ci_access",
    "k8s_api_proxy_requests_unique_agents_via_ci_access",
    "k8s_api_proxy_requests_unique_users_via_user_access",
    "k8s_api_proxy_requests_unique_agents_via_user_access",
    "k8s_api_proxy_requests_unique_users_via_pat_access",
    "k8s_api_proxy_requests_unique_agents_via_pat_access",
    "flux_git_push_notified_unique_projects",
];

/// The events of users. Each one is also an event [`CI_TUNNEL`].
pub const USER_EVENTS: &[&str] = &[
    "k8s_api_proxy_requests_unique_users_via_ci_access",
    "k8s_api_proxy_requests_unique_users_via_user_access",
    "k8s_api_proxy_requests_unique_users_via_pat_access",
];

/// The event of an agent that registers at kas.
pub const REGISTER_AGENT: &str = "register_agent_at_kas";

/// The older name that all kinds of access to a cluster share.
pub const CI_TUNNEL: &str = "agent_users_using_ci_tunnel";

/// One report. It is stored as a whole or not at all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Increments by counter.
    pub counters: BTreeMap<&'static str, i64>,
    /// Ids by set. Each id of a user is an event, too: see [`Report::all_events`].
    pub sets: BTreeMap<&'static str, BTreeSet<i64>>,
    /// Events that were reported as such.
    pub events: Vec<Event>,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The event's name.
    pub name: &'static str,
    /// The user who caused it.
    pub user_id: Option<i64>,
    /// The project that it is about.
    pub project_id: Option<i64>,
    /// Further properties, as the text of a JSON object: a body of 10 MiB can hold hundreds of thousands of
    /// events. Most events have none.
    pub properties: Option<Box<str>>,
}

impl Event {
    /// An event of a user.
    pub fn of_user(name: &'static str, user_id: Option<i64>, project_id: Option<i64>) -> Self {
        Self { name, user_id, project_id, properties: None }
    }

    /// The properties as JSON text.
    pub fn properties_text(&self) -> &str {
        self.properties.as_deref().unwrap_or("{}")
    }
}

impl Report {
    /// Increments a counter.
    pub fn increment(&mut self, name: &'static str, n: i64) {
        if n > 0 {
            let counter = self.counters.entry(name).or_default();
            *counter = counter.saturating_add(n);
        }
    }

    /// Adds ids to a set.
    pub fn add_ids(&mut self, name: &'static str, ids: BTreeSet<i64>) {
        if !ids.is_empty() {
            self.sets.entry(name).or_default().extend(ids);
        }
    }

    /// Every event to store: the reported ones and those of the users in the sets. An event of a user is followed by
    /// the same event under its older name. They are created one by one, because a set can have a million users.
    pub fn all_events(&self) -> impl Iterator<Item = Event> {
        let of_sets = self.sets.iter().filter(|(name, _)| USER_EVENTS.contains(name));
        let of_sets =
            of_sets.flat_map(|(name, ids)| ids.iter().map(|id| Event::of_user(name, Some(*id), None)));
        self.events.iter().cloned().chain(of_sets).flat_map(|event| {
            let older_name = USER_EVENTS
                .contains(&event.name)
                .then(|| Event::of_user(CI_TUNNEL, event.user_id, event.project_id));
            std::iter::once(event).chain(older_name)
        })
    }

    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        self.counters.is_empty() && self.sets.is_empty() && self.events.is_empty()
    }
}

/// The ISO 8601 week of a day in the form of GitLab's keys: `2026-47`.
pub fn iso_week(day: NaiveDate) -> String {
    let week = day.iso_week();
    format!("{:04}-{:02}", week.year(), week.week())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn week_is_that_of_iso_8601() {
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
    fn counters_add_up_and_never_overflow() {
        let mut report = Report::default();
        report.increment("gitops_sync", 0);
        report.add_ids("flux_git_push_notified_unique_projects", BTreeSet::new());
        assert!(report.is_empty());
        report.increment("gitops_sync", 2);
        report.increment("gitops_sync", i64::MAX);
        assert_eq!(report.counters["gitops_sync"], i64::MAX);
    }

    #[test]
    fn each_user_is_an_event_under_both_names() {
        let mut report = Report::default();
        report.add_ids(UNIQUE_SETS[1], [7, 8].into());
        report.add_ids("flux_git_push_notified_unique_projects", [7].into());
        report.events.push(Event::of_user(USER_EVENTS[2], None, Some(9)));
        report.events.push(Event::of_user(REGISTER_AGENT, None, Some(9)));
        let events: Vec<_> =
            report.all_events().map(|event| (event.name, event.user_id, event.project_id)).collect();
        let expected = [
            (USER_EVENTS[2], None, Some(9)),
            (CI_TUNNEL, None, Some(9)),
            (REGISTER_AGENT, None, Some(9)),
            (UNIQUE_SETS[1], Some(7), None),
            (CI_TUNNEL, Some(7), None),
            (UNIQUE_SETS[1], Some(8), None),
            (CI_TUNNEL, Some(8), None),
        ];
        assert_eq!(events, expected);
    }
}

//! Alerts about a cluster, as agentk's module for Cilium or any other tool sends them.
use chrono::{DateTime, NaiveDateTime};

use crate::agents::vulnerability::{Fingerprint, fingerprint};
use crate::json::{Json, Kind};

const UNTITLED: &str = "New: Alert";
const TOOL: &str = "Cilium";

/// One alert, with texts cut to the length of their columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The title, at most 200 characters.
    pub title: String,
    /// The description, at most 1,000 characters.
    pub description: Option<String>,
    /// The affected service, at most 100 characters.
    pub service: Option<String>,
    /// The tool that sent the alert, at most 100 characters.
    pub monitoring_tool: String,
    /// The affected hosts, together at most 255 characters.
    pub hosts: Vec<String>,
    /// 0 critical, 1 high, 2 medium, 3 low, 4 info, 5 unknown
    pub severity: i16,
    /// Identifies alerts about the same problem.
    pub fingerprint: Fingerprint,
    /// When the problem began.
    pub started_at: NaiveDateTime,
    /// When it ended; `None` while it is open.
    pub ended_at: Option<NaiveDateTime>,
    /// The alert as sent, as JSON text.
    pub payload: String,
}

impl Alert {
    /// Reads an alert that was sent at `now`. Members of the wrong type count as absent.
    pub fn read(payload: Json<'_>, now: NaiveDateTime) -> Self {
        let at = |path: &[&str]| {
            let value = path.iter().try_fold(payload, |value, name| value.get(name));
            value.and_then(text)
        };
        let title = at(&["title"]).or_else(|| at(&["ciliumNetworkPolicy", "metadata", "name"]));
        let title = cut(&title.unwrap_or_else(|| UNTITLED.to_owned()), 200);
        let named = at(&["fingerprint"]).unwrap_or_else(|| {
            let part = |path: &[&str]| at(path).unwrap_or_default();
            let namespace = part(&["ciliumNetworkPolicy", "metadata", "namespace"]);
            let source = part(&["flow", "source", "namespace"]);
            let destination = part(&["flow", "destination", "namespace"]);
            format!("{title}:{namespace}:{source}:{destination}")
        });
        let timestamp = |path: &[&str]| at(path).as_deref().and_then(timestamp);
        Self {
            description: at(&["description"]).map(|text| cut(&text, 1000)),
            service: at(&["service"]).map(|text| cut(&text, 100)),
            monitoring_tool: cut(at(&["monitoring_tool"]).as_deref().unwrap_or(TOOL), 100),
            hosts: payload.get("hosts").map(hosts).unwrap_or_default(),
            severity: severity(at(&["severity"]).as_deref()),
            fingerprint: fingerprint(&named),
            started_at: timestamp(&["start_time"]).or_else(|| timestamp(&["flow", "time"])).unwrap_or(now),
            ended_at: at(&["end_time"]).map(|text| self::timestamp(&text).unwrap_or(now)),
            title,
            payload: payload.as_json().to_owned(),
        }
    }
}

/// A string that is not blank, or the digits of a number.
fn text(value: Json<'_>) -> Option<String> {
    match value.kind() {
        Kind::Text(text) if !text.trim().is_empty() => Some(text.into_owned()),
        Kind::Number(digits) => Some(digits.to_owned()),
        _ => None,
    }
}

fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

fn severity(word: Option<&str>) -> i16 {
    match word.unwrap_or_default().to_ascii_lowercase().as_str() {
        "high" => 1,
        "medium" => 2,
        "low" => 3,
        "info" => 4,
        "unknown" => 5,
        _ => 0,
    }
}

/// Characters of all hosts together.
const MAX_HOSTS_CHARACTERS: usize = 255;

/// One host, or nested lists of hosts, as one list.
fn hosts(value: Json<'_>) -> Vec<String> {
    let (mut room, mut found) = (MAX_HOSTS_CHARACTERS, Vec::new());
    collect_hosts(value, &mut room, &mut found);
    found
}

/// Adds hosts while there is room. A document is nested at most [`crate::json::MAX_DEPTH`] deep.
fn collect_hosts(value: Json<'_>, room: &mut usize, found: &mut Vec<String>) {
    if let Some(items) = value.items() {
        for item in items {
            if *room == 0 {
                return;
            }
            collect_hosts(item, room, found);
        }
    } else if let Some(host) = text(value) {
        let length = host.chars().count();
        if length <= *room {
            *room -= length;
            found.push(host);
        } else {
            *room = 0;
        }
    }
}

/// A timestamp in a form that monitoring tools write. Without a zone it is UTC.
fn timestamp(text: &str) -> Option<NaiveDateTime> {
    let zoned = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc2822(text));
    let plain = || {
        let text = text.trim_end_matches(" UTC");
        ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
    };
    let timestamp = zoned.map(|timestamp| timestamp.naive_utc()).ok().or_else(plain)?;
    // The databases store whole microseconds.
    DateTime::from_timestamp_micros(timestamp.and_utc().timestamp_micros()).map(|found| found.naive_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(payload: &Value) -> Alert {
        Alert::read(Json::parse(payload.to_string().as_bytes()).unwrap(), now())
    }

    fn now() -> NaiveDateTime {
        timestamp("2022-06-02T05:36:26Z").unwrap()
    }

    #[test]
    fn alert_of_agentk_is_named_after_its_policy() {
        let flow = json!({
            "time": "2021-01-02T03:04:05.5+01:00", "source": { "namespace": "a" },
            "destination": { "namespace": "b" },
        });
        let policy = json!({ "metadata": { "name": "deny-all", "namespace": "n" } });
        let alert = read(&json!({ "flow": flow, "ciliumNetworkPolicy": policy }));
        assert_eq!(
            (alert.title.as_str(), alert.monitoring_tool.as_str(), alert.severity),
            ("deny-all", "Cilium", 0)
        );
        assert_eq!(alert.started_at, timestamp("2021-01-02 02:04:05.5 UTC").unwrap());
        assert_eq!(alert.fingerprint, fingerprint("deny-all:n:a:b"));
        assert_eq!(alert.ended_at, None);
    }

    #[test]
    fn texts_are_cut_to_their_columns() {
        let alert = read(&json!({
            "title": "ü".repeat(300), "description": "d".repeat(2000), "service": "s".repeat(200),
            "severity": "Low", "monitoring_tool": "m".repeat(200), "fingerprint": 7,
            "end_time": "2021-01-02T03:04:05", "start_time": "soon",
            "hosts": ["a", ["b", { "c": 1 }, 4], "d".repeat(260), "e"],
        }));
        let lengths = [
            Some(&alert.title),
            alert.description.as_ref(),
            alert.service.as_ref(),
            Some(&alert.monitoring_tool),
        ];
        assert_eq!(
            lengths.map(|text| text.map(|text| text.chars().count())),
            [Some(200), Some(1000), Some(100), Some(100)]
        );
        assert_eq!((alert.severity, alert.fingerprint), (3, fingerprint("7")));
        assert_eq!(alert.hosts, ["a", "b", "4"]);
        assert_eq!((alert.started_at, alert.ended_at), (now(), timestamp("2021-01-02T03:04:05Z")));
    }

    #[test]
    fn empty_alert_has_defaults() {
        let alert = read(&json!({}));
        assert_eq!((alert.title.as_str(), alert.started_at), (UNTITLED, now()));
        assert_eq!(alert.fingerprint, fingerprint("New: Alert:::"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(
            title in "\\PC*", time in "\\PC*", hosts in proptest::collection::vec("\\PC{0,99}", 0..9)
        ) {
            let alert = read(&json!({ "title": title, "start_time": time, "hosts": hosts }));
            proptest::prop_assert!(alert.title.chars().count() <= 200);
            proptest::prop_assert!(alert.hosts.iter().map(|host| host.chars().count()).sum::<usize>() <= 255);
        }
    }
}
